"""Texts of spoken games, from folders laid out as Debian's packages are; where the packages are installed, their sound too."""

from pathlib import Path

import pytest

from emote3d.data import game_speech
from emote3d.data.game_speech import fillets_texts, tuxpaint_texts


def test_a_stamps_name_is_found_in_its_language(tmp_path: Path):
    stamps = tmp_path / "animals" / "frogs"
    stamps.mkdir(parents=True)
    (stamps / "frog-1.txt").write_text("A frog.\nru.utf8=Лягушка = зверь.\nfr.utf8=Une grenouille.\n", encoding="utf-8")
    for name in ("frog-1_desc_ru.ogg", "frog-1_desc_fr.ogg", "frog-1_desc_el.ogg", "toad_desc_ru.ogg"):
        (stamps / name).touch()
    assert tuxpaint_texts(tmp_path, "ru") == {stamps / "frog-1_desc_ru.ogg": "Лягушка = зверь."}
    assert tuxpaint_texts(tmp_path, "el") == {}


def test_a_dialogue_is_found_with_its_sound(tmp_path: Path):
    script, sound = tmp_path / "script" / "airplane", tmp_path / "sound" / "airplane" / "cs"
    script.mkdir(parents=True)
    sound.mkdir(parents=True)
    (script / "dialogs_cs.lua").write_text(
        '\ndialogId("m-lod", "font_small", "What ship?")\ndialogStr("Co je to \\"za\\" loď?")\n\n\n'
        'dialogId("m-silent", "font_small", "x")\ndialogStr("Bez zvuku.")\n',
        encoding="utf-8",
    )
    (sound / "m-lod.ogg").touch()
    assert fillets_texts(tmp_path, "cs") == {sound / "m-lod.ogg": 'Co je to "za" loď?'}


@pytest.mark.skipif(not game_speech.TUXPAINT.is_dir(), reason="tuxpaint-stamps-default is not installed")
def test_russian_stamps_are_aligned(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    few = dict(list(tuxpaint_texts(game_speech.TUXPAINT, "ru").items())[:3])
    monkeypatch.setattr(game_speech, "tuxpaint_texts", lambda _folder, _language: few)
    clips = list(game_speech.tuxpaint_clips("ru"))
    assert clips and all(clip.entry.timed and len(clip.speech.phone) > 3 for clip in clips)
