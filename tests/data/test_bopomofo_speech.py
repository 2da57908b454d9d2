from pathlib import Path

import pytest

from emote3d.data import bopomofo_speech
from emote3d.data.bopomofo_speech import GCIN, gcin_clips, pinyin_names, syllables

pytest.importorskip("pypinyin")


def test_a_folder_is_named_by_the_sounds_and_tone_of_its_syllable():
    names = pinyin_names()
    assert [names[folder] for folder in ("ㄇㄚ", "ㄇㄚ2", "ㄇㄚ3", "ㄇㄚ4", "ㄌㄩ4")] == [
        "ma1",
        "ma2",
        "ma3",
        "ma4",
        "lv4",
    ]
    assert "ㄇ" not in names  # a letter alone is read in another way


@pytest.mark.skipif(not GCIN.is_dir(), reason="gcin-voice is not installed")
def test_syllables_become_phrases_whose_lips_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("ㄇㄚ", "ㄅㄠ4", "ㄆㄧ2", "ㄇㄧㄢ4", "ㄇ"):
        (tmp_path / name).symlink_to(GCIN / name)
    monkeypatch.setattr(bopomofo_speech, "GCIN", tmp_path)
    assert len(list(syllables(tmp_path, "3"))) == 4
    (clip,) = gcin_clips("3")
    assert clip.entry.speaker == "gcin-der-hua" and clip.entry.timed
    lips = [phone for phone in clip.speech.phone if phone in ("m", "p", "b")]
    assert len(lips) == 4 and 1.2 < clip.speech.duration_s < 3.0
