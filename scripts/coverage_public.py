"""Runs tests and lists the public functions and methods of emote3d that none of them calls.

    python scripts/coverage_public.py [PYTEST ARGUMENTS]       # needs coverage (pip install coverage); the whole suite takes minutes
    python scripts/coverage_public.py --report coverage.json   # from a run that was made before with --keep coverage.json

Verbs that tests run in processes of their own are counted too. Compiled kernels run where no tracer sees them: they count where
numba loaded or compiled them for a call. Exit code 1 where something is never called.
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
KERNELS = "EMOTE3D_KERNELS_CALLED"
NOT_HERE = {
    "emote3d/export/blender_addon.py": "runs inside of Blender, in another Python: `pytest -m blender`",
    "emote3d/render/pyrender_backend.py": "an extra that CI does not install; tests/render tests it where it is",
    "emote3d/render/pytorch3d_backend.py": "no wheel on PyPI; tests/render tests it where it is",
}
"""Files that are left out, and why."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Name and definition of what is public: functions, and methods of public classes that are no protocols."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node
        elif (
            isinstance(node, ast.ClassDef)
            and not node.name.startswith("_")
            and "Protocol" not in map(ast.unparse, node.bases)
        ):
            for inner in node.body:
                abstract = isinstance(inner, Function) and "abstractmethod" in map(ast.unparse, inner.decorator_list)
                if isinstance(inner, Function) and not inner.name.startswith("_") and not abstract:
                    yield f"{node.name}.{inner.name}", inner


def lines_of(node: Function) -> set[int]:
    """Lines of the body but for the docstring; none where nothing is left."""
    parts = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return {line for part in parts for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)}


def never_called(lines_by_file: dict[str, set[int]], kernels: set[str]) -> list[str]:
    """Public functions of which no line ran, but for those of `NOT_HERE`."""
    missing = []
    for path in sorted((ROOT / "emote3d").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        ran = lines_by_file.get(name, set())
        for function, node in public(ast.parse(path.read_text(encoding="utf-8"))):
            body = lines_of(node)
            if name not in NOT_HERE and body and not body & ran and f"{name} {function}" not in kernels:
                missing.append(f"{name}:{node.lineno} {function}")
    return missing


def pytest_sessionfinish() -> None:
    """As a plugin of the run: write down the kernels that were called in this process."""
    from emote3d.render.compiling import called_kernels

    found = [f"{Path(file).resolve().relative_to(ROOT).as_posix()} {name}" for file, name in called_kernels()]
    Path(os.environ[KERNELS]).write_text(json.dumps(found))


def run(arguments: list[str], folder: Path) -> Path:
    """Run pytest under coverage, child processes too; gives coverage's JSON with the kernels beside its files."""
    settings, report, kernels = (folder / name for name in ("coveragerc", "coverage.json", "kernels.json"))
    settings.write_text(
        f"[run]\nsource = {ROOT}/emote3d\nparallel = true\ndata_file = {folder / 'data'}\n"
        "concurrency = thread,multiprocessing\npatch = subprocess\nsigterm = true\n"
    )
    coverage = [sys.executable, "-m", "coverage"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])
    here = os.environ | {"COVERAGE_RCFILE": str(settings), KERNELS: str(kernels), "PYTHONPATH": path}
    tests = [*coverage, "run", "-m", "pytest", "-p", "coverage_public", *arguments]
    subprocess.run(tests, cwd=ROOT, env=here, check=False)
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=here, check=True)
    subprocess.run([*coverage, "json", "-q", "-o", str(report)], cwd=ROOT, env=here, check=True)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    report.write_text(json.dumps({"files": files, "kernels": json.loads(kernels.read_text())}))
    return report


def main() -> int:
    """Run or read, and list."""
    arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        if arguments[:1] == ["--report"]:
            facts = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
        else:
            kept = Path(arguments[1]) if arguments[:1] == ["--keep"] else None
            facts = json.loads(run(arguments[2:] if kept else arguments, Path(folder)).read_text(encoding="utf-8"))
            if kept is not None:
                kept.write_text(json.dumps(facts))
    lines = {name: set(file["executed_lines"]) for name, file in facts["files"].items()}
    missing = never_called(lines, set(facts["kernels"]))
    print("\n".join(missing) or "every public function is called by a test")
    print(f"{len(missing)} public functions are never called; left out:")
    print("\n".join(f"  {name}: {why}" for name, why in NOT_HERE.items()))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
