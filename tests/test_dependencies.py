"""The lock file holds what is asked for, with hashes; the audit notices files that were changed."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("audit_script", SCRIPTS / "audit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("lock", None)


def test_the_lock_holds_what_is_asked_for(audit):
    assert not audit.problems()
    assert len(audit.locked()) > 60 and all(hashes for _, hashes in audit.locked().values())


def test_a_changed_file_is_noticed(audit, tmp_path: Path):
    from importlib.metadata import PathDistribution

    (tmp_path / "toy-1.dist-info").mkdir()
    (tmp_path / "toy.py").write_text("x = 1\n")
    good = "sha256=VCg8P_YQBdAfFs87-3e0rf0A4PSm3PmfBQxQ7tn4kP8"
    (tmp_path / "toy-1.dist-info" / "RECORD").write_text(f"toy.py,{good},6\ngone.py,{good},6\n")
    found = audit.changed_files(PathDistribution(tmp_path / "toy-1.dist-info"))
    assert found == ["toy.py was changed", "gone.py is missing"]
