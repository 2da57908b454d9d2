"""Synthesisers and the record they fill; skipped where the programs are missing."""

from dataclasses import replace
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, read_clips, write_clips
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.phones import PHONES, SILENCE
from emote3d.data.synthesis import RECORDED_VOICES, speak_festival, speak_flite, speak_rhvoice
from emote3d.data.synthetic_set import Order, make_clips, plan_orders
from emote3d.data.timed import (
    SPEECH_RATE,
    TimedSpeech,
    build_timed,
    join,
    silence,
    to_speech_rate,
    trimmed,
    with_audible_pauses,
)
from emote3d.data.timing import boundary_offsets
from emote3d.errors import Emote3DError

TEXT = "My baby bought a pretty butterfly. Papa stopped at a map."


def check(clip: TimedSpeech) -> None:
    """What every timed clip must be."""
    assert clip.start_s[0] == 0.0 and np.isclose(clip.end_s[-1], clip.duration_s, atol=1e-4)
    assert np.array_equal(clip.start_s[1:], clip.end_s[:-1])
    assert np.all(clip.end_s > clip.start_s)
    assert all(symbol in PHONES for symbol in clip.phone)
    assert len(clip.phone) == len(clip.start_s) == len(clip.stress)


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    try:
        return Espeak()
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")


def test_spans_become_contiguous_phones() -> None:
    wave = np.zeros(SPEECH_RATE, np.int16)
    clip = build_timed(
        wave, [(0.1, ("a", "ɪ"), 2), (0.5, (), 0), (0.6, (SILENCE,), 0), (0.7, (SILENCE,), 0), (0.8, ("m",), 0)]
    )
    check(clip)
    assert list(clip.phone) == [SILENCE, "a", "ɪ", SILENCE, "m"]
    assert np.allclose(clip.start_s, [0.0, 0.1, 0.35, 0.6, 0.8])


def test_join_and_trim_keep_times() -> None:
    part = build_timed(np.ones(SPEECH_RATE, np.int16), [(0.0, (SILENCE,), 0), (0.4, ("a",), 2), (0.6, (SILENCE,), 0)])
    whole = join([silence(0.5), part])
    check(whole)
    assert list(whole.phone) == [SILENCE, "a", SILENCE] and np.isclose(whole.start_s[1], 0.9)
    short = trimmed(whole, 0.1)
    check(short)
    assert np.isclose(short.start_s[1], 0.1) and np.isclose(short.duration_s, 0.4)


def test_pauses_shrink_to_what_is_quiet() -> None:
    wave = np.zeros(SPEECH_RATE, np.int16)
    wave[4000:12000] = 5000
    clip = with_audible_pauses(build_timed(wave, [(0.0, (SILENCE,), 0), (0.3, ("a",), 0), (0.7, (SILENCE,), 0)]))
    check(clip)
    assert np.allclose(clip.start_s[1:], [0.25, 0.75], atol=0.006)


def test_resampling_does_not_shift() -> None:
    pulse = np.zeros(22050, np.int16)
    pulse[11025] = 20000
    assert int(np.argmax(to_speech_rate(pulse, 22050))) == SPEECH_RATE // 2


def test_espeak_times_lie_on_the_sound(espeak: Espeak) -> None:
    clip = espeak.speak(TEXT, EspeakVoice())
    check(clip)
    assert list(clip.phone[:4]) == ["m", "a", "ɪ", "b"] and 2 in clip.stress
    closures = [offset for kind, offset in boundary_offsets(clip) if kind.startswith("vowel>") and "stop" in kind]
    assert len(closures) >= 4 and float(np.median(np.abs(closures))) < 0.01


def test_espeak_is_reproducible_and_knows_languages(espeak: Espeak) -> None:
    voice = EspeakVoice(language="de", variant="f1", pitch=70)
    first, second = (espeak.speak("Guten Tag", voice) for _ in range(2))
    assert list(first.phone) == list(second.phone) and np.allclose(first.start_s, second.start_s, atol=6e-3)
    assert [phone for phone, _ in espeak.phones_of("Tag", "de")] == ["t", "ɑ", "k"]
    with pytest.raises(Emote3DError, match="voice of espeak-ng"):
        espeak.speak("x", EspeakVoice(language="no-such-voice"))


def test_recorded_voices_speak() -> None:
    voices = {voice.name: voice for voice in RECORDED_VOICES}
    if which("flite") is None or which("festival") is None:
        pytest.skip("flite or festival is not installed")
    clip = speak_flite(TEXT, voices["slt"])
    check(clip)
    assert clip.phone.count("b") == 4
    if Path("/usr/share/festival/voices/english/kal_diphone").is_dir():
        for spoken in speak_festival([TEXT, "A second one."], voices["kal_diphone"], stretch=1.2):
            assert spoken is not None
            check(spoken)


def test_rhvoice_speaks_with_aligned_phones() -> None:
    pytest.importorskip("pocketsphinx")
    if which("RHVoice-test") is None:
        pytest.skip("rhvoice is not installed")
    (voice,) = (voice for voice in RECORDED_VOICES if voice.name == "bdl")
    quick, slow = (speak_rhvoice("My mother bought a paper map.", voice, stretch) for stretch in (0.9, 1.3))
    assert quick is not None and slow is not None and slow.duration_s > 1.2 * quick.duration_s
    check(quick)
    assert [phone for phone in quick.phone if phone in ("p", "b", "m")] == ["m", "m", "b", "p", "p", "m", "p"]
    with pytest.raises(Emote3DError, match="expected RHVoice's voice 'nobody'"):
        speak_rhvoice("My mother.", replace(voice, name="nobody"))


def test_orders_are_reproducible_and_files_round_trip(espeak: Espeak, tmp_path: Path) -> None:
    order = Order(engine="espeak", name="en-us", number=3, target_s=4.0)
    first, second = (make_clips(order, lambda _: [TEXT, "Good morning."], {}, seed=1) for _ in range(2))
    assert [clip.entry.id for clip in first] == [clip.entry.id for clip in second]
    assert all(list(a.speech.phone) == list(b.speech.phone) for a, b in zip(first, second, strict=True))
    append_index(tmp_path, write_clips(tmp_path, first))
    for clip, read in zip(first, read_clips(tmp_path), strict=True):
        check(read.speech)
        assert read.entry == clip.entry and list(read.speech.phone) == list(clip.speech.phone)
        assert np.array_equal(read.speech.start_s, clip.speech.start_s)


def test_index_problems_are_named(tmp_path: Path) -> None:
    with pytest.raises(Emote3DError, match="build_training_set"):
        list(read_clips(tmp_path))
    entry = SpeechEntry(
        id="a", source="s", speaker="x", language="en", emotion=None, split="train", duration_s=1.0, timed=True
    )
    append_index(tmp_path, write_clips(tmp_path, [SpeechClip(entry=entry, speech=silence(1.0))]))
    (tmp_path / "index.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(Emote3DError, match="line 1"):
        list(read_clips(tmp_path))


def test_plans_mix_voices_from_the_start() -> None:
    orders = plan_orders("recorded", 1.0)
    assert len({order.name for order in orders[:17]}) >= 12
    assert len(set(orders)) == len(orders)
