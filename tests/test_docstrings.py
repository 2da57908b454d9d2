"""Whatever is public says what it does, and what it refuses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "emote3d"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Name and definition of the public functions, classes and methods; properties too."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def refuses(node: ast.AST) -> bool:
    """Whether there is a `raise Emote3DError` in a function; one inside a function of its own is not counted."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        return "Emote3DError" in ast.unparse(node.exc)
    return any(refuses(inner) for inner in ast.iter_child_nodes(node) if not isinstance(inner, Definition | ast.Lambda))


def faults(tree: ast.Module) -> list[str]:
    """What is public without a docstring, or raises Emote3DError without saying so."""
    found = [] if ast.get_docstring(tree) else ["the module has no docstring"]
    for name, node in public(tree.body):
        said = ast.get_docstring(node) or ""
        if not said.strip():
            found.append(f"{name} has no docstring")
        elif not isinstance(node, ast.ClassDef) and refuses(node) and "Emote3DError" not in said:
            found.append(f"{name} raises Emote3DError and does not say so")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_public_names_say_what_they_do_and_refuse(path: Path):
    assert faults(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_faults_are_found():
    tree = ast.parse(
        '"""Words."""\n'
        "def silent(): pass\n"
        'def refusing():\n    """Words."""\n    raise Emote3DError("no")\n'
        'def honest():\n    """Raises `Emote3DError`."""\n    raise Emote3DError("no")\n'
        'class Kind:\n    """Words."""\n    @property\n    def bare(self): return 1\n'
        "    def _own(self): pass\n"
    )
    assert faults(tree) == [
        "silent has no docstring",
        "refusing raises Emote3DError and does not say so",
        "Kind.bare has no docstring",
    ]
