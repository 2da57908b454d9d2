import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from emote3d.body import open_avatar
from emote3d.data.acting import mouth
from emote3d.data.coarticulation import articulate
from emote3d.data.timed import TimedSpeech
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, OCULUS_VISEMES, SMPLX_JOINTS
from emote3d.posing import joint_rotations
from emote3d.records import BodyMotion, FaceMotion, Motion
from emote3d.timeline import by_stretches, frames_of


def make_motion(frames: int = 12, fps: float = 30.0, seed: int = 0, body: bool = True, face: bool = True) -> Motion:
    rng = torch.Generator().manual_seed(seed)

    def smooth(*shape: int) -> torch.Tensor:
        steps = torch.randn(frames, *shape, generator=rng) * 0.02
        return steps.cumsum(0) + 0.3 * torch.randn(*shape, generator=rng)

    return Motion(
        face=FaceMotion(
            expression=smooth(52).abs().clamp(0, 1),
            basis="arkit52",
            jaw_axis_angle=smooth(3),
            neck_axis_angle=smooth(3),
            eyes_axis_angle=smooth(2, 3),
        )
        if face
        else None,
        body=BodyMotion(joints_axis_angle=smooth(55, 3), translation_m=smooth(3)) if body else None,
        fps=fps,
    )


def tensors(motion: Motion) -> dict[str, torch.Tensor]:
    records = [record for record in (motion.face, motion.body) if record is not None]
    return {k: v for record in records for k, v in vars(record).items() if isinstance(v, torch.Tensor)}


def assert_same(a: Motion, b: Motion, atol: float = 2e-5) -> None:
    assert a.fps == b.fps and tensors(a).keys() == tensors(b).keys()
    for name, value in tensors(a).items():
        torch.testing.assert_close(value, tensors(b)[name], atol=atol, rtol=0, msg=name)


def test_arkit_names_and_array() -> None:
    motion = make_motion()
    names, array = motion.arkit()
    assert names == ARKIT_52 and array.shape == (12, 52)
    with pytest.raises(Emote3DError, match="no face"):
        make_motion(face=False).arkit()
    flame = FaceMotion(
        expression=torch.zeros(1, 50),
        basis="flame2020",
        jaw_axis_angle=torch.zeros(1, 3),
        neck_axis_angle=torch.zeros(1, 3),
        eyes_axis_angle=torch.zeros(1, 2, 3),
    )
    with pytest.raises(Emote3DError, match=r"flame2020.*retarget"):
        Motion(face=flame, fps=25).visemes()


def test_quaternions_pose_the_joints_as_the_avatar_does() -> None:
    motion, avatar = make_motion(4), open_avatar()
    xyzw = motion.joint_quaternions()
    np.testing.assert_allclose(np.linalg.norm(xyzw, axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(motion.joint_quaternions("wxyz"), xyzw[..., [3, 0, 1, 2]])
    rest_m = avatar.joints_m.numpy()
    places = np.zeros((4, 55, 3))
    for frame in range(4):
        world: list[Rotation] = []
        for joint, parent in enumerate(avatar.parents):
            local = Rotation.from_quat(xyzw[frame, joint])
            world.append(local if parent < 0 else world[parent] * local)
            offset = rest_m[joint] - rest_m[max(parent, 0)] * (parent >= 0)
            places[frame, joint] = places[frame, parent] + world[parent].apply(offset) if parent >= 0 else rest_m[joint]
    assert motion.body is not None
    places += motion.body.translation_m.numpy()[:, None]
    still_face = Motion(body=motion.body, face=None, fps=30)
    got = motion.joint_positions(avatar)
    moved = avatar.pose(motion).joints_m.numpy()
    np.testing.assert_allclose(got, moved, atol=1e-6)
    # Expressions shift the joints of the eyes and the jaw a little; the rest is the pose alone.
    trunk = [i for i, name in enumerate(SMPLX_JOINTS) if "eye" not in name and name != "jaw"]
    np.testing.assert_allclose(got[:, trunk], places[:, trunk], atol=1e-4)
    assert still_face.joint_positions(avatar).shape == (4, 55, 3)


def test_quaternions_never_flip_between_frames() -> None:
    turn = torch.linspace(0, 8, 60)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    joints = torch.zeros(60, 55, 3)
    joints[:, 16] = turn
    motion = Motion(body=BodyMotion(joints_axis_angle=joints, translation_m=torch.zeros(60, 3)), fps=30)
    xyzw = motion.joint_quaternions()
    assert (xyzw[1:] * xyzw[:-1]).sum(-1).min() > 0.9


def test_stretches_give_what_the_whole_gives() -> None:
    """A long motion is posed in stretches; where they meet is not seen."""
    zeros, motion = torch.zeros(55, 3), make_motion(4000)
    whole = joint_rotations(motion, zeros, zeros)
    torch.testing.assert_close(
        by_stretches(motion, lambda part: joint_rotations(part, zeros, zeros)), whole, atol=1e-6, rtol=0
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 40), st.integers(0, 5), st.sampled_from([24.0, 25.0, 30.0, 60.0]))
def test_slices_and_joins_are_inverse(frames: int, seed: int, fps: float) -> None:
    motion = make_motion(frames, fps, seed)
    cut_s = (frames // 2) / fps
    first, second = motion.slice(0, cut_s), motion.slice(cut_s)
    assert first.frames + second.frames == frames
    assert_same(Motion.concatenate([first, second]), motion, 0)
    assert_same(motion.slice(0, motion.duration_s + 1), motion, 0)
    assert motion.slice(0, 0.4 / motion.fps).frames == 1  # frame 0 is there


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 30), st.integers(0, 5), st.floats(0, 1))
def test_blends_run_from_one_motion_to_the_other(frames: int, seed: int, weight: float) -> None:
    motion, other = make_motion(frames, seed=seed), make_motion(frames, seed=seed + 7)
    assert_same(motion.blend(other, 0.0), motion)
    assert_same(motion.blend(other, 1.0), other)
    assert_same(motion.blend(motion, weight), motion)
    assert_same(motion.blend(other, weight), other.blend(motion, 1 - weight), 1e-4)
    ramp = motion.blend(other, torch.linspace(0, 1, frames))
    assert_same(frames_of(ramp, slice(0, 1)), frames_of(motion, slice(0, 1)))
    assert_same(frames_of(ramp, slice(frames - 1, None)), frames_of(other, slice(frames - 1, None)))


