"""USD files in Pixar's own library: its validators, and its skinning against ours."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from emote3d.errors import Emote3DError
from emote3d.export.registry import Export
from emote3d.export.usd import write_usd, write_usdz
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, Motion

pxr = pytest.importorskip("pxr")
DEMO = Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac"


@pytest.fixture
def take(talking: Motion, gesture: BodyMotion) -> Export:
    return Export(Motion(face=talking.face, body=gesture, fps=30.0), sound=DEMO)


def _complaints(path: Path) -> list[str]:
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    errors = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(path)))
    return [f"{error.GetName()}: {error.GetMessage()}" for error in errors]


def test_validators_find_nothing(tmp_path: Path, take: Export, talking: Motion):
    write_usdz(take, tmp_path / "take.usdz")
    write_usd(Export(talking, sound=DEMO), tmp_path / "face.usdc")
    assert _complaints(tmp_path / "take.usdz") == _complaints(tmp_path / "face.usdc") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.usdc", "face.wav", "take.usdz"]
    with zipfile.ZipFile(tmp_path / "take.usdz") as package:
        assert [name.rpartition(".")[2] for name in package.namelist()] == ["usdc", "wav"]


def test_the_validators_see_a_broken_file(tmp_path: Path, take: Export):
    from pxr import Usd

    write_usd(take, tmp_path / "take.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "take.usdc"))
    stage.ClearDefaultPrim()
    stage.GetRootLayer().Export(str(tmp_path / "broken.usdc"))
    assert _complaints(tmp_path / "broken.usdc")


@pytest.mark.parametrize("body", [False, True])
def test_pixars_skinning_gives_our_vertices(tmp_path: Path, take: Export, talking: Motion, body: bool):
    from pxr import Gf, Usd, UsdGeom, UsdMedia, UsdSkel

    job = Export(take.motion if body else talking, sound=DEMO)
    write_usd(job, tmp_path / "take.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "take.usdc"))
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (30, 11)
    names = UsdSkel.Animation(stage.GetPrimAtPath("/Avatar/Take")).GetBlendShapesAttr().Get()
    assert tuple(names) == ARKIT_52
    assert UsdMedia.SpatialAudio(stage.GetPrimAtPath("/Avatar/Speech")).GetFilePathAttr().Get().resolvedPath
    UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetPrimAtPath("/Avatar")), Gf.Interval(0, 11))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/Avatar/Body")).GetPointsAttr()
    mesh = job.avatar.pose(job.motion)
    for frame in (0, 6, 11):
        off = np.linalg.norm(np.array(points.Get(frame)) - mesh.vertices_m[frame].numpy(), axis=1)
        assert off.max() < 1e-4


def test_a_bad_recording_leaves_nothing(tmp_path: Path, talking: Motion):
    (tmp_path / "bad").write_text("no sound")
    for writer, name in ((write_usd, "a.usdc"), (write_usdz, "a.usdz")):
        with pytest.raises(Emote3DError):
            writer(Export(talking, sound=tmp_path / "bad"), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]
