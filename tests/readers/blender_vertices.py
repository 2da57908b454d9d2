"""Run by Blender: vertices and facts of a scene file at some frames, as an npz.

blender -b -P blender_vertices.py -- scene.blend|.fbx|.abc|.glb|.usdc|.pc2 out.npz FRAME...
"""

import sys
from pathlib import Path

import bpy
import numpy as np


def load(path: str) -> None:
    """Open or import by suffix; imported scenes keep their frame numbers."""
    suffix = Path(path).suffix
    if suffix == ".blend":
        bpy.ops.wm.open_mainfile(filepath=path)
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30  # .abc and .glb count in seconds
    if suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=path, anim_offset=0.0)
    elif suffix == ".glb":
        if not hasattr(np, "bool"):
            np.bool = bool  # Debian's Blender 3.4 uses the old name, which Debian's numpy has no more
        bpy.ops.import_scene.gltf(filepath=path)
    elif suffix == ".abc":
        bpy.ops.wm.alembic_import(filepath=path, as_background_job=False)
    elif suffix == ".pc2":
        bpy.ops.wm.obj_import(filepath=path.replace(".pc2", "_rest.obj"), forward_axis="Y", up_axis="Z")
        cache = bpy.context.selected_objects[0].modifiers.new("Cache", "MESH_CACHE")
        cache.cache_format, cache.filepath, cache.frame_start = "PC2", path, 0
    else:
        raise SystemExit(f"no importer for {path}")


def main(scene_path: str, output: str, frames: list[float]) -> None:
    """Sample the evaluated meshes."""
    load(scene_path)
    scene = bpy.context.scene
    meshes = sorted((thing for thing in scene.objects if thing.type == "MESH"), key=lambda thing: thing.name)
    found = {
        "names": np.array([mesh.name for mesh in meshes]),
        "fps": np.array(scene.render.fps / scene.render.fps_base),
    }
    keys = [mesh.data.shape_keys for mesh in meshes if mesh.data.shape_keys]
    found["shapes"] = np.array([block.name for block in keys[0].key_blocks][1:] if keys else [], dtype=str)
    found["range"] = np.array([scene.frame_start, scene.frame_end])
    editor = scene.sequence_editor
    found["sounds"] = np.array(
        0 if editor is None else len(editor.strips if hasattr(editor, "strips") else editor.sequences)
    )
    for frame in frames:
        scene.frame_set(int(frame))
        graph = bpy.context.evaluated_depsgraph_get()
        for index, thing in enumerate(meshes):
            evaluated = thing.evaluated_get(graph)
            mesh = evaluated.to_mesh()
            verts = np.empty(len(mesh.vertices) * 3, np.float32)
            mesh.vertices.foreach_get("co", verts)
            world = np.array(evaluated.matrix_world)
            found[f"{index}_{int(frame)}"] = verts.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]
            evaluated.to_mesh_clear()
    np.savez(output, **found)


arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
main(arguments[0], arguments[1], [float(frame) for frame in arguments[2:]])
