"""What is added to the networks' performance."""

import numpy as np

from emote3d import Direction, Emote3D
from emote3d.decoders.operators import lip_gap_mm
from emote3d.latents.timeline import draw_timeline
from emote3d.performers.directed import lopsided


def test_no_face_is_quite_even_and_the_seed_decides() -> None:
    timeline = draw_timeline(Direction(emotion="happy"), 30, 30)
    leans = np.array([lopsided(timeline, seed).asymmetry[0] for seed in range(40)])
    assert np.abs(leans).max() <= 0.15 and leans.std() > 0.02 and 0.02 < leans.mean() < 0.1
    asked = draw_timeline(Direction(emotion="happy", asymmetry=-1), 30, 30)
    assert np.allclose(lopsided(asked, 3).asymmetry, -1)


def test_the_mouth_rests_in_the_noise_of_a_room() -> None:
    rng, samples = np.random.default_rng(0), 4 * 16000
    hz = np.fft.rfftfreq(samples, 1 / 16000)
    rumble = np.fft.irfft(np.fft.rfft(rng.normal(size=samples)) / np.sqrt(np.maximum(hz, 20)))
    noise = (0.01 * rumble / rumble.std()).astype(np.float32)
    face = Emote3D.from_pretrained().animate((noise, 16000), body=False).face
    assert face is not None and float(lip_gap_mm(face.expression).max()) < 0.5
