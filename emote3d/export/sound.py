"""The recording as a wav file beside or inside an exported scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

from emote3d.audio.load import load_speech
from emote3d.records import Speech

SAMPLE_RATE = 48_000


def write_wav(sound: Path | Speech, path: Path) -> None:
    """Write a recording as 16-bit mono; a file at 48 kHz, whatever it has.

    Raises:
        Emote3DError: the recording cannot be used.
    """
    speech = sound if isinstance(sound, Speech) else load_speech(sound, sample_rate=SAMPLE_RATE)
    samples = np.round(speech.waveform.numpy().clip(-1, 1) * np.iinfo(np.int16).max).astype(np.int16)
    wavfile.write(path, speech.sample_rate, samples)
