"""Sounds and texts of KLettres and KTuberling, from folders laid out as theirs."""

from pathlib import Path

import pytest

from emote3d.data import kde_speech
from emote3d.data.kde_speech import klettres_texts, ktuberling_texts

PAGE = """<klettres>
  <alphabet><sound name="Ñ" file="es/alpha/nn.ogg" />
	<sound name="W"  file="es/alpha/lost.ogg" /></alphabet>
  <syllables><sound name="MA" file="es/syllab/ma.ogg" /></syllables>
</klettres>"""


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_letters_and_syllables_that_are_there_are_read_by_their_names(tmp_path: Path):
    letter, syllable = touched(tmp_path / "es/alpha/nn.ogg"), touched(tmp_path / "es/syllab/ma.ogg")
    (tmp_path / "es/sounds.xml").write_text(PAGE, encoding="utf-8")
    assert klettres_texts(tmp_path, "es") == {letter: "ñ", syllable: "ma"}
    assert klettres_texts(tmp_path, "xx") == {}


def test_objects_are_read_by_the_names_of_their_files(tmp_path: Path):
    hat, road = touched(tmp_path / "en/hat.wav"), touched(tmp_path / "en/egypt_long-road.ogg")
    touched(tmp_path / "en/README")
    assert ktuberling_texts(tmp_path, "en") == {road: "long road", hat: "hat"}


@pytest.mark.skipif(not kde_speech.KLETTRES.is_dir(), reason="klettres-data is not installed")
def test_spoken_syllables_are_aligned(monkeypatch: pytest.MonkeyPatch):
    texts = {path: text for path, text in klettres_texts(kde_speech.KLETTRES, "it").items() if text in ("ma", "ba")}
    monkeypatch.setattr(kde_speech, "klettres_texts", lambda _folder, _language: texts)
    clips = list(kde_speech.klettres_clips("it"))
    assert clips and all(clip.entry.timed and clip.entry.speaker == "klettres-it" for clip in clips)
    assert all({"m", "b"} & set(clip.speech.phone) for clip in clips)


@pytest.mark.skipif(not kde_speech.KTUBERLING.is_dir(), reason="ktuberling-data is not installed")
def test_spoken_objects_are_aligned(monkeypatch: pytest.MonkeyPatch):
    texts = {path: text for path, text in ktuberling_texts(kde_speech.KTUBERLING, "en").items() if text == "hat"}
    monkeypatch.setattr(kde_speech, "ktuberling_texts", lambda _folder, _language: texts)
    [clip] = kde_speech.ktuberling_clips("en")
    assert next(phone for phone in clip.speech.phone if phone != "sil") == "h"
