"""Which Blender writes, and what is said when it cannot: without one, by programs that fail."""

from pathlib import Path

import pytest

from emote3d.errors import Emote3DError
from emote3d.export.blender import BLENDER_VARIABLE, find_blender, write_with_blender
from emote3d.export.registry import Export
from emote3d.records import Motion


def program(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv(BLENDER_VARIABLE, str(path))
    return path


def test_the_variable_names_a_blender_or_a_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = program(tmp_path, "blender", "", monkeypatch)
    assert find_blender()[:3] == [str(found), "-b", "--factory-startup"] and find_blender()[-1] == "--"
    python = program(tmp_path, "python3", "", monkeypatch)
    assert find_blender()[0] == str(python) and len(find_blender()) == 2
    monkeypatch.setenv(BLENDER_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(Emote3DError, match=f"expected {BLENDER_VARIABLE} to name a Blender"):
        find_blender()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo noise; echo 'emote3d: no such bone' >&2; exit 1", "^Blender failed: no such bone$"),
        ("echo 'out of memory'; exit 3", "^Blender failed: out of memory$"),
        ("exit 0", "Blender ended without writing it"),
    ],
)
def test_a_blender_that_fails_is_one_line_and_leaves_nothing(
    text: str, told: str, tmp_path: Path, talking: Motion, monkeypatch: pytest.MonkeyPatch
):
    program(tmp_path, "blender", text, monkeypatch)
    (out := tmp_path / "out").mkdir()
    with pytest.raises(Emote3DError, match=told) as error:
        write_with_blender(Export(talking), out / "talk.blend")
    assert "\n" not in str(error.value) and list(out.iterdir()) == []


def test_what_blender_wrote_is_the_file(tmp_path: Path, talking: Motion, monkeypatch: pytest.MonkeyPatch):
    copy = 'while [ "$1" != "--" ]; do shift; done; echo "$4 $5" > "$3"'  # motion, output, --avatar, its path
    program(tmp_path, "blender", copy, monkeypatch)
    assert write_with_blender(Export(talking), tmp_path / "talk.fbx") == []
    assert (tmp_path / "talk.fbx").read_text().startswith("--avatar /")
