"""Texts of spoken games, from folders laid out as Debian's packages are; where the packages are installed, their sound too."""

from pathlib import Path

import numpy as np
import pytest
from sounds import write_wav

from emote3d.data import game_speech
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.game_speech import fillets_clips, fillets_texts, tuxpaint_texts
from emote3d.data.timed import SPEECH_RATE
from emote3d.errors import Emote3DError


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


def dialogue(folder: Path, name: str, text: str, samples: np.ndarray) -> None:
    """One dialogue of the aeroplane's room, as Fish Fillets keeps it."""
    script, sound = folder / "script" / "airplane", folder / "sound" / "airplane" / "cs"
    for made in (script, sound):
        made.mkdir(parents=True, exist_ok=True)
    with (script / "dialogs_cs.lua").open("a", encoding="utf-8") as file:
        file.write(f'dialogId("{name}", "font_small", "x")\ndialogStr("{text}")\n')
    write_wav(sound / f"{name}.ogg", samples)


def test_dialogues_that_nothing_can_be_learned_from_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(game_speech, "FILLETS", tmp_path)
    dialogue(tmp_path, "a", "Je jich 12.", np.zeros(SPEECH_RATE))
    dialogue(tmp_path, "b", "Hm", np.zeros(1000))
    dialogue(tmp_path, "c", "...", np.zeros(SPEECH_RATE))
    assert list(fillets_clips("cs")) == []


def test_dialogues_are_aligned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    try:
        spoken = Espeak().speak("Máma má mísu.", EspeakVoice(language="cs"))
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")
    monkeypatch.setattr(game_speech, "FILLETS", tmp_path)
    dialogue(tmp_path, "a", "Máma má mísu.", spoken.waveform)
    (clip,) = fillets_clips("cs")
    assert (clip.entry.id, clip.entry.split, clip.entry.timed) == ("fillets-airplane_cs_a", "train", True)
    closed = [float(start) for start, phone in zip(clip.speech.start_s, clip.speech.phone, strict=True) if phone == "m"]
    truth = [float(start) for start, phone in zip(spoken.start_s, spoken.phone, strict=True) if phone == "m"]
    assert len(closed) == len(truth) == 4 and np.abs(np.array(closed) - np.array(truth)).max() < 0.08
