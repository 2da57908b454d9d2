import pytest

from emote3d import Direction, Emote3DError
from emote3d.names import EMOTIONS


def test_weight_and_intensity_multiply_and_neutral_is_the_rest():
    weights = dict(zip(EMOTIONS, Direction(emotion="happy:0.5", intensity=0.8).emotion_weights(), strict=True))
    assert weights["happy"] == pytest.approx(0.4)
    assert weights["neutral"] == pytest.approx(0.6)


def test_blend():
    weights = dict(zip(EMOTIONS, Direction(emotion="happy:0.6+surprised:0.4").emotion_weights(), strict=True))
    assert weights["surprise"] == pytest.approx(0.4)
    assert sum(weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("emotion", ["bored", "happy:x", "happy:-1", "happy:nan", "happy:1.4+sad:0.4", "", "happy+"])
def test_what_cannot_be_felt_is_refused(emotion: str):
    with pytest.raises(Emote3DError):
        Direction(emotion=emotion)


def test_all_problems_are_named_at_once():
    with pytest.raises(Emote3DError, match=r"intensity.*blink_rate.*unknown emotion"):
        Direction(emotion="joyous", intensity=2, blink_rate=-1)
