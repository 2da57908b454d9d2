"""The npz in the readers it is for: the package `smplx`, and what Blender's two SMPL-X add-ons ask of a file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import smplx
import torch

from emote3d.body import load_body_model
from emote3d.export.registry import Export, export
from emote3d.records import BodyMotion, FaceMotion, Motion

_CONFTEST = Path(__file__).parents[1] / "body" / "conftest.py"


@pytest.fixture
def smplx_file(tmp_path: Path) -> Path:
    spec = importlib.util.spec_from_file_location("body_models", _CONFTEST)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **module.official_members(55))
    return tmp_path / "SMPLX_NEUTRAL.npz"


@pytest.mark.parametrize("body", [False, True])
def test_smplx_poses_what_we_draw(tmp_path: Path, smplx_file: Path, gesture: BodyMotion, body: bool):
    generator = torch.Generator().manual_seed(2)
    face = FaceMotion(
        expression=torch.randn(12, 100, generator=generator),
        basis="smplx2020",
        jaw_axis_angle=0.2 * torch.randn(12, 3, generator=generator),
        neck_axis_angle=0.2 * torch.randn(12, 3, generator=generator),
        eyes_axis_angle=0.2 * torch.randn(12, 2, 3, generator=generator),
    )
    motion = Motion(face=face, body=gesture if body else None, fps=30.0)
    export(Export(motion), [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        poses, trans, betas, expressions = (
            torch.from_numpy(file[name]) for name in ("poses", "trans", "betas", "expressions")
        )
    model = smplx.SMPLX(
        str(smplx_file),
        ext="npz",
        use_pca=False,
        num_betas=300,
        num_expression_coeffs=100,
        flat_hand_mean=True,
        batch_size=12,
    )
    model.vertex_joint_selector.extra_joints_idxs = torch.zeros(0, dtype=torch.long)
    theirs = model(
        betas=betas[None].expand(12, -1),
        expression=expressions,
        global_orient=poses[:, :3],
        body_pose=poses[:, 3:66],
        jaw_pose=poses[:, 66:69],
        leye_pose=poses[:, 69:72],
        reye_pose=poses[:, 72:75],
        left_hand_pose=poses[:, 75:120],
        right_hand_pose=poses[:, 120:],
        transl=trans,
    ).vertices
    ours = load_body_model(smplx_file).pose(motion).vertices_m
    assert (ours - theirs).norm(dim=-1).max() < 1e-4


def test_blenders_add_ons_have_nothing_to_refuse(tmp_path: Path, talking: Motion):
    """What Meshcapade's add-on checks at 0cfc41f (LoadAvatar.execute), and the key that the MPI build demands."""
    export(Export(talking), [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz") as data:
        assert {"trans", "gender", "mocap_frame_rate", "betas", "poses", "expressions"} <= set(data.files)
        assert str(data["gender"]) in ("female", "male", "neutral")  # str() of bytes would be "b'neutral'"
        fps, target = int(data["mocap_frame_rate"]), 30
        assert fps >= target and fps % target == 0
        assert data["trans"].shape == (12, 3)
        assert data["poses"][0].reshape(-1, 3).shape == (55, 3)
        assert data["betas"].ndim == 1
