import pytest

from emote3d import Direction, Emote3DError
from emote3d.audio.load import load_speech
from emote3d.files import asset_path
from emote3d.records import Speech
from emote3d.transcript import spoken_in

pytest.importorskip("pocketsphinx")
SAID = "Congratulations. You have successfully installed and executed the Asterisk open source PBX."


@pytest.fixture(scope="module")
def speech() -> Speech:
    whole = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    return Speech(waveform=whole.waveform[: 8 * whole.sample_rate], sample_rate=whole.sample_rate)


def test_words_are_found_where_they_are_said(speech: Speech):
    words = spoken_in(speech, Direction(transcript=SAID))
    assert words is not None and [word.text for word in words][:2] == ["congratulations", "you"]
    assert abs(words[8].start_s - 4.69) < 0.1 and words[8].text == "asterisk"


@pytest.mark.parametrize("text", ["the quick brown fox jumps over the lazy dog", "I never said that"])
def test_another_text_is_refused(speech: Speech, text: str):
    with pytest.raises(Emote3DError, match="does not fit the recording"):
        spoken_in(speech, Direction(transcript=text))
