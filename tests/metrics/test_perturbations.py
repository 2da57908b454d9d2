"""Known changes of a real performance move the figures of `emote3d evaluate` that they must, and no others.

For each change a table says of every figure what becomes of it and why; a figure that is in no table fails.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d import Emote3D
from emote3d.audio.hearing import hear
from emote3d.audio.load import load_speech
from emote3d.data.phones import SYMBOLS
from emote3d.data.timed import TimedSpeech, build_timed
from emote3d.files import asset_path
from emote3d.metrics.evaluation import compare
from emote3d.metrics.expressions import runs
from emote3d.metrics.sound import errors_by_phone, sound_measures
from emote3d.metrics.subjects import Subject
from emote3d.names import ARKIT_52
from emote3d.performers.open_face import OpenFace
from emote3d.records import BodyMotion, FaceMotion, Motion, Speech

SECONDS = 12
UPPER = [index for index, name in enumerate(ARKIT_52) if name.startswith(("brow", "eye"))]
MOUTH = [index for index, name in enumerate(ARKIT_52) if name.startswith(("jaw", "mouth"))]


def _phones(face: OpenFace, speech: Speech, fps: float) -> TimedSpeech:
    """The phones that the shipped reader hears, each as long as it is the likeliest."""
    with torch.inference_mode():
        features, _ = hear(face.audio, speech, fps)
        likeliest = face.phones(features.features).argmax(dim=1).numpy()
    spans = [(first / fps, (SYMBOLS[likeliest[first]],), 0) for first, _ in runs(likeliest)]
    return build_timed((speech.waveform.numpy() * 32767).astype(np.int16), spans)


def _resting(curve: Float[Tensor, "frames *rest"]) -> Float[Tensor, "frames *rest"]:
    """The same with both ends faded to rest, so that turning it around is a delay without a seam."""
    ramp = (torch.arange(len(curve)) / 15 - 0.5).clamp(0, 1)
    shape = (-1,) + (1,) * (curve.ndim - 1)
    return curve * (torch.minimum(ramp, ramp.flip(0))).reshape(shape)


@pytest.fixture(scope="module")
def setting():
    engine = Emote3D.from_pretrained()
    speech = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    speech = Speech(waveform=speech.waveform[: SECONDS * 16000], sample_rate=16000)
    motion = engine.animate(speech)
    face, body = motion.face, motion.body
    parts = {name: _resting(getattr(face, name)) for name in ("expression", "neck_axis_angle", "eyes_axis_angle")}
    joints = {name: _resting(getattr(body, name)) for name in ("joints_axis_angle", "translation_m")}
    plain = replace(motion, face=replace(face, **parts), body=replace(body, **joints), origin=None)
    phones = _phones(engine.face, speech, motion.fps)

    def measure(changed: Motion) -> dict[str, float]:
        pair = (Subject(motion=one, fps=motion.fps) for one in (changed, plain))
        compared = compare(*pair, engine.avatar)
        by_phone = errors_by_phone(compared.curves["lve_mm"], phones, motion.fps)
        told = {"lve_by_phone_mm": float(np.mean([errors.mean() for errors in by_phone.values()]))}
        return compared.figures | sound_measures(changed, speech, engine.avatar, phones).figures | told

    return plain, measure, measure(plain)


def _delayed(plain: Motion) -> Motion:
    """Face and body three frames later."""

    def turned(part: FaceMotion | BodyMotion):
        return replace(
            part, **{name: torch.roll(x, 3, dims=0) for name, x in vars(part).items() if isinstance(x, Tensor)}
        )

    return replace(plain, face=turned(plain.face), body=turned(plain.body))


def _louder(plain: Motion) -> Motion:
    """Jaw and mouth moved twice as far from rest."""
    expression = plain.face.expression.clone()
    expression[:, MOUTH] *= 2
    return replace(plain, face=replace(plain.face, expression=expression))


def _frozen(plain: Motion) -> Motion:
    """Brows, lids and gaze held at their mean."""
    expression = plain.face.expression.clone()
    expression[:, UPPER] = expression[:, UPPER].mean(dim=0)
    eyes = torch.zeros_like(plain.face.eyes_axis_angle)
    return replace(plain, face=replace(plain.face, expression=expression, eyes_axis_angle=eyes))


Expectation = Callable[[float, float], bool]
"""Of a figure and of what it was without the change."""


def _stays(within: float = 1e-6) -> Expectation:
    return lambda value, before: abs(value - before) <= within


def _by(change: float, within: float = 1e-3) -> Expectation:
    return lambda value, before: abs(value - before - change) <= within


def _moves(least: float, most: float = np.inf) -> Expectation:
    """Up by so much; down where the numbers are negative."""
    low, high = (least, most) if least > 0 else (-most, least)
    return lambda value, before: low <= value - before <= high


STATISTICS = (
    "l1_diversity_m", "body_jerk_m_per_s3", "foot_slide_m_per_s", "joint_limit_violations", "reference_l1_diversity_m",
    "reference_body_jerk_m_per_s3", "reference_foot_slide_m_per_s", "reference_joint_limit_violations",
)  # fmt: skip
BODY = (*STATISTICS, "joint_error_mm", "lvd_m_per_s", "srgr", "beat_consistency_0.3", "beat_consistency_0.1")
LIPS = ("lve_mm", "lve_mean_mm", "lve_squared_mm2", "lve_by_phone_mm", "mod_mm")
PHONES = (
    "closure_recall", "false_closures", "closed_inside_other_phones", "closure_timing_error_ms", "teeth_on_lip_in_f_v",
)  # fmt: skip
TIMING = ("mouth_lag_frames", "voice_lag_frames")
Table = dict[tuple[str, ...], tuple[Expectation, str]]
DELAYED: Table = {
    ("mve_mm", "eve_mm", *LIPS): (_moves(0.2), "in every frame another moment is compared"),
    ("coefficient_error",): (_moves(0.005), "likewise"),
    ("fdd_mm2",): (_stays(), "what moves how much has no time"),
    ("mouth_amplitude_ratio", "jerk_ratio"): (_stays(), "likewise"),
    TIMING: (_by(3, 0), "the delay itself"),
    ("mouth_correlation_at_lag",): (_stays(), "at that delay the curves are the same"),
    ("voice_correlation_at_lag",): (_stays(0.02), "likewise, but for three frames of sound without a mouth"),
    ("closure_timing_error_ms",): (_moves(50, 100 + 1e-6), "closures are 100 ms late; one that was early gets nearer"),
    ("closed_inside_other_phones",): (_moves(0.01), "closures reach into the phone that follows"),
    ("closure_recall", "false_closures", "teeth_on_lip_in_f_v"): (
        _stays(0.1), "closures and teeth last for frames, and some of grace are added; so do vowels"),
    ("joint_error_mm",): (_moves(5), "as of vertices"),
    ("lvd_m_per_s",): (_moves(0.05), "as of vertices"),
    ("srgr",): (_moves(-0.02), "hands pass places 10 cm away"),
    STATISTICS: (_stays(), "what moves how much has no time, and the reference is as it was"),
    ("beat_consistency_0.3", "beat_consistency_0.1"): (_stays(0.05), "a third of its sigma: it hardly tells 0.1 s"),
}  # fmt: skip
LOUDER: Table = {
    LIPS: (_moves(0.5), "the mouth is elsewhere"),
    ("mve_mm",): (_moves(0.2), "the mouth is a part of the skin"),
    ("coefficient_error",): (_moves(0.005), "so are its coefficients"),
    ("eve_mm",): (_moves(0.01, 0.2), "a smile pulls a little at the lower lids"),
    ("fdd_mm2",): (_stays(0.01), "the upper face moves as before"),
    ("mouth_amplitude_ratio",): (_by(1), "the change itself"),
    ("jerk_ratio",): (_moves(0.1, 1), "twice for the mouth, and as it was for the rest"),
    TIMING: (_stays(0), "nothing is earlier or later"),
    ("mouth_correlation_at_lag", "voice_correlation_at_lag"): (_stays(1e-3), "a correlation has no size"),
    ("closure_recall", "false_closures", "closure_timing_error_ms"): (_stays(), "closed is a share of the own opening"),
    ("closed_inside_other_phones",): (_stays(0.01), "likewise; the lips' gap at rest is not doubled"),
    ("teeth_on_lip_in_f_v",): (_moves(-0.1), "teeth are seen up to a gap of 6 mm, whatever the mouth does else"),
    BODY: (_stays(), "the body is as it was"),
}
FROZEN: Table = {
    ("fdd_mm2",): (_moves(1), "the change itself: positive, as too little moves"),
    ("eve_mm",): (_moves(0.5), "brows and lids are elsewhere"),
    ("mve_mm",): (_moves(0.05), "they are a part of the skin"),
    ("coefficient_error",): (_moves(0.005), "so are their coefficients"),
    ("jerk_ratio",): (_moves(-0.2), "blinks are the quickest of the face"),
    LIPS: (_stays(0.001), "no brow reaches the lips"),
    (*TIMING, "mouth_correlation_at_lag", "mouth_amplitude_ratio", "voice_correlation_at_lag", *PHONES): (
        _stays(), "the mouth is as it was"),
    BODY: (_stays(), "the body is as it was"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "table"),
    [(_delayed, DELAYED), (_louder, LOUDER), (_frozen, FROZEN)],
    ids=["delayed", "louder", "frozen"],
)
def test_a_known_change_moves_what_it_must_and_nothing_else(change: Callable[[Motion], Motion], table: Table, setting):
    plain, measure, before = setting
    found = measure(change(plain))
    expected = {name: row for names, row in table.items() for name in names}
    assert sorted(name for names in table for name in names) == sorted(found)
    wrong = [
        f"{name}: {before[name]:.6g} became {found[name]:.6g}, but {why}"
        for name, (as_expected, why) in expected.items()
        if not as_expected(found[name], before[name])
    ]
    assert not wrong, "\n".join(wrong)


def test_a_performance_against_itself_has_no_error(setting):
    _, _, before = setting
    errors = ("mve_mm", "eve_mm", *LIPS, "fdd_mm2", "coefficient_error", "joint_error_mm", "lvd_m_per_s", *TIMING[:1])
    assert [before[name] for name in errors] == [0] * len(errors)
    ones = ("mouth_correlation_at_lag", "mouth_amplitude_ratio", "jerk_ratio", "srgr")
    assert [before[name] for name in ones] == pytest.approx([1] * len(ones))
    assert before["closure_recall"] > 0.9 and before["teeth_on_lip_in_f_v"] > 0
