"""The verbs redirect and explain, as a user meets them."""

import json
from pathlib import Path

import pytest

from emote3d import Direction, Emote3D, Emote3DError
from emote3d.audio.load import load_speech
from emote3d.cli.rework import Explain, Redirect
from emote3d.motion import load_motion, save_motion
from emote3d.records import Speech

DEMO = Path(__file__).parents[1] / "assets" / "audio" / "demo-congrats.flac"


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rework") / "m.npz"
    speech = Speech(waveform=load_speech(DEMO).waveform[: 4 * 16000], sample_rate=16000)
    save_motion(Emote3D.from_pretrained().animate(speech), path)
    return path


def test_plain_words_file_and_flags_come_together(motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    scene = tmp_path / "scene.yaml"
    scene.write_text("emotion: happy\ngaze: left\n")
    new = tmp_path / "n.npz"
    Redirect(
        motion=motion,
        outputs=(new,),
        direction_file=scene,
        direct="sad, without blinking",
        direction=Direction(intensity=1.2),
    ).run()
    assert "understood from the start: emotion=sad, blink_rate=0" in capsys.readouterr().err
    Explain(motion=new, json=True).run()
    facts = json.loads(capsys.readouterr().out)
    assert [segment["emotion"] for segment in facts["segments"]] == ["sad"]
    assert facts["segments"][0]["intensity"] > 0.9 and not facts["blinks"]
    assert {look["kind"] for look in facts["looks"]} == {"looks left"}
    origin = load_motion(new).origin
    assert origin is not None and json.loads(origin.direction) == {
        "emotion": "sad", "gaze": "left", "blink_rate": 0.0, "intensity": 1.2,
    }  # fmt: skip
    Explain(motion=new, output=tmp_path / "why.txt", quiet=True).run()
    assert "because AU1" in (tmp_path / "why.txt").read_text()


def test_nothing_is_written_when_the_words_are_not_understood(motion: Path, tmp_path: Path):
    with pytest.raises(Emote3DError, match="backflip"):
        Redirect(motion=motion, outputs=(tmp_path / "n.npz",), direct="do a backflip").run()
    with pytest.raises(Emote3DError, match=r"\.json or \.txt"):
        Explain(motion=motion, output=tmp_path / "why.pdf").run()
    assert not list(tmp_path.iterdir())
