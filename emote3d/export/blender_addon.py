"""Builds an emote3d avatar with its motion in Blender 3.4 or newer: an add-on, and a program.

Needs nothing but Blender (or the package `bpy`) and its numpy. Install this file under Edit > Preferences > Add-ons, then
File > Import > emote3d motion (.npz); or `blender -b -P emote3d/export/blender_addon.py -- --help`.

Our frame (+y up, the face along +z) becomes Blender's (+z up, the face along -y); frame k of a motion is frame k of the scene.
"""

# Blender declares properties by annotations that are calls:
# pyright: reportInvalidTypeForm=false
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
from bpy.props import StringProperty
from bpy_extras.io_utils import ImportHelper
from mathutils import Matrix

bl_info = {
    "name": "emote3d motion",
    "author": "emote3d",
    "version": (1, 0, 0),
    "blender": (3, 4, 0),
    "location": "File > Import > emote3d motion (.npz)",
    "description": "Imports a talking avatar: mesh, face shapes, skeleton, animation, sound",
    "category": "Import-Export",
}

TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=np.float64)
"""Our axes to Blender's."""
ARKIT_JAW_JOINT, JOINTS = 22, 55
SHEETS = ("lashes", "brows", "hair")
STILL_M, STILL_SHARE, COAT_ALPHA = 2e-6, 1e-7, 0.06
LINEAR = 1
"""Blender's number for linear interpolation."""


class BadFileError(Exception):
    """One line for the user."""


def read_avatar(path: str, motion_path: str) -> SimpleNamespace:
    """Read a body model in SMPL-X's layout (npz): ours with its looks, or a user's; with the motion's identity."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files if name != "posedirs"}
        return _avatar(data, _identity(motion_path))
    except (OSError, ValueError, KeyError) as error:
        raise BadFileError(f"expected a body model in SMPL-X's layout (npz), got {path}: {error}") from error


def _identity(motion_path: str) -> np.ndarray:
    """Identity coefficients that a motion was exported with; none where it has none (`read_motion` judges the file)."""
    try:
        with np.load(motion_path, allow_pickle=False) as file:
            return file["identity"].astype(np.float64)
    except (OSError, ValueError, KeyError):
        return np.zeros(0)


def _avatar(data: dict[str, np.ndarray], identity: np.ndarray) -> SimpleNamespace:
    template, dirs = data["v_template"].astype(np.float64), data["shapedirs"]
    n_shape = int(data.get("n_shape", 300 if dirs.shape[2] >= 400 else 10))
    identity = identity[:n_shape]
    template = template + dirs[..., : len(identity)].astype(np.float64) @ identity
    parents = data["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    shapes = np.moveaxis(dirs[..., n_shape:].astype(np.float64), 2, 0)
    faces = data["f"].astype(np.int64)
    weights = data["weights"].astype(np.float64)
    return SimpleNamespace(
        vertices=template @ TO_BLENDER.T,
        faces=faces,
        joints=data["J_regressor"].astype(np.float64) @ template @ TO_BLENDER.T,
        joint_names=[str(name) for name in data.get("joint_names", [f"joint_{k:02d}" for k in range(len(parents))])],
        parents=parents,
        weights=weights / weights.sum(1, keepdims=True),
        shapes=shapes @ TO_BLENDER.T,
        shape_names=[str(name) for name in data.get("expression_names", [f"Exp{k:03d}" for k in range(len(shapes))])],
        colors=data.get("vertex_color", np.full((len(template), 3), 200)) / 255.0,
        occlusion=data.get("vertex_occlusion", np.full(len(template), 255)) / 255.0,
        face_materials=data.get("face_materials", np.zeros(len(faces), np.uint8)).astype(np.int32),
        materials=[
            SimpleNamespace(name=str(name), color=np.array(color, float), roughness=float(roughness), coat=bool(coat))
            for name, color, roughness, coat in zip(
                data.get("material_names", ["skin"]),
                data.get("material_color", [[1.0, 1.0, 1.0]]),
                data.get("material_roughness", [0.5]),
                data.get("material_coat", [False]),
                strict=True,
            )
        ],
    )


def read_motion(path: str, avatar: SimpleNamespace) -> SimpleNamespace:
    """Read what `emote3d animate -o motion.npz` wrote, as rotations, root moves and shape weights per frame."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise BadFileError(f"expected a motion (npz) of emote3d, got {path}: {error}") from error
    if not {"poses", "trans", "mocap_frame_rate"} <= data.keys():
        raise BadFileError(f"{path} has no poses; make it with emote3d animate or emote3d export -o motion.npz")
    poses = data["poses"].reshape(len(data["poses"]), -1, 3).astype(np.float64)
    if poses.shape[1] != JOINTS or len(avatar.parents) != JOINTS:
        raise BadFileError(
            f"expected {JOINTS} joints in motion and avatar, got {poses.shape[1]}, {len(avatar.parents)}"
        )
    if str(data.get("basis", "")) == "arkit52":
        weights = data["expression"].astype(np.float64)
        poses[:, ARKIT_JAW_JOINT] = 0  # the shape jawOpen opens the mouth
    else:
        weights = data.get("expressions", np.zeros((len(poses), 0))).astype(np.float64)
    names = [str(name) for name in data.get("expression_names", [])]
    if str(data.get("basis", "")) == "arkit52" and names != avatar.shape_names:
        raise BadFileError("the motion drives ARKit shapes, which this avatar has not; retarget it first")
    return SimpleNamespace(
        poses=poses @ TO_BLENDER.T,
        trans=data["trans"].astype(np.float64) @ TO_BLENDER.T,
        weights=weights[:, : len(avatar.shapes)],
        fps=float(data["mocap_frame_rate"]),
    )


