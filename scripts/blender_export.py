"""emote3d motion to .blend, .fbx or .abc, in plain Blender or with the package bpy.

    blender -b -P scripts/blender_export.py -- motion.npz talk.blend talk.fbx --sound speech.wav
    python scripts/blender_export.py motion.npz talk.blend            # a Python with bpy

The work is done by the add-on `emote3d/export/blender_addon.py`, which needs no other part of emote3d.
"""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(
        str(Path(__file__).resolve().parents[1] / "emote3d" / "export" / "blender_addon.py"), run_name="__main__"
    )
