"""A picture of one frame of a .blend of emote3d, by Cycles on the processor.

blender -b talk.blend -P examples/blender/render_still.py -- talk.png 45
python examples/blender/render_still.py talk.png 45 talk.blend        # a Python with bpy
"""

import sys
from pathlib import Path

import bpy


def main(picture: str, frame: int, scene_path: str | None = None) -> None:
    """Render frame `frame` of the open (or named) scene."""
    if scene_path:
        bpy.ops.wm.open_mainfile(filepath=str(Path(scene_path).resolve()))
    scene = bpy.context.scene
    if scene.world is None:
        scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.35, 0.37, 0.4, 1)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 32, False  # Debian's Blender is built without the denoiser
    scene.render.resolution_x = scene.render.resolution_y = 360
    scene.render.filepath = str(Path(picture).resolve())
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)


arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
main(arguments[0], int(arguments[1]), arguments[2] if len(arguments) > 2 else None)
