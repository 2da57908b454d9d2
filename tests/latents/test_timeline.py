import json
from pathlib import Path

import numpy as np
import pytest

from emote3d import Direction, Emote3DError
from emote3d.latents.direction_file import direction_from, direction_json, load_direction
from emote3d.latents.emotions import COMPOUNDS, FEELINGS, VAD, parse_feeling, write_feeling
from emote3d.latents.keys import SpokenWord
from emote3d.latents.timeline import draw_timeline, voiced

WORDS = [
    SpokenWord(text="never", start_s=1.0, end_s=1.4),
    SpokenWord(text="say", start_s=1.5, end_s=1.7),
    SpokenWord(text="never", start_s=2.0, end_s=2.5),
]


def weight(timeline, name: str) -> np.ndarray:
    return timeline.emotion[:, FEELINGS.index(name)]


def test_a_constant_direction_is_constant_and_the_first_frame_is_there():
    timeline = draw_timeline(Direction(emotion="happy:0.8", intensity=0.5), 50, 30)
    assert np.allclose(timeline.emotion, [0.6, 0.4, 0, 0, 0, 0, 0, 0, 0])
    assert timeline.upper is None and timeline.mouth is None


def test_keys_hold_from_their_time_with_a_natural_onset():
    timeline = draw_timeline(Direction(at=("0:happy:0.3", "2.5:sad")), 180, 30)
    sad = weight(timeline, "sad")
    assert sad[74] == 0 and weight(timeline, "happy")[74] == pytest.approx(0.3)
    assert 0.85 < sad[75 + 23] < 0.97  # 0.75 s: the attack of sadness
    assert sad[-1] > 0.99 and np.all(np.diff(sad) >= 0)


@pytest.mark.parametrize("text", ["happy", "surprise:1.5", "fear:0.5+anger:0.9"])
def test_no_emotion_jumps_in_place_or_speed(text: str):
    timeline = draw_timeline(Direction(at=(f"1:{text}", "1.2:sad", "1.5..1.8:disgust", "3:neutral")), 150, 30)
    steps = np.abs(np.diff(timeline.emotion, axis=0))
    assert steps.max() < 0.3
    assert np.abs(np.diff(timeline.emotion, n=2, axis=0)).max() < 0.15
    assert np.all(timeline.emotion >= 0) and timeline.emotion[:, 1:].sum(axis=1).max() <= 1.5 + 1e-9


def test_attack_is_obeyed_and_can_be_set_by_a_key():
    slow = weight(draw_timeline(Direction(at=("1:happy,attack_s=3",)), 180, 30), "happy")
    quick = weight(draw_timeline(Direction(at=("1:happy,attack_s=0.2",)), 180, 30), "happy")
    assert np.argmax(slow > 0.95) > 30 + 2.5 * 30
    assert np.argmax(quick > 0.9) < 30 + 0.35 * 30


def test_linear_curves_go_all_the_way():
    timeline = draw_timeline(Direction(curve="linear", at=("0:jaw=0.5", "4:happy,jaw=1.5")), 150, 30)
    assert timeline.jaw[60] == pytest.approx(1.0, abs=0.02)
    assert weight(timeline, "happy")[60] == pytest.approx(0.5, abs=0.12)


def test_percent_ranges_and_regions():
    timeline = draw_timeline(
        Direction(emotion="anger", upper="sad", at=("25%..75%:jaw=2,gaze=left", "50%:happy")), 120, 30
    )
    assert timeline.jaw[60] == pytest.approx(2) and timeline.jaw[[5, 115]] == pytest.approx(1)
    assert timeline.gaze_held[[10, 60, 110]].tolist() == [0, 1, 0]
    assert timeline.upper is not None and timeline.mouth is None
    assert np.allclose(timeline.upper[:, FEELINGS.index("sad")], 1)  # the upper face stays when the emotion changes
    assert weight(timeline, "happy")[-1] > 0.95


def test_a_range_moves_a_held_head_no_quicker_than_a_key_does():
    settings = Direction(gaze="45/0", head_motion=2, at=("1..2:head_motion=0,asymmetry=1",))
    timeline = draw_timeline(settings, 90, 30)
    assert timeline.head_motion[45] < 0.1 and np.abs(np.diff(timeline.head_motion)).max() < 0.15
    assert np.abs(np.diff(timeline.asymmetry)).max() < 0.08


