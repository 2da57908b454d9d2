"""Which body and which face a checkpoint folder gets, what is refused, and what directs the gestures."""

import shutil
from pathlib import Path

import pytest
import torch

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.metrics.gestures import places_of
from emote3d.performers.amuse_gestures import AmuseGestures
from emote3d.performers.bodies import load_body
from emote3d.performers.open_body import OpenBody
from emote3d.records import BodyMotion, Speech
from performers.tiny_amuse import write_amuse

OPEN = asset_path("checkpoints", "open-v1")


@pytest.fixture(scope="module")
def amuse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_amuse(tmp_path_factory.mktemp("amuse"))


@pytest.fixture(scope="module")
def speech() -> Speech:
    whole = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    return Speech(waveform=whole.waveform[: 8 * 16000], sample_rate=16000)


@pytest.fixture
def donor(tmp_path: Path) -> Path:
    return shutil.copyfile(asset_path("assets", "audio", "demo-congrats.flac"), tmp_path / "donor.flac")


def test_an_amuse_folder_gives_its_body_and_the_shipped_face(amuse, speech, donor, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path / "cache"))
    engine = Emote3D.from_pretrained(amuse)
    assert isinstance(engine.body, AmuseGestures)
    plain, happy = engine.animate_each(speech, [Direction(), Direction(emotion_from=donor, intensity=0.5)])
    shipped = Emote3D.from_pretrained().animate(speech, body=False)
    assert plain.face is not None and plain.body is not None and happy.body is not None and shipped.face is not None
    assert torch.equal(plain.face.expression, shipped.face.expression)
    assert len(plain.body.joints_axis_angle) == len(plain.face.expression) == 240
    assert torch.isfinite(plain.body.joints_axis_angle).all() and torch.isfinite(plain.body.translation_m).all()
    assert torch.allclose(plain.body.joints_axis_angle[:, 22], plain.face.jaw_axis_angle, atol=1e-4)
    assert (plain.body.joints_axis_angle - happy.body.joints_axis_angle).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("direction", "named"),
    [({"emotion": "happy:0.5"}, "--emotion happy:0.5"), ({"at": ("1:sad",)}, "--at 1:sad"),
     ({"gesture_size": 1.3}, "--gesture-size"), ({"handedness": 1.0}, "--handedness")],
)  # fmt: skip
def test_what_amuse_cannot_do_is_refused_before_it_listens(amuse, speech, direction, named, monkeypatch):
    engine = Emote3D.from_pretrained(amuse)
    monkeypatch.setattr(engine.face, "listen", None)
    with pytest.raises(Emote3DError) as error:
        engine.animate(speech, Direction(**direction))
    assert named in str(error.value) and "\n" not in str(error.value)


def test_the_face_of_an_amuse_folder_does_what_the_body_cannot(amuse, speech):
    motion = Emote3D.from_pretrained(amuse).animate(speech, Direction(emotion="happy"), body=False)
    assert motion.body is None and motion.face is not None


def test_a_folder_that_lacks_a_part_is_refused(amuse, tmp_path):
    shutil.copytree(amuse / "content", tmp_path / "content")
    with pytest.raises(Emote3DError, match="lacks emotion, style, prior, denoiser of AMUSE"):
        load_body(tmp_path)
    shutil.copytree(OPEN / "body_prior", tmp_path / "body_prior")
    with pytest.raises(Emote3DError, match="lacks body_denoiser"):
        load_body(tmp_path)


def test_a_face_alone_gets_the_shipped_body(tmp_path):
    for name in ("audio", "phones", "latents", "voice", "decoder", "prior"):
        shutil.copytree(OPEN / name, tmp_path / name)
    assert isinstance(Emote3D.from_pretrained(tmp_path).body, OpenBody)


def test_the_rhythm_that_the_face_heard_is_not_measured_again(speech: Speech):
    engine = Emote3D.from_pretrained()
    assert isinstance(engine.body, OpenBody)
    heard = engine.face.listen(speech)
    given, measured = engine.body.listen(speech, heard), engine.body.listen(speech)
    assert given is heard.rhythm and given is not measured
    assert torch.equal(given.features, measured.features) and torch.equal(given.accents, measured.accents)
    half = Speech(waveform=speech.waveform[: len(speech.waveform) // 2], sample_rate=speech.sample_rate)
    assert len(engine.body.listen(half, heard).loudness) == round(half.duration_s * 30)


class Directed:
    """The shipped body, which heard a recording once."""

    def __init__(self, speech: Speech) -> None:
        engine = Emote3D.from_pretrained()
        assert isinstance(engine.body, OpenBody)
        self.body, self.heard = engine.body, engine.face.listen(speech)
        self.sound = self.body.listen(speech)

    def __call__(self, **direction: object) -> BodyMotion:
        return self.body.perform(self.sound, self.heard, Direction(**direction), 0)

    def seen(self, **direction: object) -> tuple[float, float, float]:
        """Mean speed of the wrists, how far they are to the side, and the left one's share of the movement."""
        places = places_of(self(**direction), self.body.skeleton)
        wrists = places[:, [20, 21]]
        left, right = wrists.diff(dim=0).norm(dim=-1).mean(dim=0).tolist()
        return left + right, float((wrists - places[:, [9]])[..., 0].abs().mean()), left / (left + right)


@pytest.fixture(scope="module")
def directed(speech: Speech) -> Directed:
    return Directed(speech)


@pytest.mark.parametrize(
    ("name", "column", "least"), [("gesture_size", 0, 1.2), ("gesture_rate", 0, 1.4), ("gesture_openness", 1, 1.15)]
)
def test_gestures_follow_their_direction(directed: Directed, name: str, column: int, least: float):
    low, high = (directed.seen(**{name: factor})[column] for factor in (0.7, 1.4))
    assert high > least * low


def test_one_hand_leads_if_asked(directed: Directed):
    right, left = (directed.seen(handedness=hand)[2] for hand in (-1.0, 1.0))
    assert left > right + 0.25


def test_gestures_change_over_time(directed: Directed):
    plain, changed = directed(), directed(at=("4:handedness=1",))
    apart = (plain.joints_axis_angle - changed.joints_axis_angle)[:, 16:22].norm(dim=-1).mean(dim=1)
    assert apart[150:].mean() > 2 * apart[:90].mean()


def test_redirect_refuses_what_it_leaves_as_it_is(speech):
    engine = Emote3D.from_pretrained()
    motion = engine.animate(speech, body=False)
    with pytest.raises(Emote3DError, match="redirect leaves the body"):
        engine.redirect(motion, Direction(gesture_rate=1.5))