@settings(max_examples=10, deadline=None)
@given(st.integers(8, 40), st.sampled_from([2, 3, 4]))
def test_resampling_up_and_down_returns(frames: int, factor: int) -> None:
    motion = make_motion(frames)
    there = motion.resample(30.0 * factor)
    assert there.frames == frames * factor and there.duration_s == motion.duration_s
    assert_same(there.resample(30.0), motion, 1e-4)


def test_blend_and_join_of_unlike_motions() -> None:
    motion, longer = make_motion(10), make_motion(50, fps=60.0, seed=3, body=False)
    mixed = motion.blend(longer, 0.5)
    assert mixed.fps == 30 and mixed.frames == 10 and mixed.body is motion.body
    joined = Motion.concatenate([make_motion(20), make_motion(20, seed=2)], overlap_s=0.2)
    assert joined.frames == 34
    assert_same(frames_of(joined, slice(0, 14)), frames_of(make_motion(20), slice(0, 14)), 0)
    assert_same(frames_of(joined, slice(20, 34)), frames_of(make_motion(20, seed=2), slice(6, 20)), 0)
    for motions, says in [
        ([], "at least one"),
        ([motion, longer], "parts"),
        ([motion, make_motion(2)], "overlap"),
    ]:
        with pytest.raises(Emote3DError, match=says):
            Motion.concatenate(motions, overlap_s=0.1)
    for call in (
        lambda: motion.slice(5, 6),
        lambda: motion.blend(motion, 1.5),
        lambda: motion.blend(motion, torch.ones(3)),
    ):
        with pytest.raises(Emote3DError):
            call()


def test_visemes_follow_the_phones() -> None:
    phones = {"p": "PP", "f": "FF", "ʃ": "CH", "ɑ": "aa", "i": "I", "u": "U", "o": "O", "s": "SS", "θ": "TH"}
    symbols = ["sil"] + [p for phone in phones for p in (phone, "ə")] + ["sil"]
    edges = 0.3 * np.arange(len(symbols) + 1)
    clip = TimedSpeech(
        waveform=np.zeros(int(16000 * edges[-1]), dtype=np.int16),
        phone=tuple(symbols),
        start_s=edges[:-1].astype(np.float32),
        end_s=edges[1:].astype(np.float32),
        stress=np.zeros(len(symbols), dtype=np.int8),
    )
    loud = np.full(round(edges[-1] * 60), 0.7)
    expression = mouth(articulate(clip, loud, 60.0), np.ones(len(loud)))
    face = make_motion(len(loud)).face
    assert face is not None
    motion = Motion(face=FaceMotion(**{**vars(face), "expression": torch.from_numpy(expression).float()}), fps=60)
    names, weights = motion.visemes()
    assert names == OCULUS_VISEMES
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    at = {s: int((edges[i] + 0.15) * 60) for i, s in enumerate(symbols)}
    heard = {phone: names[int(weights[at[phone]].argmax())] for phone in phones}
    assert heard == phones, heard
    assert weights[0, 0] > 0.9