def test_words_are_directed_each_time_or_by_number():
    both = draw_timeline(Direction(transcript="x", word=("never:articulation=1.6",)), 90, 30, WORDS)
    second = draw_timeline(Direction(transcript="x", at=("@never#2..@never#2:articulation=1.6",)), 90, 30, WORDS)
    assert both.articulation[[36, 67]] == pytest.approx(1.6, abs=0.05)
    assert both.articulation[15] == pytest.approx(1)
    assert second.articulation[[36, 67]] == pytest.approx([1.0, 1.6], abs=0.05)


def test_the_voice_takes_the_place_of_auto():
    timeline = draw_timeline(Direction(emotion="auto:0.5+happy:0.2"), 3, 30)
    voice = np.tile([0.2, 0.0, 0.8, 0, 0, 0, 0, 0], (3, 1))
    assert np.allclose(voiced(timeline.emotion, voice), [0.4, 0.2, 0.4, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("name", list(VAD))
def test_a_point_at_an_emotion_is_that_emotion(name: str):
    point = "/".join(map(str, VAD[name]))
    assert write_feeling(parse_feeling(f"vad:{point}")) == name


@pytest.mark.parametrize("point", ["0/0/0", "0.3/0.3/0.2", "1/1/1", "-1/-1/-1", "-0.6/0.6/0"])
def test_blends_of_points_lie_near_the_point(point: str):
    weights = parse_feeling(f"vad:{point}")
    blend = np.array([weights[FEELINGS.index(name)] for name in VAD]) @ np.array(list(VAD.values()))
    wanted = np.array([float(value) for value in point.split("/")])
    assert np.linalg.norm(blend - wanted) <= np.linalg.norm(wanted) * 0.75 + 1e-9
    assert write_feeling(weights) == write_feeling(parse_feeling(write_feeling(weights)))


def test_compounds_take_intensity():
    for name in COMPOUNDS:
        assert sum(Direction(emotion=name, intensity=1.3).emotion_weights()[1:]) <= 1.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": ("2.5",)}, "TIME:SETTINGS"),
        ({"at": ("x:sad",)}, "time in seconds"),
        ({"at": ("120%:sad",)}, "percent"),
        ({"at": ("nan:sad",)}, "time"),
        ({"at": ("1:gase=left",)}, "did you mean gaze"),
        ({"at": ("1:jaw=3",)}, "jaw must lie"),
        ({"at": ("1:hapy",)}, "did you mean happy"),
        ({"word": ("never",)}, "WORD:SETTINGS"),
        ({"gaze": "99/0"}, "gaze"),
        ({"emotion": "vad:2/0/0"}, "valence"),
        ({"emotion_from": Path("/nowhere.wav")}, "no file"),
        ({"emotion": "sad", "emotion_from": Path(__file__)}, "either"),
        ({"upper": "bored"}, "unknown emotion"),
    ],
)
def test_bad_directions_are_refused_with_what_to_do(settings: dict, message: str):
    with pytest.raises(Emote3DError, match=message):
        Direction(**settings)


@pytest.mark.parametrize("words", [{"word": ("never:sad",)}, {"at": ("@never:sad",)}])
def test_words_need_a_transcript(words: dict):
    with pytest.raises(Emote3DError, match="transcript"):
        draw_timeline(Direction(**words), 90, 30)


@pytest.mark.parametrize("at", ["9:sad", "2..1:sad", "@always:sad"])
def test_what_does_not_fit_the_recording_is_refused(at: str):
    with pytest.raises(Emote3DError):
        draw_timeline(Direction(transcript="x", at=(at,)), 90, 30, WORDS)


def test_a_file_says_the_same(tmp_path: Path):
    path = tmp_path / "d.yaml"
    path.write_text(
        "emotion: happy:0.5\nat:\n- 1:sad\n- {time: 75%, emotion: anger, gaze: left}\n- {time: 1, until: 2, jaw: 1.5}\n"
    )
    direction = load_direction(path)
    assert direction.at == ("1:sad", "75%:emotion=anger,gaze=left", "1..2:jaw=1.5")
    assert direction_from(json.loads(direction_json(direction))) == direction


@pytest.mark.parametrize(
    "text", ["[1, 2]", "emotion: [", "emoton: sad", "intensity: much", "at: sad", "at: [{emotion: sad}]", "jaw: 9"]
)
def test_a_bad_file_is_refused_in_one_line(text: str, tmp_path: Path):
    path = tmp_path / "d.yaml"
    path.write_text(text)
    with pytest.raises(Emote3DError) as error:
        load_direction(path)
    assert "\n" not in str(error.value) and "d.yaml" in str(error.value)


def test_flags_overrule_the_file():
    merged = Direction(emotion="sad", jaw=1.2).merged(Direction(emotion="happy"))
    assert (merged.emotion, merged.jaw) == ("happy", 1.2)
