"""The base mesh as a stack: rest, identity shapes, ARKit shapes, all in T-pose, with joints and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.identity import Identity
from avatar.rig import joint_positions, pose, skinning_weights, t_pose_rotations
from avatar.source import Floats, Source
from emote3d.names import ARKIT_52


@dataclass(frozen=True, kw_only=True)
class Base:
    """hm08 with all its helpers in SMPL-X's rest pose; row 0 of stacks is the rest, the others are displacements."""

    source: Source
    stack: Floats
    """(rows, verts, 3) metres."""
    joints: Floats
    """(rows, 55, 3) metres."""
    weights: Floats
    """(verts, 55)."""
    shape_names: tuple[str, ...]

    def row(self, name: str) -> int:
        """Row of a shape by its name."""
        return 1 + (*self.shape_names, *ARKIT_52).index(name)


def load_base(source: Source) -> Base:
    """Compose and pose the base mesh; the pelvis ends at the height that puts the soles on y = 0."""
    identity = Identity(source)
    shapes = identity.shapes()
    rows = [identity.template(), *shapes.values(), *(source.face_unit(name) for name in ARKIT_52)]
    stack = np.stack(rows)
    joints = joint_positions(source, stack)
    joints[1 + len(shapes) :] = 0.0
    weights = skinning_weights(source)
    stack, joints = pose(stack, joints, weights, t_pose_rotations(joints[0]))
    sole = np.array([0.0, stack[0, :13380, 1].min(), 0.0])
    stack[0] -= sole
    joints[0] -= sole
    return Base(source=source, stack=stack, joints=joints, weights=weights, shape_names=tuple(shapes))
