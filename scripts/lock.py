"""Writes requirements.lock: the versions of constraints.txt with the SHA-256 of each of their files, for every platform.

    python scripts/lock.py            # needs uv (pip install uv) and a package index
    python scripts/lock.py --check    # needs neither: does the lock hold what constraints.txt and pyproject.toml ask for?

Install from it with `pip install --require-hashes -r requirements.lock && pip install --no-deps .`. Hashes are the index's own. PyPI's torch for Linux
brings CUDA along; a CPU build comes from another index, whose files have other hashes, so `make.py` installs by constraints.txt instead.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("dev", "train", "serve", "usd", "plot", "pyrender")


def plain(name: str) -> str:
    """A package's name in its one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(path: Path = LOCK) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package in a lock."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line):
            name = plain(match[1])
            found[name] = (match[2], 0)
        elif line.strip().startswith("--hash=sha256:"):
            found[name] = (found[name][0], found[name][1] + 1)
    return found


def problems() -> list[str]:
    """Where the lock does not hold what is asked for."""
    lock = locked()
    found = [f"{name} has no hash" for name, (_, hashes) in lock.items() if not hashes]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if "==" in line]
    for name, _, version in pins:
        if plain(name) in lock and lock[plain(name)][0] != version.strip():
            found.append(f"{name} is locked at {lock[plain(name)][0]} and constrained to {version}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    found += [f"{one} is not locked" for one in wanted if plain(re.split(r"[\s<>=!~;\[]", one)[0]) not in lock]
    return found


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        uv = shutil.which("uv")
        if uv is None:
            print("uv is missing: pip install uv", file=sys.stderr)
            return 2
        extras = [word for extra in EXTRAS for word in ("--extra", extra)]
        command = [
            uv,
            "pip",
            "compile",
            "pyproject.toml",
            *extras,
            "-c",
            "constraints.txt",
            "--generate-hashes",
            "--universal",
        ]
        command += ["--python-version", "3.11", "--native-tls", "--no-annotate", "--quiet", "-o", str(LOCK)]
        command += ["--custom-compile-command", "python scripts/lock.py"]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return 2
    found = problems()
    print("\n".join(found) or f"{len(locked())} packages, all with hashes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
