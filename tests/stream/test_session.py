"""A stream gives what the whole recording gives, whatever the chunks; and it goes on through all that happens live."""

import numpy as np
import pytest
import torch

from emote3d import Direction
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52
from emote3d.records import Motion, Speech
from emote3d.stream.model import LiveModel
from emote3d.stream.session import Latency, Stream

FIELDS = ("expression", "jaw_axis_angle", "neck_axis_angle", "eyes_axis_angle")


def rows(motions: list[Motion]) -> torch.Tensor:
    faces = [motion.face for motion in motions]
    return torch.cat([torch.cat([getattr(face, name).flatten(1) for name in FIELDS], dim=1) for face in faces if face])


def run(stream: Stream, samples: torch.Tensor, chunk: int) -> torch.Tensor:
    motions = []
    for part in samples.split(chunk):
        motions += stream.feed(part)
    return rows([*motions, stream.flush()])


@pytest.mark.parametrize("look_ahead_ms", [40, 80, 120])
def test_streamed_equals_offline_at_the_same_look_ahead(tiny: LiveModel, demo: Speech, look_ahead_ms: int):
    direction = Direction(emotion="happy:0.7", head_motion=1.3)
    whole = rows([tiny.perform(demo, direction, look_ahead_ms, seed=5)])
    streamed = run(Stream(tiny, direction, look_ahead_ms, seed=5), demo.waveform, 480)
    assert streamed.shape == whole.shape
    assert (streamed - whole).abs().max() < 1e-4


def test_the_chunking_leaves_no_trace(tiny: LiveModel, demo: Speech):
    whole = run(Stream(tiny, Direction(), seed=1), demo.waveform, 10**9)
    for chunk in (1601, 320, 97):
        assert torch.equal(run(Stream(tiny, Direction(), seed=1), demo.waveform[:32000], chunk)[:55], whole[:55])


def test_a_frame_depends_on_no_more_sound_than_stated(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction(), look_ahead_ms=80)
    assert stream.latency.look_ahead_ms <= 80
    frame, changed = 60, demo.waveform.clone()
    changed[stream.timing.samples_for(frame) :] = 0
    first, second = (tiny.perform(Speech(waveform=w, sample_rate=16000), Direction()) for w in (demo.waveform, changed))
    difference = (rows([first]) - rows([second])).abs().amax(dim=1)
    assert difference[: frame + 1].max() == 0
    assert difference[frame + 1 :].max() > 1e-3
    assert stream.timing.samples_for(frame) / 16000 - frame / 30 <= 0.080


def test_frames_come_as_soon_as_their_sound_is_there(tiny: LiveModel):
    stream = Stream(tiny, Direction(), look_ahead_ms=80)
    need = stream.timing.samples_for(0)
    assert need / 16000 < 0.2
    assert stream.feed(np.zeros(need - 1, np.float32)) == []
    assert [motion.frames for motion in stream.feed(np.zeros(1, np.float32))] == [1]


def _held(stream: Stream) -> int:
    """Numbers that a stream holds on to."""
    seen: set[int] = set()

    def count(thing: object) -> int:
        if id(thing) in seen or isinstance(thing, torch.nn.Module):
            return 0
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor):
            return thing.untyped_storage().nbytes() // thing.element_size()
        if isinstance(thing, np.ndarray):
            return thing.size
        if isinstance(thing, (list, tuple)):
            return sum(count(item) for item in thing)
        return sum(count(item) for item in vars(thing).values()) if hasattr(thing, "__dict__") else 0

    return count(stream)


def test_an_endless_feed_neither_drifts_nor_grows(tiny: LiveModel):
    stream = Stream(tiny, Direction())
    noise = (np.random.default_rng(0).normal(0, 0.05, 8000) * 32767).astype(np.int16)
    held, frames = [], []
    for _ in range(30):
        frames.append(sum(motion.frames for motion in stream.feed(noise)))
        held.append(_held(stream))
    assert set(frames[1:]) == {15}
    assert max(held[24:]) <= max(held[14:24])
    offset_s = [stream.timing.samples_for(k) / 16000 - k / 30 for k in (0, 54000, 54_000_000)]
    assert max(offset_s) - min(offset_s) < 1e-9


def test_the_lag_of_a_frame_is_the_sum_of_its_terms():
    terms = {"look_ahead_ms": 76.0, "hop_ms": 33.0, "compute_ms": 4.0, "smoothing_ms": 2.0}
    elsewhere = {"direction_ms": 400.0, "body_look_ahead_ms": 1500.0, "body_compute_ms": 90.0}
    assert Latency(**terms, **elsewhere).total_ms == 115.0


def test_a_new_direction_comes_smoothly_and_soon(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction(emotion="neutral"), seed=2)
    steady = Stream(tiny, Direction(emotion="neutral"), seed=2)
    half = demo.waveform[:32000]
    assert torch.equal(rows(stream.feed(half)), rows(steady.feed(half)))
    stream.direct(Direction(emotion="anger", intensity=1.2))
    changed, same = (rows(s.feed(demo.waveform[32000:])) for s in (stream, steady))
    difference = (changed - same).abs().amax(dim=1)
    assert 0 < difference[0] < 0.35 * difference.max()
    assert difference.diff().abs().max() < 0.5 * difference.max()


