import numpy as np
import torch

from emote3d import Direction
from emote3d.decoders.operators import lip_gap_mm
from emote3d.names import ARKIT_52
from emote3d.records import Speech
from emote3d.stream.model import LiveModel


def in_a_room(speech: Speech, noise_db: float, seed: int = 0) -> Speech:
    """Three seconds of noise, four of speech, four of noise; the noise so far under the speech."""
    voice = speech.waveform.numpy()[: 4 * 16000]
    clean = np.concatenate([np.zeros(3 * 16000), voice, np.zeros(4 * 16000)])
    loud = np.sqrt((voice[np.abs(voice) > 0.02] ** 2).mean())
    noise = np.random.default_rng(seed).normal(0, loud * 10 ** (-noise_db / 20), len(clean))
    return Speech(waveform=torch.from_numpy(clean + noise).float().clamp(-1, 1), sample_rate=16000)


def test_the_live_mouth_rests_in_the_noise_of_a_room_and_speaks_as_before(demo: Speech):
    model = LiveModel.from_pretrained()

    def gap(noise_db: float) -> torch.Tensor:
        face = model.perform(in_a_room(demo, noise_db), Direction()).face
        assert face is not None
        return lip_gap_mm(face.expression)

    clean, noisy = gap(90), gap(10)
    for still in (noisy[15:85], noisy[225:325]):
        assert still.max() < 0.5 and still.diff().abs().max() < 0.1
    assert noisy[92:200].max() > 10 and torch.corrcoef(torch.stack([clean[92:200], noisy[92:200]]))[0, 1] > 0.8


def test_it_rests_in_its_emotion(demo: Speech):
    face = LiveModel.from_pretrained().perform(in_a_room(demo, 20), Direction(emotion="happy")).face
    assert face is not None
    smile = face.expression[:, ARKIT_52.index("mouthSmileLeft")]
    assert smile[225:].min() > 0.3 and smile[230:].std() < 0.01
