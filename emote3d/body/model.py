"""The body model: blend shapes, joints and skinning weights that a motion drives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emote3d.body.cropping import kept_faces
from emote3d.body.skinning import joint_transforms, skin
from emote3d.errors import Emote3DError
from emote3d.names import SMPLX_JOINTS
from emote3d.posing import check_motion, joint_rotations
from emote3d.records import Basis, FaceMotion, Mesh, Motion, Surface
from emote3d.timeline import frames_of

Part = Literal["head", "upper", "full"]
_CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class BodyModel:
    """A person that can be posed: FLAME, SMPL-X or the open avatar. Immutable; every method returns something new.

    Tensors lie in the layout that posing wants: coordinates before vertices.
    """

    basis: Basis
    """The meaning of expression coefficients."""
    joint_names: tuple[str, ...]
    """SMPL-X order (55) or FLAME order (5)."""
    parents: tuple[int, ...]
    """Parent of each joint; -1 at the root."""
    shape_names: tuple[str, ...]
    """Name of each identity coefficient."""
    expression_names: tuple[str, ...]
    """Name of each expression coefficient."""
    surface: Surface
    template_m: Float[Tensor, "3 verts"]
    """Rest pose with the identity that is set."""
    joints_m: Float[Tensor, "joints 3"]
    """Joints of that rest pose."""
    shape_dirs: Float[Tensor, "3 verts n_shape"]
    joint_shape_dirs: Float[Tensor, "joints 3 n_shape"]
    expression_dirs: Float[Tensor, "n_expression 3 moving_verts"]
    moving_verts: Int[Tensor, " moving_verts"]
    """Vertices that expressions move."""
    joint_expression_dirs: Float[Tensor, "joints 3 n_expression"]
    pose_dirs: Float[Tensor, "pose_features 3 verts"] | None
    """Pose correctives; None where the file has none."""
    skin_joints: Int[Tensor, " skin_joints"]
    """Joints that carry vertices."""
    skin_weights: Float[Tensor, "skin_joints verts"]
    still: Float[Tensor, "joints 3"]
    """Axis-angle of the joints while a motion has no body."""
    pose_offset: Float[Tensor, "joints 3"]
    """Added to every axis-angle (SMPL-X's mean hands); zero otherwise."""
    landmark_verts: Int[Tensor, "68 3"] | None
    landmark_weights: Float[Tensor, "68 3"] | None
    """Barycentric weights of the iBUG landmarks; None where no embedding lies beside the file."""
    licence: str

    def with_shape(self, shape: Float[Tensor, " coefficients"]) -> BodyModel:
        """Bake an identity into the rest pose; coefficients that are left out are zero, and those baked before stay.

        Raises:
            Emote3DError: more coefficients than the model has.
        """
        n_shape = len(self.shape_names)
        if shape.shape[0] > n_shape:
            raise Emote3DError(f"expected at most {n_shape} shape coefficients, got {shape.shape[0]}")
        shape = shape.to(self.template_m)
        return dataclasses.replace(
            self,
            template_m=self.template_m + self.shape_dirs[..., : shape.shape[0]] @ shape,
            joints_m=self.joints_m + self.joint_shape_dirs[..., : shape.shape[0]] @ shape,
        )

    def pose(self, motion: Motion, shape: Float[Tensor, " coefficients"] | None = None) -> Mesh:
        """Pose the model in every frame of a motion; differentiable in the motion and the shape.

        The mesh of a long motion is large (20,000 vertices: 7 MB a second); `pose_chunks` gives it piece by piece.

        Raises:
            Emote3DError: as `check_motion` and `with_shape`.
        """
        model = self if shape is None else self.with_shape(shape)
        chunks = list(model.pose_chunks(motion))
        return Mesh(
            vertices_m=torch.cat([chunk.vertices_m for chunk in chunks]),
            joints_m=torch.cat([chunk.joints_m for chunk in chunks]),
            surface=self.surface,
        )

    def pose_chunks(self, motion: Motion, frames: int = _CHUNK) -> Iterator[Mesh]:
        """Pose the model `frames` frames at a time; a motion without frames gives one empty mesh.

        Raises:
            Emote3DError: as `check_motion`, at the first piece.
        """
        check_motion(motion, self.basis, len(self.expression_names))
        for start in range(0, max(motion.frames, 1), frames):
            yield self._pose(frames_of(motion, slice(start, start + frames)))

    def rest(self) -> Mesh:
        """One frame of the model standing still with a neutral face."""
        zeros = self.template_m.new_zeros
        face = FaceMotion(
            expression=zeros(1, len(self.expression_names)),
            basis=self.basis,
            jaw_axis_angle=zeros(1, 3),
            neck_axis_angle=zeros(1, 3),
            eyes_axis_angle=zeros(1, 2, 3),
        )
        return self._pose(Motion(face=face, fps=1.0))

    def landmarks(self, vertices_m: Float[Tensor, "frames verts 3"]) -> Float[Tensor, "frames 68 3"]:
        """Find the 68 iBUG landmarks on posed vertices.

        Raises:
            Emote3DError: no landmark embedding came with the model.
        """
        if self.landmark_verts is None or self.landmark_weights is None:
            raise Emote3DError(
                "this body model came without landmarks; put landmark_embedding.npy (or flame_static_embedding.pkl and "
                "flame_dynamic_embedding.npy) from the FLAME site beside its file"
            )
        corners = vertices_m[:, self.landmark_verts.flatten()].unflatten(1, (68, 3))
        return (corners * self.landmark_weights.to(vertices_m)[..., None]).sum(2)

    def cropped(self, part: Part) -> BodyModel:
        """Keep only the faces and vertices that a view of this part can show; joints and landmarks stay."""
        if part == "full" or len(self.joint_names) != len(SMPLX_JOINTS):
            return self
        dense = self.skin_weights.new_zeros(len(self.parents), self.template_m.shape[1])
        dense[self.skin_joints] = self.skin_weights
        faces_kept = kept_faces(part, self.surface.faces, dense.argmax(0), self.template_m[1], self.joints_m[:, 1])
        return self.keeping(faces_kept)

    def keeping(
        self, faces_kept: Bool[Tensor, " faces"], verts_kept: Bool[Tensor, " verts"] | None = None
    ) -> BodyModel:
        """Keep some faces with their vertices, the landmarks' vertices, and perhaps other vertices; joints stay."""
        used = torch.zeros(self.template_m.shape[1], dtype=torch.bool) if verts_kept is None else verts_kept.clone()
        used[self.surface.faces[faces_kept].flatten()] = True
        if self.landmark_verts is not None:
            used[self.landmark_verts.flatten()] = True
        kept, renumbered = used.nonzero()[:, 0], used.cumsum(0) - 1
        moving = used[self.moving_verts]
        weights = self.skin_weights[:, kept]
        carrying = weights.abs().amax(1) > 0
        return dataclasses.replace(
            self,
            surface=dataclasses.replace(
                self.surface,
                faces=renumbered[self.surface.faces[faces_kept].long()].to(self.surface.faces.dtype),
                face_materials=self.surface.face_materials[faces_kept],
                vertex_colors_srgb=self.surface.vertex_colors_srgb[kept],
                vertex_occlusion=self.surface.vertex_occlusion[kept],
            ),
            template_m=self.template_m[:, kept],
            shape_dirs=self.shape_dirs[:, kept],
            expression_dirs=self.expression_dirs[..., moving].contiguous(),
            moving_verts=renumbered[self.moving_verts[moving]],
            pose_dirs=None if self.pose_dirs is None else self.pose_dirs[..., kept],
            skin_joints=self.skin_joints[carrying],
            skin_weights=weights[carrying].contiguous(),
            landmark_verts=None if self.landmark_verts is None else renumbered[self.landmark_verts],
        )

    def to(self, target: torch.dtype | torch.device) -> BodyModel:
        """Same model in another floating-point type or on another device (the surface stays as it is)."""
        changes: dict[str, Tensor] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor) and (value.is_floating_point() or isinstance(target, torch.device)):
                changes[field.name] = value.to(target)
        return dataclasses.replace(self, **changes)  # pyright: ignore[reportArgumentType]

    def joint_positions(self, motion: Motion) -> Float[Tensor, "frames joints 3"]:
        """Where the joints come to lie, metres, without the cost of the vertices; raises as `check_motion`."""
        check_motion(motion, self.basis, len(self.expression_names))
        return self._joints(motion)[2]

    def _joints(self, motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
        """Local rotations, transforms from the rest pose, and positions of the joints."""
        rotations = joint_rotations(motion, self.still, self.pose_offset)
        rest_joints_m = self.joints_m[None]
        if motion.face is not None:
            coefficients = motion.face.expression.to(self.template_m)
            moved = self.joint_expression_dirs[..., : coefficients.shape[1]]
            rest_joints_m = rest_joints_m + torch.einsum("jcn,fn->fjc", moved, coefficients)
        transforms, joints_m = joint_transforms(rotations, rest_joints_m, self.parents)
        return rotations, transforms, self._moved(joints_m, motion)

    def _moved(self, points_m: Float[Tensor, "frames points 3"], motion: Motion) -> Float[Tensor, "frames points 3"]:
        """Points of a whole body taken to where the motion's pelvis goes."""
        if motion.body is None or len(self.joint_names) != len(SMPLX_JOINTS):
            return points_m
        return points_m + motion.body.translation_m.to(points_m)[:, None]

    def _pose(self, motion: Motion) -> Mesh:
        rotations, transforms, joints_m = self._joints(motion)
        vertices = self.template_m.expand(len(rotations), -1, -1)
        if motion.face is not None:
            coefficients = motion.face.expression.to(self.template_m)
            dirs = self.expression_dirs[: coefficients.shape[1]]
            delta = (coefficients @ dirs.flatten(1)).unflatten(1, (3, -1))
            vertices = vertices.index_add(2, self.moving_verts, delta)
        if self.pose_dirs is not None:
            feature = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)
            vertices = vertices + (feature @ self.pose_dirs.flatten(1)).view_as(vertices)
        vertices_m = skin(vertices, transforms[:, self.skin_joints], self.skin_weights)
        return Mesh(vertices_m=self._moved(vertices_m, motion), joints_m=joints_m, surface=self.surface)
