import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emote3d.errors import Emote3DError
from emote3d.export.cues import mouth_cues
from emote3d.export.formats import ExportOptions
from emote3d.export.live_link import HEADER
from emote3d.export.reading import read_motion
from emote3d.export.registry import Export, export
from emote3d.motion import resample_motion
from emote3d.names import ARKIT_52, OCULUS_VISEMES
from emote3d.naming import ARKIT_INDEX, plain_name
from emote3d.records import Motion

REAL_HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,"
    "JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,MouthStretchRight,"
    "MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,"
    "MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,"
    "HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
"""The header of a capture, as shared/formats.md quotes it."""


def assert_same_face(got: Motion, want: Motion, atol: float, turns: bool = True) -> None:
    assert got.fps == want.fps and got.face is not None and want.face is not None
    for name in ("expression", "neck_axis_angle", "eyes_axis_angle") if turns else ("expression",):
        torch.testing.assert_close(getattr(got.face, name), getattr(want.face, name), atol=atol, rtol=0, msg=name)


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0])
def test_capture_round_trip(tmp_path: Path, talking: Motion, fps: float) -> None:
    motion = resample_motion(talking, fps, 2.2)
    path = tmp_path / "take.csv"
    export(Export(motion), [path])
    lines = path.read_text().splitlines()
    assert lines[0] == REAL_HEADER and ",".join(HEADER) == REAL_HEADER
    assert len(lines) == motion.frames + 1 and all(len(line.split(",")) == 63 for line in lines)
    assert_same_face(read_motion(path), motion, 1e-6)


def test_timecodes_count_at_the_apps_rate(tmp_path: Path, talking: Motion) -> None:
    for fps, expected in ((60, "00:00:01:30.000"), (30, "00:00:01:15.000"), (24, "00:00:01:15.000")):
        path = tmp_path / f"{fps}.csv"
        export(Export(resample_motion(talking, fps, 2.0)), [path])
        assert path.read_text().splitlines()[1 + fps * 3 // 2].split(",")[:2] == [expected, "61"]


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["camel", "capture", "meta", "upper"]))
def test_captures_are_read_by_name(tmp_path_factory, random, spelling) -> None:
    names = list(HEADER[2:])
    random.shuffle(names)
    values = {name: (index + 1) / 100 for index, name in enumerate(HEADER[2:])}
    spelled = {
        "camel": lambda name: name[0].lower() + name[1:],
        "capture": lambda name: name,
        "meta": lambda name: (
            name.replace("Left", "_L").replace("Right", "_R") if name.endswith(("Left", "Right")) else name
        ),
        "upper": str.upper,
    }[spelling]
    path = tmp_path_factory.mktemp("take") / "take.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["BlendShapeCount", *map(spelled, names), "Timecode", "Extra"])
        for frame in range(3):
            writer.writerow([61, *(values[name] for name in names), f"11:59:59:{10 + frame}.500", "x"])
    names_back, array = read_motion(path).arkit()
    for name, column in zip(names_back, array.T, strict=True):
        np.testing.assert_allclose(column, values[name[0].upper() + name[1:]], atol=1e-6)


def test_lost_frames_and_midnight_are_bridged(tmp_path: Path, talking: Motion) -> None:
    motion = resample_motion(talking, 60, 1.0)
    path = tmp_path / "take.csv"
    export(Export(motion), [path])
    header, *rows = path.read_text().splitlines()
    moved = []
    for index, row in enumerate(rows):
        second, frame = divmod(index + 59 * 60 + 30, 60)
        cells = row.split(",")
        cells[0] = f"{'23:59' if second < 60 else '00:00'}:{second % 60:02d}:{frame:02d}.000"
        if 20 <= index < 23:
            cells[1:] = ["0"]
        if not 40 <= index < 42:
            moved.append(",".join(cells))
    path.write_text("\n".join([header, *moved]) + "\n")
    back = read_motion(path)
    assert back.frames == 60
    assert_same_face(back, motion, 0.05)
    with pytest.raises(AssertionError):
        assert_same_face(back, motion, 1e-6)


