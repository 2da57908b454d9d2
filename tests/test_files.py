import errno
import os
from pathlib import Path

import pytest

from emote3d.errors import Emote3DError
from emote3d.files import asset_path, atomic_folder, atomic_path, require_writable


def test_output_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "motion.npz"
    target.write_bytes(b"old")
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.suffix == ".npz" and temporary.parent == target.parent
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["motion.npz"]


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_nothing_partial_stays(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), atomic_path(tmp_path / "talk.mp4") as temporary:
        temporary.write_bytes(b"half")
        raise stop
    assert not list(tmp_path.iterdir())


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Emote3DError, match=r"cannot write .*talk\.mp4"), atomic_path(tmp_path / "talk.mp4"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "talk.mp4"):
        (tmp_path / "input.wav").open()


def test_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    with atomic_path(tmp_path / "link.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "real.csv").read_text() == "new" and (tmp_path / "link.csv").is_symlink()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (".", "it is a folder"),
        ("nowhere/talk.mp4", "there is no folder"),
        ("file/talk.mp4", "there is no folder"),
        ("/proc/talk.mp4", "cannot write"),
        ("/dev/null", "not a regular file"),
        ("x" * 300, "cannot write"),
    ],
)
def test_unwritable_is_found_in_advance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(Emote3DError, match=says):
        require_writable(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_folder_is_replaced_whole_but_never_a_strangers(tmp_path: Path) -> None:
    members = frozenset({"a", "b"})
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "deep" / "component", members) as temporary:
            (temporary / "a").write_text(content)
    assert (tmp_path / "deep/component/a").read_text() == "new"
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "deep/component", members) as temporary:
        (temporary / "a").write_text("half")
        raise RuntimeError
    assert (tmp_path / "deep/component/a").read_text() == "new"
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["component"]
    (tmp_path / "deep/component/thesis.tex").touch()
    with pytest.raises(Emote3DError, match="something else"), atomic_folder(tmp_path / "deep/component", members):
        pass


def test_assets_are_found() -> None:
    assert asset_path("assets").is_dir()
    with pytest.raises(Emote3DError, match="assets/nothing is missing"):
        asset_path("assets", "nothing")