def build(avatar: SimpleNamespace, motion: SimpleNamespace, shapes: list[str] | None = None) -> tuple[Any, Any]:
    """Make the mesh and the armature in the current scene and animate them; returns both objects."""
    armature = build_armature(avatar)
    body = build_mesh(avatar)
    add_shapes(body, avatar, shapes)
    add_weights(body, avatar)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    animate_bones(armature, avatar, motion)
    animate_shapes(body, avatar, motion)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = _rate(motion.fps)
    scene.frame_start, scene.frame_end = 0, max(len(motion.poses) - 1, 0)
    scene.frame_set(0)
    return armature, body


def _rate(fps: float) -> tuple[int, float]:
    whole = max(1, round(fps))
    return whole, whole / fps


def build_armature(avatar: SimpleNamespace) -> Any:
    """Bones from each joint to the middle of its children."""
    data = bpy.data.armatures.new("Armature")
    armature = bpy.data.objects.new("Armature", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    for joint, (name, parent) in enumerate(zip(avatar.joint_names, avatar.parents, strict=True)):
        bone = data.edit_bones.new(name)
        bone.head = avatar.joints[joint]
        bone.tail = avatar.joints[joint] + _reach(avatar, joint)
        bone.parent = bones[parent] if parent >= 0 else None
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    return armature


def _reach(avatar: SimpleNamespace, joint: int) -> np.ndarray:
    children = np.flatnonzero(avatar.parents == joint)
    if 1 <= len(children) <= 3 or joint == 0:
        reach = avatar.joints[children].mean(0) - avatar.joints[joint]
    elif avatar.parents[joint] >= 0 and not len(children) and "eye" not in avatar.joint_names[joint]:
        reach = 0.7 * (avatar.joints[joint] - avatar.joints[avatar.parents[joint]])
    else:
        reach = np.array([0.0, -0.03, 0.0])
    return reach if np.linalg.norm(reach) > 5e-3 else np.array([0.0, 0.0, 0.05])


def build_mesh(avatar: SimpleNamespace) -> Any:
    """Vertices, faces, colours and materials."""
    mesh = bpy.data.meshes.new("Body")
    mesh.from_pydata(avatar.vertices.tolist(), [], avatar.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(avatar.faces), bool))
    mesh.polygons.foreach_set("material_index", avatar.face_materials)
    linear = np.where(avatar.colors <= 0.04045, avatar.colors / 12.92, ((avatar.colors + 0.055) / 1.055) ** 2.4)
    colors = np.column_stack([linear * avatar.occlusion[:, None], np.ones(len(linear))])
    layer = mesh.color_attributes.new(name="Color", type="FLOAT_COLOR", domain="POINT")
    layer.data.foreach_set("color", colors.astype(np.float32).ravel())
    for material in avatar.materials:
        mesh.materials.append(_material(material))
    mesh.update()
    body = bpy.data.objects.new("Body", mesh)
    bpy.context.scene.collection.objects.link(body)
    return body


