"""Every command of README.md and docs/*.md: each is parsed with its exact flags, and those below are run, on a short recording.

EMOTE3D_SLOW_TESTS=1 runs them all, but for those of `ELSEWHERE`, which need files that may not be shipped (they are run on synthetic files of
the same layout by other tests), a display, a network or hours.
"""

import contextlib
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tyro
from faults_driver import tone
from retarget.synthetic import make_model
from test_cli import run_here

from emote3d import Direction, Emote3D
from emote3d.cli import _command
from emote3d.errors import Emote3DError

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SLOW = bool(os.environ.get("EMOTE3D_SLOW_TESTS"))
ELSEWHERE = {
    "emote3d import-checkpoint emote": "tests/official/test_emote_import.py",
    "emote3d import-checkpoint flint": "tests/official/test_emote_import.py",
    "emote3d import-checkpoint amuse": "tests/official/test_amuse_import.py",
    "--checkpoint checkpoints/amuse": "tests/performers/test_amuse_body.py",
    "--checkpoint my-body": "tests/training/test_train_body.py",
    "--checkpoint checkpoints/mine": "tests/training/test_train_body.py",
    "--checkpoint my-emote": "tests/official/test_emote_import.py",
    "emote3d train": "tests/training",
    "emote3d serve": "tests/stream/test_server.py",
    "emote3d view": "tests/stream/test_page.py",
    ".blend": "tests/export/test_blender.py (pytest -m blender)",
    "blender -b": "tests/export/test_blender.py (pytest -m blender)",
    ".usd": "tests/export/test_usd.py (usd-core)",
    "npm ": "tests/export/test_glb.py",
    "make.py": "CI",
    "python3 -m venv": "CI",
    "pip install": "CI",
    "emote3d bench": "tests/test_benchmark.py",
    "emote3d batch": "tests/test_batch.py",
    "pytest": "CI",
}
"""Part of a command: what runs it instead."""
QUICK = ("emote3d animate", "emote3d redirect", "emote3d explain", "emote3d evaluate", "emote3d export")


@dataclass(frozen=True)
class Line:
    """A command of a page."""

    page: Path
    number: int
    text: str

    @property
    def words(self) -> list[str]:
        """As a shell gives them to a program."""
        return shlex.split(self.text, comments=True)


def blocks(page: Path) -> list[tuple[int, str, list[str]]]:
    """(line number, language, lines) of fenced blocks; those of blocks indented by four spaces, language none."""
    found, inside, language, start = [], None, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if inside is None:
                inside, language, start = [], line[3:].strip(), number + 1
            else:
                found.append((start, language, inside))
                inside = None
        elif inside is not None:
            inside.append(line)
        elif line.startswith("    "):
            found.append((number, "", [line[4:]]))
    return found


def commands(page: Path) -> list[Line]:
    """All lines that a shell is to run; a backslash joins two."""
    lines = []
    for start, language, text in blocks(page):
        if language not in ("", "bash", "sh", "console"):
            continue
        waiting = ""
        for number, line in enumerate(text, start):
            waiting += line.removesuffix("\\")
            if line.endswith("\\"):
                continue
            for part in re.split(r" && ", waiting):
                if (
                    re.match(r"(emote3d|python3?|pip|blender|npm|cd|cp|make|scripts/|PYTHONPATH=)( |\S*=)?", part)
                    and " " in part
                ):
                    lines.append(Line(page, number, part.strip()))
            waiting = ""
    return lines


EVERY = [line for page in PAGES for line in commands(page)]


def test_there_are_commands():
    assert len(EVERY) > 40 and {line.page.name for line in EVERY} >= {
        "README.md",
        "export.md",
        "emote.md",
        "evaluate.md",
    }


@pytest.mark.parametrize(
    "line", [line for line in EVERY if line.words[0] == "emote3d"], ids=lambda one: f"{one.page.name}:{one.number}"
)
def test_flags_are_known(line: Line):
    with contextlib.suppress(SystemExit):
        try:
            tyro.cli(_command(), args=line.words[1:], prog="emote3d")
        except Emote3DError as error:
            assert "there is no file" in str(error), error
        return
    pytest.fail(f"{line.page.name}:{line.number}: {line.text}")