def test_spellings() -> None:
    for text in (
        "eyeBlinkLeft",
        "EyeBlink_L",
        "eyeBlink.L",
        "eye_blink_left",
        "Head.eyeBlinkLeft",
        "eyeBlinkL",
        "eyeBlink_l",
    ):
        assert ARKIT_52[ARKIT_INDEX[plain_name(text)]] == "eyeBlinkLeft", text
    assert plain_name("jawRight") == "jawright" and plain_name("MouthRollUpper") == "mouthrollupper"


_ROWS = {"type": "array", "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}}
AUDIO2FACE = {
    "type": "object",
    "properties": {
        "exportFps": {"type": "number", "exclusiveMinimum": 0},
        "trackPath": {"type": "string"},
        "numPoses": {"type": "integer", "minimum": 1},
        "numFrames": {"type": "integer", "minimum": 1},
        "facsNames": {
            "type": "array",
            "items": {"type": "string"},
            "uniqueItems": True,
            "minItems": 46,
            "maxItems": 52,
        },
        "weightMat": _ROWS,
        "visemeNames": {"type": "array", "items": {"type": "string"}, "minItems": 15, "maxItems": 15},
        "visemeMat": _ROWS,
        "metadata": {"type": "object", "required": ["soundFile", "duration"]},
        "mouthCues": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "start": {"type": "number", "minimum": 0},
                    "end": {"type": "number", "minimum": 0},
                    "value": {"enum": list("ABCDEFGHX")},
                },
                "required": ["start", "end", "value"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["exportFps", "trackPath", "numPoses", "numFrames", "facsNames", "weightMat"],
    "additionalProperties": False,
}
"""Audio2Face's file as its exporter writes it (shared/formats.md), Rhubarb's cues as its documentation has them."""


def test_weights_follow_the_schema(tmp_path: Path, talking: Motion) -> None:
    for fps in (24.0, 60.0):
        for frames_s in (1 / fps, 0.4):
            job = Export(resample_motion(talking, fps, frames_s), options=ExportOptions(visemes=True))
            export(job, [tmp_path / "a.json"])
            content = json.loads((tmp_path / "a.json").read_text())
            jsonschema.validate(content, AUDIO2FACE)
            assert len(content["weightMat"]) == content["numFrames"] == len(content["visemeMat"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"weightMat": [[2.0]]}, AUDIO2FACE)


def test_weights_round_trip(tmp_path: Path, talking: Motion) -> None:
    path = tmp_path / "weights.json"
    export(Export(talking, sound=Path("speech.wav"), options=ExportOptions(visemes=True)), [path])
    content = json.loads(path.read_text())
    assert (
        content["numPoses"] == len(content["facsNames"]) == 52
        and content["numFrames"] == len(content["weightMat"]) == 12
    )
    assert content["exportFps"] == 30 and content["trackPath"] == "speech.wav"
    assert all(len(row) == 52 and min(row) >= 0 and max(row) <= 1 for row in content["weightMat"])
    assert tuple(content["visemeNames"]) == OCULUS_VISEMES
    np.testing.assert_allclose(np.sum(content["visemeMat"], axis=1), 1, atol=1e-4)
    cues = content["mouthCues"]
    assert content["metadata"] == {"soundFile": "speech.wav", "duration": 0.4}
    assert cues[0]["start"] == 0 and cues[-1]["end"] == 0.4
    assert all(a["end"] == b["start"] and a["value"] != b["value"] for a, b in zip(cues, cues[1:], strict=False))
    assert_same_face(read_motion(path), talking, 1e-6, turns=False)
    assert "mouthCues" not in json.loads(export_plain(tmp_path, talking).read_text())


def export_plain(folder: Path, motion: Motion) -> Path:
    export(Export(motion), [folder / "plain.json"])
    return folder / "plain.json"


def test_old_poses_and_tongue_are_read_by_name(tmp_path: Path) -> None:
    names = ["jawDrop", "eyesCloseL", "lipCornerPullerR", "eyesLookLeft", "pucker", "tongueCurlUp", "browLowerR"]
    names += ["innerBrowRaiserL", "innerBrowRaiserR", "funneler", "dimplerL", "squintL", "squintR"]
    weights = np.arange(1, len(names) + 1) / 20
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"exportFps": 60, "facsNames": names, "weightMat": [weights.tolist()] * 4, "x": 1}))
    motion = read_motion(path)
    got = dict(zip(motion.arkit()[0], motion.arkit()[1][0].tolist(), strict=True))
    want = dict(zip(names, weights.tolist(), strict=True))
    assert motion.fps == 60 and motion.frames == 4
    for shape, value in {
        "jawOpen": want["jawDrop"],
        "eyeBlinkLeft": want["eyesCloseL"],
        "mouthSmileRight": want["lipCornerPullerR"],
        "eyeLookOutLeft": want["eyesLookLeft"],
        "eyeLookInRight": want["eyesLookLeft"],
        "browInnerUp": (want["innerBrowRaiserL"] + want["innerBrowRaiserR"]) / 2,
        "browDownLeft": 0.0,
    }.items():
        assert got[shape] == pytest.approx(value, abs=1e-6), shape
    assert motion.face is not None
    assert motion.face.eyes_axis_angle[0, :, 1].min() > 0.05  # both eyes turn to the person's left, +y