def _material(looks: SimpleNamespace) -> Any:
    material = bpy.data.materials.new(looks.name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = looks.roughness
    shader.inputs["Base Color"].default_value = (*looks.color, 1.0)
    if looks.coat:
        shader.inputs["Alpha"].default_value = COAT_ALPHA
        if hasattr(material, "blend_method"):
            material.blend_method = "BLEND"
    else:
        color = nodes.new("ShaderNodeVertexColor")
        color.layer_name = "Color"
        links.new(color.outputs["Color"], shader.inputs["Base Color"])
    material.use_backface_culling = looks.name not in SHEETS and not looks.coat
    return material


def add_shapes(body: Any, avatar: SimpleNamespace, kept: list[str] | None = None) -> None:
    """Face shapes as shape keys."""
    body.shape_key_add(name="Basis", from_mix=False)
    rest = avatar.vertices
    for name, offsets in zip(avatar.shape_names, avatar.shapes, strict=True):
        if kept is not None and name not in kept:
            continue
        key = body.shape_key_add(name=name, from_mix=False)
        moved = rest + np.where(np.abs(offsets) > STILL_M, offsets, 0)
        key.data.foreach_set("co", moved.astype(np.float32).ravel())
        if name.startswith(("Exp", "expression_")):
            key.slider_min, key.slider_max = -10, 10


def add_weights(body: Any, avatar: SimpleNamespace) -> None:
    """Skinning weights as vertex groups."""
    for joint, name in enumerate(avatar.joint_names):
        group = body.vertex_groups.new(name=name)
        column = avatar.weights[:, joint]
        for vertex in np.flatnonzero(column > STILL_SHARE):
            group.add([int(vertex)], float(column[vertex]), "REPLACE")


def quaternions(axis_angle: np.ndarray) -> np.ndarray:
    """Axis-angle to wxyz; neighbouring frames lie on one half of the sphere."""
    angle = np.linalg.norm(axis_angle, axis=-1, keepdims=True)
    wxyz = np.concatenate([np.cos(angle / 2), np.sinc(angle / 2 / np.pi) / 2 * axis_angle], -1)
    flips = np.where((wxyz[1:] * wxyz[:-1]).sum(-1) < 0, -1.0, 1.0)
    return wxyz * np.concatenate([np.ones((1, *flips.shape[1:])), flips]).cumprod(0)[..., None]


def animate_bones(armature: Any, avatar: SimpleNamespace, motion: SimpleNamespace) -> None:
    """Rotations of all bones, places of the root; each bone has axes of its own."""
    curves = _curves(armature, "Take")
    for joint, name in enumerate(avatar.joint_names):
        axes = np.array(armature.data.bones[name].matrix_local.to_3x3())
        path = f'pose.bones["{name}"]'
        wxyz = quaternions(motion.poses[:, joint] @ axes)
        for index in range(4):
            _curve(curves, f"{path}.rotation_quaternion", index, wxyz[:, index], group=name)
        if avatar.parents[joint] < 0:
            for index, values in enumerate((motion.trans @ axes).T):
                _curve(curves, f"{path}.location", index, values, group=name)


def animate_shapes(body: Any, avatar: SimpleNamespace, motion: SimpleNamespace) -> None:
    """Weights of the face shapes."""
    keys = body.data.shape_keys
    curves = _curves(keys, "Face")
    for name, values in zip(avatar.shape_names, motion.weights.T, strict=False):
        if name in keys.key_blocks:
            _curve(curves, f'key_blocks["{name}"].value', 0, values)


def _curves(owner: Any, name: str) -> Any:
    """The curves of a new action of an object; Blender 4.4 and newer keep them in slots."""
    action = bpy.data.actions.new(name)
    data = owner.animation_data_create()
    data.action = action
    if not hasattr(action, "slots"):
        return action.fcurves
    slot = action.slots.new(owner.id_type, owner.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    data.action_slot = slot
    return strip.channelbag(slot, ensure=True).fcurves


def _curve(curves: Any, path: str, index: int, values: np.ndarray, group: str | None = None) -> None:
    if np.ptp(values) < 1e-7:
        values = values[:1]
    curve = curves.new(path, index=index)
    curve.keyframe_points.add(len(values))
    points = np.column_stack([np.arange(len(values)), values]).astype(np.float32)
    curve.keyframe_points.foreach_set("co", points.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(values), LINEAR, np.int32))
    curve.update()


def add_sound(path: str) -> None:
    """The recording as a strip of the sequencer, packed into the file, played in step."""
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_sound("Speech", path, 1, 0)
    strip.sound.pack()
    scene.sync_mode = "AUDIO_SYNC"


def add_stage(avatar: SimpleNamespace) -> None:
    """A camera on the face and two lights."""
    head = avatar.joints[15] + np.array([0, -0.05, 0.03])
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 85
    camera.matrix_world = _looking(head + np.array([0, -1.1, 0.02]), head)
    lights = []
    for name, place, power in (("Key", (0.9, -1.2, 0.8), 40.0), ("Fill", (-1.3, -0.8, 0.2), 14.0)):
        light = bpy.data.objects.new(name, bpy.data.lights.new(name, "AREA"))
        light.data.energy, light.data.size = power, 0.8
        light.matrix_world = _looking(head + np.array(place), head)
        lights.append(light)
    for thing in (camera, *lights):
        bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = camera


def _looking(place: np.ndarray, target: np.ndarray) -> Matrix:
    back = (place - target) / np.linalg.norm(place - target)
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3] = np.column_stack([right, np.cross(back, right), back, place])
    return Matrix(matrix.tolist())