def test_barge_in_drops_the_sound_but_not_the_face(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction(), seed=3)
    before = rows(stream.feed(demo.waveform[:40000]))
    stream.reset()
    assert (stream.samples, stream.frames) == (0, 0)
    after = rows(stream.feed(demo.waveform[20000:40000]))
    mouth = ARKIT_52.index("jawOpen")
    usual = before[:, mouth].diff().abs().max()
    assert (after[0] - before[-1])[mouth].abs() <= usual + 0.05


def test_flush_ends_an_utterance_and_another_may_follow(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction())
    got = sum(motion.frames for motion in stream.feed(demo.waveform[:16000]))
    assert got + stream.flush().frames == 30
    assert stream.flush().frames == 0
    assert sum(motion.frames for motion in stream.feed(demo.waveform[:16000])) == got


def test_silence_breathes_and_blinks(tiny: LiveModel):
    motion = rows(Stream(tiny, Direction(), seed=0).feed(np.zeros(16000 * 5, np.float32)))
    assert motion[:, ARKIT_52.index("eyeBlinkLeft")].max() > 0.7
    assert motion[:, 55].std() > 0.002


@pytest.mark.parametrize(
    "pcm",
    [b"abc", np.zeros((2, 5), np.float32), np.zeros(5, np.int32), np.array([0.0, np.nan], np.float32)],
    ids=["odd", "stereo", "int32", "nan"],
)
def test_bad_samples_are_refused_and_harm_nothing(tiny: LiveModel, pcm: object):
    stream = Stream(tiny, Direction())
    with pytest.raises(Emote3DError) as error:
        stream.feed(pcm)  # pyright: ignore[reportArgumentType]
    assert "\n" not in str(error.value)
    assert stream.samples == 0


def test_bytes_ints_and_floats_are_the_same_sound(tiny: LiveModel, demo: Speech):
    ints = (demo.waveform[:16000].numpy() * 32767).astype(np.int16)
    first, *others = (
        rows(Stream(tiny, Direction()).feed(pcm)) for pcm in (ints, ints.tobytes(), ints.astype(np.float32) / 32768)
    )
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("look_ahead_ms", [0, 20, 121, float("nan")])
def test_an_impossible_look_ahead_is_refused(tiny: LiveModel, look_ahead_ms: float):
    with pytest.raises(Emote3DError, match="look_ahead_ms must lie in"):
        Stream(tiny, Direction(), look_ahead_ms)


@pytest.mark.parametrize(
    "asked",
    [{"at": ("50%:sad",)}, {"at": ("1.0:jaw=1.2",)}, {"mouth": "happy"}, {"at": ("1:sad",), "curve": "linear"}],
    ids=str,
)
def test_what_needs_the_whole_recording_is_refused_by_name(tiny: LiveModel, asked: dict):
    with pytest.raises(Emote3DError, match="a live stream cannot do"):
        Stream(tiny, Direction(**asked))


def test_the_gaze_follows_at_once(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction(gaze="camera"), seed=2)
    stream.feed(demo.waveform[:16000])
    stream.direct(Direction(gaze="15/0"))
    motion = rows(stream.feed(demo.waveform[16000:32000]))
    assert motion[10:, ARKIT_52.index("eyeLookOutLeft")].min() > 0.15


def test_key_frames_count_from_the_streams_beginning(tiny: LiveModel, demo: Speech):
    keyed = Stream(tiny, Direction(at=("0.5:happy", "1..1.5:intensity=1.4")), seed=2)
    by_hand = Stream(tiny, Direction(), seed=2)
    got = rows(keyed.feed(demo.waveform[:40000]))
    made = []
    for at, direction in (
        (15, Direction(emotion="happy")),
        (30, Direction(emotion="happy", intensity=1.4)),
        (45, Direction(emotion="happy")),
    ):
        made += by_hand.feed(demo.waveform[by_hand.samples : by_hand.timing.samples_for(at - 1)])
        by_hand.direct(direction)
    made += by_hand.feed(demo.waveform[by_hand.samples : 40000])
    assert torch.equal(got, rows(made))
    assert (got - rows(Stream(tiny, Direction(), seed=2).feed(demo.waveform[:40000])))[:15].abs().max() == 0


def test_a_key_that_cannot_be_performed_is_refused_at_once(tiny: LiveModel):
    with pytest.raises(Emote3DError, match="add up to"):
        Stream(tiny, Direction(intensity=1.5, at=("1:happy:0.8+sad:0.8",)))


def test_auto_follows_the_voice_the_same_way_whatever_the_chunks(tiny: LiveModel, demo: Speech):
    with Stream(tiny, Direction(emotion="auto"), seed=2) as stream:
        auto = run(stream, demo.waveform, 10**9)
    with Stream(tiny, Direction(emotion="auto"), seed=2) as stream:
        again = run(stream, demo.waveform, 1601)
    neutral = run(Stream(tiny, Direction(), seed=2), demo.waveform, 10**9)
    assert torch.equal(auto, again)
    assert (auto - neutral)[:59].abs().max() == 0
    assert (auto - neutral)[60:].abs().max() > 1e-3
