"""Body model files to `BodyModel`: the open avatar's npz, and FLAME and SMPL-X files of a user, npz or pkl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from emote3d.body.landmarks import Members, find_embedding
from emote3d.body.model import BodyModel
from emote3d.body.stance import relaxed_stance
from emote3d.body.surface import file_surface, plain_surface
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.names import ARKIT_52, FLAME_JOINTS, SMPLX_JOINTS
from emote3d.records import Basis
from emote3d.safe_pickle import load_npz, load_pickle, to_array

FORMAT_VERSION = 1
_FULL_SHAPES, _FULL_COEFFICIENTS, _OLD_SHAPES, _OLD_COEFFICIENTS = 300, 400, 10, 20
_STILL_SHARE = 1e-7
"""Expressions that move a vertex or a joint by less (metres per unit) leave it where it is."""
_OTHER_MODELS = {24: "SMPL", 52: "SMPL-H", 16: "MANO"}


def open_avatar() -> BodyModel:
    """Load the open whole-body avatar that is shipped with the package."""
    return load_body_model(asset_path("assets", "smplx", "open_body.npz"))


def load_body_model(
    path: str | Path,
    *,
    flame_basis: Literal["flame2020", "flame2023"] = "flame2020",
    flat_hand_mean: bool = True,
) -> BodyModel:
    """Load a body model; FLAME and SMPL-X are told apart by their joints. Nothing in the file is run.

    Args:
        flame_basis: which FLAME it is; the files do not say.
        flat_hand_mean: with False, an SMPL-X file's mean hands are added to every hand rotation (as `smplx` does).

    Raises:
        Emote3DError: no such file, damaged, holds anything but data, another kind of model; all problems in one line.
    """
    return _loaded(_open(Path(path).expanduser()), flame_basis, flat_hand_mean)


def body_model_of(name: str, members: Members) -> BodyModel:
    """A FLAME model from the members that its file has, e.g. out of a checkpoint; raises as `load_body_model`.

    Args:
        name: said in errors.
    """
    return _loaded(_File(Path(name), members), "flame2020", True)


def _loaded(file: _File, flame_basis: Literal["flame2020", "flame2023"], flat_hand_mean: bool) -> BodyModel:
    joint_names = _kind(file)
    return _build(file, joint_names, flame_basis if joint_names == FLAME_JOINTS else "smplx2020", flat_hand_mean)


@dataclass(frozen=True)
class _File:
    """Members of a model file, read when asked for."""

    path: Path
    members: Members

    def array(self, key: str) -> ndarray:
        return to_array(self.members[key](), f"{self.path.name}: {key}")

    def has(self, key: str) -> bool:
        return key in self.members


def _open(path: Path) -> _File:
    if not path.is_file():
        raise Emote3DError(f"there is no body model file {path}; expected FLAME's .pkl or SMPL-X' .npz, which you hold")
    if path.suffix == ".npz":
        return _File(path, load_npz(path))
    if path.suffix != ".pkl":
        raise Emote3DError(f"{path}: expected a body model as .npz or .pkl, got '{path.suffix}'")
    with path.open("rb") as stream:
        content = load_pickle(stream, str(path))
    if not isinstance(content, dict):
        raise Emote3DError(
            f"{path}: expected a dictionary of arrays, got {type(content).__name__}; give the model's own file"
        )
    return _File(path, {str(key): lambda value=value: value for key, value in content.items()})


def _kind(file: _File) -> tuple[str, ...]:
    """Names of the joints of the model in the file, after a look at what it must hold."""
    needed = ("v_template", "f", "weights", "J_regressor", "kintree_table", "shapedirs", "posedirs")
    missing = [key for key in needed if not file.has(key)]
    if missing:
        raise Emote3DError(
            f"{file.path} is no FLAME or SMPL-X model: {', '.join(missing)} missing; docs/new-body-model.md lists the members"
        )
    joints = np.atleast_1d(file.array("kintree_table")).shape[-1]
    if joints not in (len(FLAME_JOINTS), len(SMPLX_JOINTS)):
        kind = _OTHER_MODELS.get(joints, "unknown")
        raise Emote3DError(f"{file.path} has {joints} joints ({kind}); expected FLAME (5) or SMPL-X (55)")
    names = FLAME_JOINTS if joints == len(FLAME_JOINTS) else SMPLX_JOINTS
    if file.has("format_version") and int(file.array("format_version")) != FORMAT_VERSION:
        raise Emote3DError(
            f"{file.path} has the format version {file.array('format_version')}, this program reads {FORMAT_VERSION}"
        )
    if file.has("joint_names") and tuple(map(str, file.array("joint_names"))) != names:
        kind = "FLAME" if joints == len(FLAME_JOINTS) else "SMPL-X"
        raise Emote3DError(
            f"{file.path}: expected joint_names in the order of {kind}, got another; write them in that order"
        )
    return names


def _core_arrays(file: _File, joints: int) -> dict[str, ndarray]:
    """Read the arrays that every model has and check that they fit together."""
    arrays = {key: np.atleast_1d(file.array(key)) for key in ("v_template", "f", "weights", "J_regressor", "shapedirs")}
    verts = len(arrays["v_template"])
    expected = {
        "v_template": (verts, 3),
        "f": (len(arrays["f"]), 3),
        "weights": (verts, joints),
        "J_regressor": (joints, verts),
        "shapedirs": (verts, 3, arrays["shapedirs"].shape[-1]),
    }
    problems: list[str] = []
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            problems.append(f"{key} is {arrays[key].shape} instead of {shape}")
        elif arrays[key].dtype.kind not in "iuf" or not np.isfinite(arrays[key]).all():
            problems.append(f"{key} is not finite")
    if not problems and not ((arrays["f"] >= 0) & (arrays["f"] < verts)).all():
        problems.append("f names vertices that do not exist")
    if problems:
        raise Emote3DError(f"{file.path} cannot be used: {'; '.join(problems)}")
    return arrays


def _split(file: _File, coefficients: int) -> tuple[int, int]:
    """Count identity and expression coefficients in `shapedirs`."""
    if file.has("n_shape"):
        n_shape = int(file.array("n_shape"))
        return n_shape, coefficients - n_shape
    if coefficients >= _FULL_COEFFICIENTS:
        return _FULL_SHAPES, _FULL_COEFFICIENTS - _FULL_SHAPES
    if coefficients >= _OLD_COEFFICIENTS:
        return _OLD_SHAPES, _OLD_COEFFICIENTS - _OLD_SHAPES
    raise Emote3DError(
        f"{file.path}: {coefficients} columns in shapedirs; expected 400 (300 shape, 100 expression) or 20"
    )


def _tensor(array: ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _build(file: _File, joint_names: tuple[str, ...], basis: Basis, flat_hand_mean: bool) -> BodyModel:
    joints = len(joint_names)
    arrays = _core_arrays(file, joints)
    n_shape, n_expression = _split(file, arrays["shapedirs"].shape[2])
    template_m, regressor = _tensor(arrays["v_template"]), _tensor(arrays["J_regressor"])
    dirs = _tensor(arrays["shapedirs"][..., : n_shape + n_expression])
    joint_dirs = (regressor @ dirs.flatten(1)).unflatten(1, (3, -1))
    joints_m = regressor @ template_m
    expression_dirs, joint_expression_dirs = dirs[..., n_shape:], joint_dirs[..., n_shape:]
    moving = (expression_dirs.abs().amax((1, 2)) > _STILL_SHARE).nonzero()[:, 0]
    shape_names, expression_names = _coefficient_names(file, n_shape, n_expression)
    weights = _weights(arrays["weights"])
    carrying = (weights.abs().amax(0) > 0).nonzero()[:, 0]
    landmarks = find_embedding(file.path, file.members)
    faces = arrays["f"].astype(np.int64)
    has_looks = file.has("material_names")
    eyes = slice(joints - 2, joints) if joints == len(FLAME_JOINTS) else slice(23, 25)
    return BodyModel(
        basis="arkit52" if expression_names == ARKIT_52 else basis,
        joint_names=joint_names,
        parents=_parents(file),
        shape_names=shape_names,
        expression_names=expression_names,
        surface=file_surface(faces, file.array)
        if has_looks
        else plain_surface(faces, template_m.numpy(), joints_m[eyes].numpy(), weights[:, eyes].numpy()),
        template_m=template_m.T.contiguous(),
        joints_m=joints_m,
        shape_dirs=dirs[..., :n_shape].transpose(0, 1),
        joint_shape_dirs=joint_dirs[..., :n_shape],
        expression_dirs=expression_dirs[moving].permute(2, 1, 0).contiguous(),
        moving_verts=moving,
        joint_expression_dirs=joint_expression_dirs,
        pose_dirs=_pose_dirs(file, template_m.shape[0], joints),
        skin_joints=carrying,
        skin_weights=weights.T[carrying].contiguous(),
        still=relaxed_stance() if joints == len(SMPLX_JOINTS) else torch.zeros(joints, 3),
        pose_offset=torch.zeros(joints, 3) if flat_hand_mean else _mean_hands(file, joints),
        landmark_verts=None if landmarks is None else torch.from_numpy(faces[landmarks[0]]),
        landmark_weights=None if landmarks is None else torch.from_numpy(landmarks[1]),
        licence=str(file.array("licence")) if file.has("licence") else "as the file's owner granted it",
    )


def _weights(array: ndarray) -> Float[Tensor, "verts joints"]:
    """Skinning weights; half-precision ones are made to add up to 1 again."""
    weights = _tensor(array)
    return weights / weights.sum(1, keepdim=True) if array.dtype == np.float16 else weights


def _parents(file: _File) -> tuple[int, ...]:
    table = np.atleast_2d(file.array("kintree_table"))
    if table.ndim != 2 or not table.size or table.dtype.kind not in "iuf" or not np.isfinite(table).all():
        raise Emote3DError(f"{file.path}: expected the numbers of joints in kintree_table")
    parents = [int(parent) for parent in table[0].astype(np.int64)]
    parents[0] = -1
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint):
        raise Emote3DError(
            f"{file.path}: expected parents before their children in kintree_table, got {parents}; sort the joints"
        )
    return tuple(parents)


def _pose_dirs(file: _File, verts: int, joints: int) -> Float[Tensor, "pose_features 3 verts"] | None:
    """Pose correctives, a row per entry of the rotation matrices without the root's; None where all are zero."""
    if file.has("posedirs_zero") and bool(file.array("posedirs_zero")):
        return None
    array = file.array("posedirs")
    if array.shape != (verts, 3, 9 * (joints - 1)):
        raise Emote3DError(f"{file.path}: posedirs is {array.shape} instead of {(verts, 3, 9 * (joints - 1))}")
    return _tensor(np.moveaxis(array, 2, 0).swapaxes(1, 2)) if array.any() else None


def _mean_hands(file: _File, joints: int) -> Float[Tensor, "joints 3"]:
    offset = torch.zeros(joints, 3)
    if joints == len(SMPLX_JOINTS):
        if not (file.has("hands_meanl") and file.has("hands_meanr")):
            raise Emote3DError(
                f"{file.path} has no mean hands (hands_meanl, hands_meanr); load it with flat_hand_mean=True"
            )
        means = [file.array(f"hands_mean{side}").reshape(-1, 3) for side in "lr"]
        offset[-30:] = _tensor(np.concatenate(means))
    return offset


def _coefficient_names(file: _File, n_shape: int, n_expression: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if file.has("shape_names") and file.has("expression_names"):
        shape, expression = (tuple(map(str, file.array(f"{kind}_names"))) for kind in ("shape", "expression"))
        if (len(shape), len(expression)) != (n_shape, n_expression):
            raise Emote3DError(f"{file.path}: shape_names and expression_names do not match shapedirs")
        return shape, expression
    return (
        tuple(f"shape_{index:03d}" for index in range(n_shape)),
        tuple(f"expression_{index:03d}" for index in range(n_expression)),
    )
