"""Set up a virtual environment in .venv and run the demo or the tests: `python3 make.py demo`, `python3 make.py test`.

Needs Python >= 3.11 with venv and nothing else. A second call reuses the environment.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
DEMO = [
    "render", "assets/audio/demo-congrats.flac", "-o", "demo.mp4", "--emotion", "happy:0.8", "--view", "face",
]  # fmt: skip
CHECKS = (
    [BIN / "ruff", "check", "."],
    [BIN / "ruff", "format", "--check", "."],
    [BIN / "pyright", "--pythonpath", BIN / "python"],
    [BIN / "lint-imports"],
    [BIN / "python", "-m", "pytest"],
)


def install(extras: str) -> None:
    """Install the project with pinned dependencies, unless exactly that has been done."""
    requirement = f".[{extras}]" if extras else "."
    pinned = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    wanted = hashlib.sha256(pinned).hexdigest()
    done = VENV / f"installed-{extras.replace(',', '-') or 'base'}"
    if done.exists() and done.read_text() == wanted:
        return
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        venv.create(VENV, with_pip=True)
    pip = [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", "constraints.txt", "-e", requirement], cwd=ROOT, check=True)
    done.write_text(wanted)


def main() -> int:
    """Run the demo or the tests; the exit code is theirs."""
    if sys.version_info < (3, 11):  # noqa: UP036  run by whatever python3 is there
        print(f"emote3d needs Python 3.11 or newer, this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    match sys.argv[1:]:
        case ["demo"]:
            install("")
            return subprocess.run([BIN / "emote3d", *DEMO], cwd=ROOT, check=False).returncode
        case ["test"]:
            install("dev,train,serve,usd,plot")
            codes = [subprocess.run(check, cwd=ROOT, check=False).returncode for check in CHECKS]
            return max(codes)
        case _:
            print("usage: python3 make.py demo | test", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