def save(path: str) -> None:
    """Write the scene; the suffix picks the format."""
    suffix = Path(path).suffix.lower()
    if suffix == ".blend":
        bpy.ops.wm.save_as_mainfile(filepath=path, compress=True, check_existing=False)
    elif suffix == ".fbx":
        bpy.ops.export_scene.fbx(
            filepath=path,
            object_types={"ARMATURE", "MESH"},
            add_leaf_bones=False,
            bake_anim_use_all_actions=False,
            bake_anim_use_nla_strips=False,
            bake_anim_simplify_factor=0.0,
            mesh_smooth_type="OFF",
            colors_type="LINEAR",
        )
    elif suffix == ".abc":
        if "alembic_export" not in dir(bpy.ops.wm):
            raise BadFileError("this Blender was built without Alembic (Debian's is); take another, or pip install bpy")
        scene = bpy.context.scene
        bpy.ops.wm.alembic_export(filepath=path, start=scene.frame_start, end=scene.frame_end, as_background_job=False)
    else:
        raise BadFileError(f"expected an output ending in .blend, .fbx or .abc, got {path}")


class EMOTE3D_OT_import_motion(bpy.types.Operator, ImportHelper):
    """Import a talking avatar from a motion file of emote3d."""

    bl_idname = "import_scene.emote3d_motion"
    bl_label = "Import emote3d motion"
    filename_ext = ".npz"
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    avatar: StringProperty(
        name="Avatar",
        subtype="FILE_PATH",
        description="Body model: assets/smplx/open_body.npz of emote3d, or your SMPL-X",
    )
    sound: StringProperty(name="Sound", subtype="FILE_PATH", description="The recording; may be left out")

    def execute(self, context: Any) -> set[str]:
        """Build the avatar in the current scene."""
        try:
            avatar = read_avatar(bpy.path.abspath(self.avatar) if self.avatar else _default_avatar(), self.filepath)
            build(avatar, read_motion(self.filepath, avatar))
            if self.sound:
                add_sound(bpy.path.abspath(self.sound))
        except BadFileError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def _default_avatar() -> str:
    """The open avatar of the checkout or installed package that this file lies in, or one beside this file."""
    here = Path(__file__).resolve()
    places = (here.with_name("open_body.npz"), *(up / "assets/smplx/open_body.npz" for up in here.parents[1:3]))
    for place in (*places, here.parents[1] / "_data/assets/smplx/open_body.npz"):
        if place.is_file():
            return str(place)
    raise BadFileError("expected an avatar; choose open_body.npz of emote3d (assets/smplx) in the panel on the right")


def _menu(self: Any, context: Any) -> None:
    self.layout.operator(EMOTE3D_OT_import_motion.bl_idname, text="emote3d motion (.npz)")


def register() -> None:
    """Called by Blender when the add-on is switched on."""
    bpy.utils.register_class(EMOTE3D_OT_import_motion)
    bpy.types.TOPBAR_MT_file_import.append(_menu)


def unregister() -> None:
    """Called by Blender when the add-on is switched off."""
    bpy.types.TOPBAR_MT_file_import.remove(_menu)
    bpy.utils.unregister_class(EMOTE3D_OT_import_motion)


def main(arguments: list[str]) -> int:
    """Motion in, scene out."""
    parser = argparse.ArgumentParser(prog="blender_export", description="emote3d motion (.npz) to .blend, .fbx or .abc")
    parser.add_argument("motion", help="motion.npz of emote3d animate")
    parser.add_argument("output", nargs="+", help="files to write: .blend, .fbx, .abc")
    parser.add_argument("--avatar", help="body model (default: the open avatar)")
    parser.add_argument("--sound", help="recording to put into the .blend")
    parser.add_argument("--shapes", help="face shapes to keep, joined by commas (default: all)")
    options = parser.parse_args(arguments)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        avatar = read_avatar(options.avatar or _default_avatar(), options.motion)
        motion = read_motion(options.motion, avatar)
        build(avatar, motion, options.shapes.split(",") if options.shapes else None)
        add_stage(avatar)
        if options.sound:
            add_sound(str(Path(options.sound).resolve()))
        for path in options.output:
            save(str(Path(path).resolve()))
    except BadFileError as error:
        print(f"emote3d: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))
