"""A puppet as the prims of a USD stage."""

# pxr fills its modules when they are imported:
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray
from pxr import Gf, Sdf, Usd, UsdGeom, UsdMedia, UsdShade, UsdSkel, Vt

from emote3d.export.parts import COAT_ALPHA, is_sheet
from emote3d.export.puppet import Puppet
from emote3d.records import Material
from emote3d.render.shading import linear_from_srgb

ROOT = "/Avatar"


def fill_stage(stage: Usd.Stage, puppet: Puppet, sound: str | None) -> None:
    """Describe a puppet: a SkelRoot with Skeleton, SkelAnimation, Mesh, BlendShapes, Materials, SpatialAudio."""
    root = UsdSkel.Root.Define(stage, ROOT)
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root.GetPrim()).SetKind("component")
    skeleton = _skeleton(stage, puppet)
    animation = _animation(stage, puppet)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    mesh = _mesh(stage, puppet)
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    _bind(binding, puppet)
    _blend_shapes(stage, binding, mesh, puppet)
    _materials(stage, mesh, puppet)
    extent = UsdGeom.PointBased.ComputeExtent(mesh.GetPointsAttr().Get())
    mesh.CreateExtentAttr(extent)
    root.CreateExtentAttr(extent)
    if sound is not None:
        _sound(stage, sound)


def _joint_paths(puppet: Puppet) -> list[str]:
    paths: list[str] = []
    for name, parent in zip(puppet.joint_names, puppet.parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _moves(places_m: Float32[ndarray, "joints 3"]) -> Vt.Matrix4dArray:
    matrices = np.tile(np.eye(4), (len(places_m), 1, 1))
    matrices[:, 3, :3] = places_m
    return Vt.Matrix4dArray.FromNumpy(matrices)


def _skeleton(stage: Usd.Stage, puppet: Puppet) -> UsdSkel.Skeleton:
    skeleton = UsdSkel.Skeleton.Define(stage, f"{ROOT}/Skeleton")
    skeleton.CreateJointsAttr(_joint_paths(puppet))
    skeleton.CreateBindTransformsAttr(_moves(puppet.joints_m))
    skeleton.CreateRestTransformsAttr(_moves(puppet.bones_m))
    return skeleton


def _animation(stage: Usd.Stage, puppet: Puppet) -> UsdSkel.Animation:
    animation = UsdSkel.Animation.Define(stage, f"{ROOT}/Take")
    animation.CreateJointsAttr(_joint_paths(puppet))
    animation.CreateScalesAttr(Vt.Vec3hArray(len(puppet.parents), Gf.Vec3h(1)))
    rotations, translations = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    xyzw = np.ascontiguousarray(np.roll(puppet.rotations_wxyz, -1, -1))  # the order in memory of a Gf.Quatf
    roots = np.flatnonzero(np.array(puppet.parents) < 0)
    still = not puppet.translation_m.any()
    translations.Set(Vt.Vec3fArray.FromNumpy(puppet.bones_m))
    for frame in range(len(xyzw)):
        rotations.Set(Vt.QuatfArray.FromNumpy(xyzw[frame]), frame)
        if not still:
            places_m = puppet.bones_m.copy()
            places_m[roots] += puppet.translation_m[frame]
            translations.Set(Vt.Vec3fArray.FromNumpy(places_m), frame)
    if puppet.shapes:
        animation.CreateBlendShapesAttr([shape.name for shape in puppet.shapes])
        weights = animation.CreateBlendShapeWeightsAttr()
        for frame, row in enumerate(np.ascontiguousarray(puppet.shape_weights)):
            weights.Set(Vt.FloatArray.FromNumpy(row), frame)
    return animation


def _mesh(stage: Usd.Stage, puppet: Puppet) -> UsdGeom.Mesh:
    mesh = UsdGeom.Mesh.Define(stage, f"{ROOT}/Body")
    faces = puppet.surface.faces.numpy().astype(np.int32)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(puppet.vertices_m))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(faces), 3))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.reshape(-1)))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(puppet.normals))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    colors = Vt.Vec3fArray.FromNumpy(_colors(puppet).astype(np.float32))
    mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(colors)
    return mesh


