"""Writes USD (.usd, .usdc, .usda, .usdz): a UsdSkel avatar, its animation and the sound."""

# pxr fills its modules when they are imported:
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from emote3d.errors import Emote3DError
from emote3d.export.puppet import Puppet, build_puppet
from emote3d.export.registry import Export
from emote3d.export.sound import write_wav
from emote3d.files import atomic_path

if TYPE_CHECKING:
    from pxr import Usd


def write_usd(job: Export, path: Path) -> list[str]:
    """Write one layer; the sound goes into a .wav of the same name beside it.

    Raises:
        Emote3DError: usd-core is not installed, or the motion does not fit the avatar.
    """
    _require_usd()
    puppet = build_puppet(job)
    if job.sound is None:
        with atomic_path(path) as temporary:
            _save(puppet, temporary, None)
        return []
    sound = path.with_suffix(".wav")
    with atomic_path(path) as temporary, atomic_path(sound) as recording:
        write_wav(job.sound, recording)
        _save(puppet, temporary, sound.name)
    return [f"{path.name} plays {sound.name}; keep them together"]


def write_usdz(job: Export, path: Path) -> list[str]:
    """Write a package that holds everything, the sound too.

    Raises:
        Emote3DError: as `write_usd`.
    """
    _require_usd()
    from pxr import Sdf, UsdUtils

    puppet = build_puppet(job)
    with atomic_path(path) as temporary, tempfile.TemporaryDirectory(dir=temporary.parent, prefix=".usdz") as folder:
        layer = Path(folder) / f"{path.stem}.usdc"
        if job.sound is not None:
            write_wav(job.sound, Path(folder) / "speech.wav")
        _save(puppet, layer, None if job.sound is None else "speech.wav")
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(temporary), layer.name):
            raise Emote3DError(f"cannot write {path}: USD refused to make the package; write .usdc instead")
    return []


def _require_usd() -> None:
    try:
        import pxr  # noqa: F401
    except ImportError as error:
        raise Emote3DError(
            "expected the package usd-core for USD files; install it with pip install 'emote3d[usd]'"
        ) from error


def _save(puppet: Puppet, path: Path, sound: str | None) -> None:
    from emote3d.export.usd_scene import fill_stage

    stage = _new_stage(puppet)
    fill_stage(stage, puppet, sound)
    stage.GetRootLayer().Export(str(path))


def _new_stage(puppet: Puppet) -> Usd.Stage:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(puppet.fps)
    stage.SetFramesPerSecond(puppet.fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(puppet.rotations_wxyz) - 1)
    stage.GetRootLayer().comment = puppet.licence
    return stage
