"""The voice's emotion: statistics that follow the voice, and what the shipped reader makes of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import write_wav

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig, scale_mel
from emote3d.audio.load import load_speech
from emote3d.audio.pitch import track_pitch
from emote3d.audio.voice import VOICE_STATISTICS
from emote3d.checkpoint import load_component
from emote3d.errors import Emote3DError
from emote3d.latents.voice import (
    EAR_BLOCKS,
    VoiceEmotion,
    VoiceEmotionConfig,
    ear_of,
    leading_emotion,
    recognise_emotion,
    voice_statistics,
)
from emote3d.names import EMOTIONS
from emote3d.records import Speech
from emote3d.training.emotion import ActedVoices, fit_emotion, fit_reader, heard_unseen, read_emodb, reader_statistics

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "audio" / "demo-congrats.flac"


def _ear() -> CompactEncoder:
    torch.manual_seed(0)
    audio = CompactEncoder(CompactEncoderConfig())
    audio.log_mel.fill_filters()
    return ear_of(audio)


def _glide(low_hz: float, high_hz: float, seconds: float = 2.0) -> Speech:
    time = np.arange(int(seconds * 16000)) / 16000
    pitch = low_hz + (high_hz - low_hz) * time / seconds
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    waveform = sum(np.sin(n * phase) / n for n in range(1, 12)) * 0.1
    return Speech(waveform=torch.from_numpy(np.asarray(waveform, np.float32)), sample_rate=16000)


def test_statistics_measure_the_pitch():
    mean, deviation = voice_statistics(_ear(), _glide(150, 150))[0, :2]
    assert abs(mean - 12 * np.log2(1.5)) < 0.1
    assert deviation < 0.1
    low, *_, high = voice_statistics(_ear(), _glide(120, 240))[0, 2:7]
    assert abs((high - low) - 12 * 0.9) < 1.6  # 5th to 95th percentile of an octave that rises evenly in hertz


def test_the_ear_hears_what_the_first_blocks_of_the_encoder_do():
    torch.manual_seed(1)
    audio = CompactEncoder(CompactEncoderConfig(d=16)).eval()
    torch.nn.init.normal_(audio.norm.weight)
    mel = torch.randn(1, 100, 80)
    x = audio.stem(torch.nn.functional.pad(scale_mel(mel), (0, 0, 2, 2)).transpose(1, 2)).transpose(1, 2)
    for block in list(audio.blocks)[:EAR_BLOCKS]:
        x = block(x, block.future)
    assert torch.allclose(ear_of(audio)(mel), torch.nn.functional.layer_norm(x, (16,)), atol=1e-5)


def test_the_pitch_track_follows_a_glide_and_leaves_noise_unvoiced():
    voice = _glide(90, 360).waveform.numpy()
    track = track_pitch(voice, 16000, 160)
    inner = slice(5, -5)
    asked = (90 + 270 * np.arange(len(track.hz)) / 200)[inner]
    assert track.voiced[inner].all()
    assert np.abs(np.log2(track.hz[inner] / asked)).max() < 0.03
    noise = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    assert track_pitch(noise, 16000, 160).voiced.mean() < 0.2


def test_the_level_does_not_matter_and_nobody_speaks_in_noise():
    rng = np.random.default_rng(0)
    clean = _glide(150, 250).waveform
    loud = Speech(waveform=clean + torch.from_numpy(rng.normal(size=len(clean)) * 0.01).float(), sample_rate=16000)
    quiet = Speech(waveform=loud.waveform / 8, sample_rate=16000)
    voice = load_component(ROOT / "checkpoints" / "open-v1" / "voice", VoiceEmotion, VoiceEmotionConfig)
    found, again = (recognise_emotion(voice, speech, 9) for speech in (loud, quiet))
    assert torch.allclose(found, again, atol=0.02)
    assert found[:, 0].max() < 1
    click = np.zeros(16000, np.float32)
    click[[2000, 14000]] = 1.0
    for waveform in (click, rng.normal(size=20000) * 0.1, np.full(12000, 0.5)):
        speech = Speech(waveform=torch.from_numpy(waveform.astype(np.float32)), sample_rate=16000)
        assert recognise_emotion(voice, speech, 9)[:, 0].min() == 1


def test_the_shipped_reader_hears_plain_speech_as_neutral():
    voice = load_component(ROOT / "checkpoints" / "open-v1" / "voice", VoiceEmotion, VoiceEmotionConfig)
    probability = recognise_emotion(voice, load_speech(DEMO), 900).mean(dim=0)
    assert probability.argmax() == EMOTIONS.index("neutral")
    assert probability[EMOTIONS.index("anger")] < 0.1


def test_recordings_are_judged_in_windows():
    speech = load_speech(DEMO)
    voice = load_component(ROOT / "checkpoints" / "open-v1" / "voice", VoiceEmotion, VoiceEmotionConfig)
    assert voice_statistics(voice.ear, speech).shape == (9, VOICE_STATISTICS + 512)
    probability = recognise_emotion(voice, speech, 900)
    assert probability.shape == (900, 8)
    assert torch.allclose(probability.sum(dim=1), torch.ones(900), atol=1e-5)
    assert probability[:, [3, 7]].max() < 1e-6  # surprise and contempt were never heard


def test_silence_is_neutral():
    voice = VoiceEmotion(VoiceEmotionConfig())
    silence = Speech(waveform=torch.zeros(32000), sample_rate=16000)
    assert recognise_emotion(voice, silence, 60)[:, 0].min() == 1


def _acted(labels: np.ndarray, statistics: np.ndarray, voice_ways: np.ndarray | None = None) -> ActedVoices:
    """Clips of one speaker; their other voices are moved along `voice_ways`."""
    ways = np.zeros((4, statistics.shape[1])) if voice_ways is None else voice_ways
    speakers = np.array(["one"] * len(labels))
    return ActedVoices(statistics=statistics, changed=statistics[:, None] + ways, labels=labels, speakers=speakers)


def test_a_reader_learns_and_keeps_the_unheard_out():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2, 6], 20)
    statistics = rng.normal(size=(60, 12)) + np.eye(12)[labels] * 4
    reader = fit_reader(_acted(labels, statistics))
    found = reader(torch.from_numpy(statistics).float()).softmax(dim=1)
    assert (found.argmax(dim=1).numpy() == labels).mean() > 0.9
    assert found[:, [0, 3, 4, 5, 7]].max() < 1e-6


def test_what_another_voice_changes_is_not_listened_to():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2], 40)
    statistics = rng.normal(size=(80, 6))
    statistics[:, :2] += np.where(labels == 1, 1.5, -1.5)[:, None]  # two statistics tell as much
    plain = fit_reader(_acted(labels, statistics)).linear.weight.abs()[1]
    assert plain[0] < 1.5 * plain[1]
    moved = np.outer([-3.0, -1.0, 1.0, 3.0], np.eye(6)[0])
    wary = fit_reader(_acted(labels, statistics, moved)).linear.weight.abs()[1]
    assert wary[0] < 0.6 * wary[1]


def test_what_speakers_differ_in_is_not_listened_to():
    rng = np.random.default_rng(1)
    labels, speakers = np.tile(np.repeat([1, 2], 20), 2), np.repeat(["one", "two"], 40)
    statistics = rng.normal(size=(80, 6))
    statistics[:, :2] += np.where(labels == 1, 1.5, -1.5)[:, None]
    statistics[:, 0] += np.where(speakers == "one", 2.0, -2.0)
    alike = ActedVoices(statistics=statistics, changed=statistics[:, None], labels=labels, speakers=labels.astype(str))
    apart = ActedVoices(statistics=statistics, changed=statistics[:, None], labels=labels, speakers=speakers)
    ratio = [
        float(weight[1, 0] / weight[1, 1]) for weight in (fit_reader(v).linear.weight.detach() for v in (alike, apart))
    ]
    assert ratio[1] < 0.8 * ratio[0]


def test_those_left_out_are_judged_by_readers_that_never_heard_them():
    rng = np.random.default_rng(0)
    labels, speakers = np.tile([1, 2], 30), np.repeat(["one", "two", "odd"], 20)
    statistics = rng.normal(size=(60, 6)) + np.eye(6)[np.where(speakers == "odd", 3 - labels, labels)] * 4
    acted = ActedVoices(statistics=statistics, changed=statistics[:, None], labels=labels, speakers=speakers)
    found = heard_unseen(acted, []).argmax(dim=1).numpy()
    assert (found[speakers == "odd"] == labels[speakers == "odd"]).mean() < 0.1  # who acts the other way round


def test_two_kinds_of_statistics_are_weighed_together():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2], 40)
    statistics = rng.normal(size=(80, VOICE_STATISTICS + 4))
    way = np.where(labels == 1, 1.0, -1.0)
    statistics[:, 0] += way
    statistics[:, -1] += way
    weight = fit_reader(_acted(labels, statistics)).linear.weight.detach()
    assert weight[1, 0] > 0.1 and weight[1, -1] > 0.1 and weight[2, 0] < -0.1 and weight[2, -1] < -0.1
    assert weight[[0, 3, 4, 5, 6, 7]].abs().max() == 0


def test_plain_speech_counts_as_neutral():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 6], 20)
    acted = _acted(labels, rng.normal(size=(80, 12)) + np.eye(12)[labels] * 3)
    read = rng.normal(size=(10, 12)) + np.eye(12)[9] * 3
    found = [fit_reader(acted, plain)(torch.from_numpy(read).float()) for plain in ([], [read])]
    alone, heard = (logits.softmax(dim=1)[:, 0].mean().item() for logits in found)
    assert heard > alone + 0.1  # the others have a quarter each before


def test_a_folder_without_recordings_is_refused(tmp_path: Path):
    with pytest.raises(Emote3DError, match="expected recordings"):
        reader_statistics(tmp_path, _ear())
    with pytest.raises(Emote3DError, match="expected EmoDB"):
        read_emodb(tmp_path, _ear())


def test_a_recording_gives_the_emotion_that_leads_and_ties_stay_mixed():
    anger, happy, sad = (EMOTIONS.index(name) for name in ("anger", "happy", "sad"))
    heard = torch.zeros(2, 8)
    heard[:, anger], heard[:, happy], heard[0, sad], heard[1, anger] = 0.5, 0.3, 0.2, 0.7
    given = leading_emotion(heard)
    assert given[anger] > 0.9 and given.sum() == pytest.approx(1) and given[sad] < 0.01
    tied = leading_emotion(torch.eye(8)[[anger, sad]])
    assert tied[anger] == pytest.approx(0.5) and tied[sad] == pytest.approx(0.5)
    assert torch.allclose(leading_emotion(0.5 * heard), 0.5 * given)


def test_speakers_left_out_are_recognised_by_what_the_others_taught(tmp_path: Path):
    voices = {"W": (220.0, 420.0), "T": (150.0, 130.0), "N": (180.0, 200.0)}
    for speaker, pitch in (("03", 0.9), ("08", 1.0), ("09", 1.1)):
        for letter, (low_hz, high_hz) in voices.items():
            for number in (1, 2):
                speech = _glide(pitch * low_hz * (1 + 0.01 * number), pitch * high_hz, 1.0 + 0.1 * number)
                write_wav(tmp_path / "emodb" / f"{speaker}a0{number}{letter}a.wav", speech.waveform.numpy())
    write_wav(tmp_path / "reader" / "a.wav", _glide(175.0, 205.0, 2.5).waveform.numpy())
    voice, recalls = fit_emotion(tmp_path / "emodb", [tmp_path / "reader"], _ear())
    assert min(recalls.values()) > 0.8
    angry = recognise_emotion(voice, _glide(230.0, 430.0, 1.2), 3).mean(dim=0)
    assert angry.argmax() == EMOTIONS.index("anger")
    for path in (tmp_path / "emodb").glob("09*"):  # this speaker is sad where the others are angry
        path.rename(path.with_name("10" + path.stem[2:5] + {"W": "T", "T": "W", "N": "N"}[path.stem[5]] + "a.wav"))
    recalls = fit_emotion(tmp_path / "emodb", [tmp_path / "reader"], _ear())[1]
    assert sum(recalls.values()) / len(recalls) < 0.7