def test_cues_do_not_flicker() -> None:
    weights = np.zeros((60, 15))
    weights[:20, 0] = weights[20:24, OCULUS_VISEMES.index("PP")] = weights[24:, OCULUS_VISEMES.index("aa")] = 1
    weights[40] = 0
    weights[40, OCULUS_VISEMES.index("kk")] = 1
    cues = mouth_cues(weights, 30)
    assert [cue["value"] for cue in cues] == ["X", "A", "D"]
    assert [cue["end"] for cue in cues] == [0.67, 0.8, 2.0]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "", "header and frames"),
        ("a.csv", "a,b\n1,2\n", "found 0 of 52"),
        ("a.csv", REAL_HEADER + "\n" + ",".join(["00:00:00:00.000", "61"] + ["x"] * 61), "expected numbers"),
        ("a.csv", REAL_HEADER + "\n" + ",".join(["now", "61"] + ["0"] * 61), "timecodes"),
        ("a.csv", REAL_HEADER + 2 * ("\n" + ",".join(["00:00:00:00.000", "61"] + ["0"] * 61)), "rising timecodes"),
        ("a.csv", REAL_HEADER + "\n" + ",".join(["00:00:00:00.000", "61"] + ["nan"] * 61), "not finite"),
        ("a.csv", REAL_HEADER + "\n00:00:00:00.000,0\n", "no row"),
        ("a.csv", b"\xff\xfe\x00\x01", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[]", "no Audio2Face"),
        ("a.json", '{"exportFps": 30, "facsNames": ["a"], "weightMat": [[1, 2]]}', "(1, 2)"),
        ("a.json", '{"exportFps": 30, "facsNames": ["a"], "weightMat": [[1], [1, 2]]}', "expected numbers"),
        ("a.json", '{"exportFps": 30, "facsNames": ["a"], "weightMat": [[1]]}', "found 0"),
        ("a.json", '{"exportFps": 0, "facsNames": ["a"], "weightMat": [[1]]}', "frames per second"),
        ("a.txt", "x", "npz, .csv, .json"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, name: str, text: str | bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Emote3DError) as caught:
        read_motion(path)
    assert says in str(caught.value) and "\n" not in str(caught.value), str(caught.value)
