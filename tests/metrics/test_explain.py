import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D, Emote3DError
from emote3d.audio.load import load_speech
from emote3d.decoders.face import face_from_arkit
from emote3d.metrics.action_units import score
from emote3d.metrics.explain import explain
from emote3d.names import ARKIT_52, EMOTIONS
from emote3d.records import Motion, Speech

DEMO = Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac"


@cache
def engine() -> Emote3D:
    return Emote3D.from_pretrained()


@cache
def performed() -> Motion:
    waveform = load_speech(DEMO).waveform[: 6 * 16000]
    return engine().animate(Speech(waveform=waveform, sample_rate=16000))


def posed(frames: int = 90, **values: float) -> Motion:
    shapes = torch.zeros(frames, 52)
    for name, value in values.items():
        shapes[:, ARKIT_52.index(name)] = value
    return Motion(face=face_from_arkit(shapes), fps=30)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_emotion_asked_for_is_the_one_explained(emotion: str):
    explanation = explain(engine().redirect(performed(), Direction(emotion=emotion)))
    lasting = {s.emotion: s.end_s - s.start_s for s in explanation.segments}
    assert max(lasting, key=lambda name: lasting[name]) == emotion
    assert lasting[emotion] >= 0.9 * explanation.duration_s
    if emotion != "neutral":
        assert any(segment.because for segment in explanation.segments)


def test_intensity_is_read_in_order():
    read = [
        explain(engine().redirect(performed(), Direction(emotion="sad", intensity=i))).mean_emotion["sad"]
        for i in (0.2, 0.6, 1.0, 1.4)
    ]
    assert read == sorted(read) and read[-1] > read[0] + 0.6


def test_changes_are_found_where_they_were_asked():
    explanation = explain(engine().redirect(performed(), Direction(emotion="happy", at=("3:anger",))))
    assert [segment.emotion for segment in explanation.segments] == ["happy", "anger"]
    assert explanation.segments[0].end_s == pytest.approx(3.4, abs=0.4)
    assert explanation.segments[0].because[0].startswith("AU12")


def test_units_carry_sides_and_letters():
    explanation = explain(posed(mouthSmileLeft=0.7, mouthSmileRight=0.1, browInnerUp=0.35))
    assert "L12D" in explanation.segments[0].units and "1C" in explanation.segments[0].units
    assert [score(4, value, value) for value in (0.02, 0.06, 0.2, 0.4, 0.7, 0.95)] == [
        None,
        "4A",
        "4B",
        "4C",
        "4D",
        "4E",
    ]


def test_blinks_looks_and_nods():
    motion = posed(frames=120)
    assert motion.face is not None
    motion.face.expression[30:35, [ARKIT_52.index("eyeBlinkLeft"), ARKIT_52.index("eyeBlinkRight")]] = 1.0
    motion.face.eyes_axis_angle[60:90, :, 1] = np.radians(20)
    motion.face.neck_axis_angle[:, 0] = np.radians(4) * torch.exp(-0.5 * ((torch.arange(120) - 50) / 3.0) ** 2)
    explanation = explain(motion)
    assert [blink.start_s for blink in explanation.blinks] == [1.0]
    assert [(look.kind, look.start_s, look.end_s) for look in explanation.looks] == [("looks left", 2.0, 3.0)]
    assert [nod.start_s for nod in explanation.nods] == [pytest.approx(50 / 30, abs=0.05)]


def test_text_and_json_say_it():
    explanation = explain(posed(browDownLeft=0.95, browDownRight=0.95, eyeSquintLeft=0.3, eyeSquintRight=0.3))
    assert "anger" in explanation.text() and "AU4E brow lowerer" in explanation.text()
    assert json.loads(json.dumps(explanation.to_dict()))["segments"][0]["emotion"] == "anger"


def test_what_cannot_be_explained_says_why():
    with pytest.raises(Emote3DError):
        explain(Motion(body=None, face=None, fps=30))
    with pytest.raises(Emote3DError, match="one frame"):
        explain(posed(frames=1))
