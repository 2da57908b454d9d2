from pathlib import Path

import numpy as np

from emote3d import Emote3D
from emote3d.audio.load import load_speech
from emote3d.audio.rhythm import hear_rhythm
from emote3d.metrics.beats import near_times, share_in, speech_beats
from emote3d.metrics.explain import Event, explain
from emote3d.records import Speech

DEMO = Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac"


def test_nods_and_brows_go_with_the_accents_of_a_real_voice():
    speech = Speech(waveform=load_speech(DEMO).waveform[: 12 * 16000], sample_rate=16000)
    found = speech_beats(explain(Emote3D.from_pretrained().animate(speech, body=False)), hear_rhythm(speech, 30))
    assert found.nods.events >= 3 and found.nods.there > found.nods.chance + 0.2
    assert "nods within 150 ms" in found.text() and found.to_dict()["blinks_per_minute"] > 0


def test_share_and_chance():
    there = near_times(np.array([1.0, 3.0]), 150, 30)
    assert there.sum() == 2 * 9
    events = [Event(kind="nod", start_s=time_s, end_s=time_s + 0.2, size=2.0) for time_s in (0.9, 2.0, 3.1, 4.9)]
    share = share_in(events, there, 30)
    assert (share.events, share.there) == (4, 0.5)
    assert abs(share.chance - there.mean()) < 0.06
    assert np.isnan(share_in([], there, 30).there)