@pytest.mark.parametrize(
    "line",
    [line for line in EVERY if re.match(r"(PYTHONPATH=\S+ )?python3? \S+\.py", line.text)],
    ids=lambda one: f"{one.page.name}:{one.number}",
)
def test_scripts_and_their_flags_exist(line: Line):
    words = [word for word in line.words if not word.startswith("PYTHONPATH=")]
    script = ROOT / words[1]
    assert script.is_file()
    if SLOW and script.parent.name == "scripts" and script.stem != "blender_export":
        here = os.environ | {"PYTHONPATH": str(ROOT)}
        verb = [
            word
            for word in words[2:3]
            if (not word.startswith("-") and "." not in word and word.isidentifier()) or "-" in word[1:]
        ]
        done = subprocess.run(
            [sys.executable, script, *[v for v in verb if not v.startswith("-")], "--help"],
            capture_output=True,
            text=True,
            check=False,
            env=here,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        for flag in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert flag in done.stdout, f"{line.text}: {flag}"


def elsewhere(line: Line) -> bool:
    return any(part in line.text for part in ELSEWHERE)


def write_models(folder: Path) -> None:
    """FLAME's and SMPL-X' layouts, and an avatar of the user's own."""
    for joints, name in ((5, "generic_model.pkl"), (55, "SMPLX_NEUTRAL.npz")):
        (inside := folder / f"model{joints}").mkdir()
        made = make_model(inside, joints=joints, seed=1, faces=6000, basis=100).path
        if name.endswith(".npz"):
            shutil.copy(made, folder / name)
            continue
        for file in inside.glob("*landmark*"):
            shutil.copy(file, folder / file.name)
        with np.load(made, allow_pickle=True) as file, (folder / name).open("wb") as target:
            pickle.dump({key: file[key] for key in file.files}, target, protocol=2)
    assert run_here("export", folder / "motion.npz", "-o", folder / "avatar.glb", "-q").returncode == 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages speak of: recordings, model files in FLAME's and SMPL-X' layout, an avatar, a scene."""
    kept = tmp_path_factory.getbasetemp() / "docs-inputs"
    if not kept.exists():
        kept.mkdir()
        for name in (
            "speech.wav",
            "other.wav",
            "angry.wav",
            "assets/audio/demo-congrats.flac",
            "assets/audio/angry-german.flac",
            "examples/three/speech.wav",
        ):
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            longer = {"speech.wav": 4.2 if SLOW else 2.2, "other.wav": 2.6 if SLOW else 1.5}
            tone(kept / name, longer.get(name, 2.6 if "angry-german" in name else 0.5))
        (kept / "scene.yaml").write_text(
            next("\n".join(text) for _, language, text in blocks(ROOT / "docs/direction.md") if language == "yaml")
        )
        assert run_here("animate", kept / "speech.wav", "-o", kept / "motion.npz", "-q").returncode == 0
        shutil.copy(kept / "motion.npz", kept / "talk.npz")
        if SLOW:
            write_models(kept)
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path_factory.getbasetemp() / "docs-cache"))
    return tmp_path


PYTHON = [
    (page, start, "\n".join(text)) for page in PAGES for start, language, text in blocks(page) if language == "python"
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run(page: Path, place: Path):
    """In the order of the page, so that one finds what another wrote; slow ones (pictures, maps of models) where asked for."""
    for _, _, code in PYTHON:
        if SLOW and "savez" in code and code in page.read_text(encoding="utf-8"):
            exec(code, {"__name__": "docs"})  # writes what the page's commands read
    for line in (line for line in EVERY if line.page == page and line.words[0] == "emote3d" and not elsewhere(line)):
        if SLOW or (line.text.startswith(QUICK) and ".mp4" not in line.text):
            result = run_here(*line.words[1:])
            assert result.returncode == 0, f"{line.text}: {result.stderr}"


@pytest.mark.parametrize(("page", "start", "code"), PYTHON, ids=lambda one: one.name if isinstance(one, Path) else None)
def test_python_runs(page: Path, start: int, code: str, place: Path):
    compiled = compile("\n" * (start - 1) + code, str(page), "exec")
    if "checkpoints/amuse" in code:
        return  # needs AMUSE's files; tests/performers/test_amuse_body.py
    given = {
        "pcm_16khz": np.zeros(16000, np.int16),
        "send": repr,
        "show": repr,
        "engine": Emote3D.from_pretrained(),
        "Direction": Direction,
    }
    exec(compiled, given | {"__name__": "docs"})


def test_every_page_is_listed_and_links_lead_somewhere():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert page.parent == ROOT or page.name == "README.md" or f"({page.name}" in index, (
            f"{page.name} is not in docs/README.md"
        )
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", text):
            heads = re.findall(
                r"^#+ (.*)$", (page.parent / link if link else page).read_text(encoding="utf-8"), re.MULTILINE
            )
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{page.name}: {link}#{anchor}"
