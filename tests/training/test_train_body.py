"""`emote3d train body` on folders laid out as BEAT2 and AMASS: our own gestures with a real recording."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import write_wav

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.cli.train import TrainBody
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.motion import resample_motion
from emote3d.names import BODY_STYLES
from emote3d.performers.open_body import OpenBody
from emote3d.prior.mld import MldVAE
from emote3d.records import BodyMotion, Motion, Speech
from emote3d.training.recorded_body import facing_forward, measure_gestures
from emote3d.training.settings import BodyTraining

TAKES = {"2_scott_0_1_1": "train", "2_scott_0_73_73": "train", "1_wayne_0_81_81": "train", "1_wayne_0_65_65": "val"}
EMOTIONS = {"2_scott_0_1_1": 0, "2_scott_0_73_73": 6, "1_wayne_0_81_81": 2, "1_wayne_0_65_65": 1}
TINY = BodyTraining(prior_d=16, prior_windows=12, steps=6, batch=4, seconds=3.2, d=16, layers=3)


@pytest.fixture(scope="module")
def body() -> OpenBody:
    return OpenBody.from_pretrained(asset_path("checkpoints", "open-v1"))


@pytest.fixture(scope="module")
def performed(body: OpenBody) -> dict[str, tuple[Speech, BodyMotion]]:
    """Four pieces of the demo, gestured."""
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac")).waveform
    found = {}
    for index, name in enumerate(TAKES):
        speech = Speech(waveform=demo[index * 96000 : (index + 1) * 96000], sample_rate=16000)
        rhythm = body.listen(speech)
        emotion = torch.eye(8)[EMOTIONS[name]].expand(len(rhythm.loudness), -1)
        found[name] = speech, body.act(rhythm, emotion, torch.zeros(len(BODY_STYLES)), index)
    return found


@pytest.fixture
def beat2(tmp_path: Path, performed: dict[str, tuple[Speech, BodyMotion]]) -> Path:
    """The tree, keys and types of BEAT2; a speaker stands somewhere else and looks to the side."""
    root = tmp_path / "beat_english_v2.0.0"
    for name in ("smplxflame_30", "wave16k"):
        (root / name).mkdir(parents=True)
    for name, (speech, moved) in performed.items():
        np.savez(
            root / "smplxflame_30" / f"{name}.npz",
            poses=moved.joints_axis_angle.flatten(1).numpy(),
            expressions=np.zeros((len(moved.joints_axis_angle), 100)),
            trans=moved.translation_m.double().numpy() + [0.3, 1.2, -0.5],
            betas=np.zeros(300, np.float32),
            model="smplx2020",
            gender="neutral",
            mocap_frame_rate=30,
        )
        write_wav(root / "wave16k" / f"{name}.wav", speech.waveform.numpy())
    table = "".join(f"{name},{split}\n" for name, split in TAKES.items())
    (root / "train_test_split.csv").write_text("id,type\n" + table)
    return root


def write_amass(root: Path, moved: BodyMotion) -> Path:
    """The tree of AMASS: SMPL-H at 120 Hz, z up."""
    (root / "CMU" / "01").mkdir(parents=True)
    fast = resample_motion(Motion(body=moved, fps=30), 120, len(moved.joints_axis_angle) / 30).body
    assert fast is not None
    poses = fast.joints_axis_angle.flatten(1).numpy()
    np.savez(
        root / "CMU" / "01" / "01_01_poses.npz",
        poses=np.concatenate([poses[:, :66], poses[:, 75:]], axis=1),
        trans=fast.translation_m.numpy(),
        betas=np.zeros(16),
        gender="male",
        mocap_framerate=120.0,
    )
    return root


def animated(folder: Path, seconds: float = 4.0) -> BodyMotion:
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac")).waveform
    speech = Speech(waveform=demo[: round(seconds * 16000)], sample_rate=16000)
    motion = Emote3D.from_pretrained(folder).animate(speech, Direction(emotion="sad"))
    assert motion.face is not None and motion.body is not None
    assert torch.isfinite(motion.body.joints_axis_angle).all() and torch.isfinite(motion.body.translation_m).all()
    assert len(motion.body.joints_axis_angle) == len(motion.face.expression)
    return motion.body


def test_beat2_and_amass_make_a_checkpoint_that_animates(beat2, performed, tmp_path, capsys):
    amass = write_amass(tmp_path / "amass", performed["2_scott_0_1_1"][1])
    verb = TrainBody(data=(beat2, amass), output=tmp_path / "out", runs=tmp_path / "runs", settings=TINY)
    verb.run()
    assert "variance_rebuilt" in capsys.readouterr().out
    spoken = np.load(tmp_path / "runs" / "tape" / "spoken.npy")
    assert spoken.sum() == 3 and not spoken.all()
    first = (tmp_path / "out" / "body_denoiser" / "model.safetensors").read_bytes()
    assert animated(tmp_path / "out").joints_axis_angle.diff(dim=0).abs().max() > 1e-4
    verb.run()  # nothing is left to do, and nothing is done twice
    assert (tmp_path / "out" / "body_denoiser" / "model.safetensors").read_bytes() == first


def test_a_vae_prior_can_be_had(beat2, tmp_path):
    settings = BodyTraining(prior="mld", prior_d=16, prior_steps=3, steps=3, batch=2, seconds=3.2, d=16, layers=3)
    TrainBody(data=(beat2,), output=tmp_path / "out", runs=tmp_path / "runs", settings=settings, quiet=True).run()
    body = Emote3D.from_pretrained(tmp_path / "out").body
    assert isinstance(body, OpenBody) and isinstance(body.prior, MldVAE)
    animated(tmp_path / "out", 5.0)


def test_motion_without_speech_alone_is_refused(performed, tmp_path):
    amass = write_amass(tmp_path / "amass", performed["2_scott_0_1_1"][1])
    verb = TrainBody(data=(amass,), output=tmp_path / "out", runs=tmp_path / "runs", settings=TINY)
    with pytest.raises(Emote3DError, match="none has speech"):
        verb.run()
    assert not (tmp_path / "out").exists()


def test_a_body_is_turned_to_the_front(performed):
    moved = performed["2_scott_0_1_1"][1]
    from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

    turn = axis_angle_to_matrix(torch.tensor([0.0, 1.1, 0.0]))
    joints = moved.joints_axis_angle.clone()
    joints[:, 0] = matrix_to_axis_angle(turn @ axis_angle_to_matrix(joints[:, 0]))
    turned = BodyMotion(joints_axis_angle=joints, translation_m=moved.translation_m @ turn.T + 2.0)
    one, other = facing_forward(moved, 30), facing_forward(turned, 30)
    assert torch.allclose(one.joints_axis_angle, other.joints_axis_angle, atol=1e-4)
    assert torch.allclose(one.translation_m, other.translation_m, atol=1e-4)


def test_the_style_of_recorded_gestures_is_measured(performed, body):
    moved = performed["2_scott_0_1_1"][1]
    still = moved.joints_axis_angle.mean(dim=0, keepdim=True)
    half = BodyMotion(
        joints_axis_angle=still + 0.5 * (moved.joints_axis_angle - still), translation_m=0.5 * moved.translation_m
    )
    mirrored = moved.joints_axis_angle.clone()
    mirrored[:, [16, 18, 20]] = still[:, [16, 18, 20]]
    right = BodyMotion(joints_axis_angle=mirrored, translation_m=moved.translation_m)
    whole, small, one = (
        dict(zip(BODY_STYLES, measure_gestures(each, body.skeleton, 30), strict=True)) for each in (moved, half, right)
    )
    assert small["size"] < whole["size"] - 0.3
    assert one["handedness"] < whole["handedness"] - 0.3