def _colors(puppet: Puppet) -> Float64[ndarray, "verts 3"]:
    """Linear colour of each vertex with the occlusion in it; where materials meet, one of them is taken."""
    surface = puppet.surface
    tints = np.ones((len(puppet.vertices_m), 3))
    materials = np.array([material.color_srgb for material in surface.materials])
    tints[surface.faces.numpy()] = materials[surface.face_materials.numpy()][:, None]
    colors = linear_from_srgb(tints * surface.vertex_colors_srgb.numpy().astype(np.float64))
    return colors * surface.vertex_occlusion.numpy()[:, None]


def _bind(binding: UsdSkel.BindingAPI, puppet: Puppet) -> None:
    influences = puppet.skin_joints.shape[1]
    indices = binding.CreateJointIndicesPrimvar(False, influences)
    indices.Set(Vt.IntArray.FromNumpy(puppet.skin_joints.astype(np.int32).reshape(-1)))
    weights = binding.CreateJointWeightsPrimvar(False, influences)
    weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(puppet.skin_weights).reshape(-1)))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1))


def _blend_shapes(stage: Usd.Stage, binding: UsdSkel.BindingAPI, mesh: UsdGeom.Mesh, puppet: Puppet) -> None:
    if not puppet.shapes:
        return
    paths = []
    for shape in puppet.shapes:
        prim = UsdSkel.BlendShape.Define(stage, mesh.GetPath().AppendChild(shape.name))
        prim.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(shape.offsets_m)))
        prim.CreateNormalOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(shape.normal_offsets)))
        prim.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(shape.verts)))
        paths.append(prim.GetPath())
    binding.CreateBlendShapesAttr([shape.name for shape in puppet.shapes])
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)


def _materials(stage: Usd.Stage, mesh: UsdGeom.Mesh, puppet: Puppet) -> None:
    UsdGeom.Scope.Define(stage, f"{ROOT}/Looks")
    face_materials = puppet.surface.face_materials.numpy()
    for index, material in enumerate(puppet.surface.materials):
        faces = np.flatnonzero(face_materials == index).astype(np.int32)
        if not len(faces):
            continue
        bound = _material(stage, material)
        subset = UsdGeom.Subset.CreateGeomSubset(
            mesh, material.name, UsdGeom.Tokens.face, Vt.IntArray.FromNumpy(faces), UsdShade.Tokens.materialBind
        )
        UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(bound)
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).SetMaterialBindSubsetsFamilyType(UsdGeom.Tokens.partition)
    mesh.CreateDoubleSidedAttr(any(is_sheet(material) for material in puppet.surface.materials))


def _material(stage: Usd.Stage, material: Material) -> UsdShade.Material:
    path = f"{ROOT}/Looks/{material.name}"
    described = UsdShade.Material.Define(stage, path)
    shader = UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(material.roughness)
    shader.CreateInput("opacity", Sdf.ValueTypeNames.Float).Set(COAT_ALPHA if material.coat else 1.0)
    reader = UsdShade.Shader.Define(stage, f"{path}/Color")
    reader.CreateIdAttr("UsdPrimvarReader_float3")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
    reader.CreateInput("fallback", Sdf.ValueTypeNames.Float3).Set(Gf.Vec3f(0.6, 0.5, 0.45))
    color = reader.CreateOutput("result", Sdf.ValueTypeNames.Float3)
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(color)
    described.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    return described


def _sound(stage: Usd.Stage, sound: str) -> None:
    audio = UsdMedia.SpatialAudio.Define(stage, f"{ROOT}/Speech")
    audio.CreateFilePathAttr(Sdf.AssetPath(f"./{sound}"))
    audio.CreateAuralModeAttr(UsdMedia.Tokens.nonSpatial)
    audio.CreatePlaybackModeAttr(UsdMedia.Tokens.onceFromStart)  # the start is at time code 0 if it is not said
