"""WAV files for the tests."""

import wave
from pathlib import Path

import numpy as np


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    """Samples [n] or [n, channels], of 16 bits or in [-1, 1], in a file whose folder is made."""
    if samples.dtype.kind == "f":
        samples = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1] if samples.ndim == 2 else 1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path
