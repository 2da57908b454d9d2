"""Checks the dependencies: known holes where a vulnerability database can be reached, and always what can be checked without a network.

    python scripts/audit.py [--offline]

Without a network it still checks that the installed files are those that their packages brought (SHA-256 in each RECORD), that installed versions
are the locked ones, that nothing installed lacks what it needs, and that the lock holds what is asked for; and says that holes were not looked up.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from lock import LOCK, locked, plain, problems

TIME_LIMIT_S = 300


def changed_files(package: Distribution) -> list[str]:
    """Files of an installed package that are missing or differ from its RECORD; caches and scripts that pip rewrites are left out."""
    found = []
    for file in package.files or ():
        if file.hash is None or file.suffix == ".pyc" or ".." in file.parts:
            continue
        path = Path(str(file.locate()))
        if not path.is_file():
            found.append(f"{file} is missing")
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, file.hash.mode).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            found.append(f"{file} was changed")
    return found


def offline() -> list[str]:
    """What can be found without a network."""
    lock, found = locked(), [f"lock: {problem}" for problem in problems()]
    for package in distributions():
        name, version = plain(package.metadata["Name"]), package.version
        found += [f"{name}: {problem}" for problem in changed_files(package)]
        if name in lock and lock[name][0] != version.split("+")[0]:
            found.append(f"{name} {version} is installed, {lock[name][0]} is locked")
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    if done.returncode:
        found += [f"pip check: {line}" for line in done.stdout.splitlines()]
    return found


def known_holes() -> tuple[str, bool]:
    """What pip-audit says, and whether all is well; (why not, True) where it cannot be asked."""
    if importlib.util.find_spec("pip_audit") is None:
        return "known holes were not looked up: pip install pip-audit", True
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "-r", str(LOCK)]
    command += ["--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return "known holes were not looked up: no database can be reached", True
    asked = [package for package in packages if "skip_reason" not in package]
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in asked for hole in one["vulns"]]
    missed = len(packages) - len(asked)
    if missed:
        holes.append(
            f"known holes of {missed} of {len(packages)} packages were not looked up: the database does not know or answer"
        )
    return "\n".join(holes) or f"no known hole in {len(asked)} packages", len(holes) == bool(missed)


def main() -> int:
    """Check and print; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--offline", action="store_true", help="do not try to look up known holes")
    arguments = parser.parse_args()
    found = offline()
    print("\n".join(found) or "installed files, versions and the lock agree")
    said, well = ("known holes were not looked up (--offline)", True) if arguments.offline else known_holes()
    print(said)
    return 0 if well and not found else 1


if __name__ == "__main__":
    sys.exit(main())
