"""Runs tests and lists the public functions and methods of emote3d that none of them calls.

    python scripts/coverage_public.py [PYTEST ARGUMENTS]       # needs coverage (pip install coverage); the whole suite takes minutes
    python scripts/coverage_public.py --report coverage.json   # from a run that was made before

Verbs that tests run in processes of their own are counted too. Exit code 1 where something is never called.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_HERE = ("emote3d/export/blender_addon.py",)
"""Runs inside of Blender, in another Python: `pytest -m blender`."""


def public(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Name and definition of what is public: functions, and methods of public classes that are no protocols."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        elif (
            isinstance(node, ast.ClassDef)
            and not node.name.startswith("_")
            and "Protocol" not in map(ast.unparse, node.bases)
        ):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def never_called(lines_by_file: dict[str, set[int]]) -> list[str]:
    """Public functions none of whose lines but the first ran."""
    missing = []
    for path in sorted((ROOT / "emote3d").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in NOT_HERE:
            continue
        ran = lines_by_file.get(name, set())
        for function, node in public(ast.parse(path.read_text(encoding="utf-8"))):
            body = [
                part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
            if body and not any(
                line in ran for part in body for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)
            ):
                missing.append(f"{name}:{node.lineno} {function}")
    return missing


def run(arguments: list[str], folder: Path) -> Path:
    """Run pytest under coverage, child processes too."""
    settings = folder / "coveragerc"
    data = folder / "data"
    settings.write_text(
        f"[run]\nsource = {ROOT}/emote3d\nparallel = true\ndata_file = {data}\nconcurrency = thread,multiprocessing\npatch = subprocess\nsigterm = true\n"
    )
    coverage = [sys.executable, "-m", "coverage"]
    here = os.environ | {"COVERAGE_RCFILE": str(settings)}
    subprocess.run([*coverage, "run", "-m", "pytest", *arguments], cwd=ROOT, env=here, check=False)
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=here, check=True)
    subprocess.run([*coverage, "json", "-q", "-o", str(folder / "coverage.json")], cwd=ROOT, env=here, check=True)
    return folder / "coverage.json"


def main() -> int:
    """Run or read, and list."""
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(arguments[1]) if arguments[:1] == ["--report"] else run(arguments, Path(folder))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    missing = never_called({name: set(facts["executed_lines"]) for name, facts in files.items()})
    print("\n".join(missing) or "every public function is called by a test")
    print(f"{len(missing)} public functions are never called")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
