"""How the perceptual networks see posed faces, and the networks of a user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emote3d.body import BodyModel
from emote3d.checkpoint import ModuleT, load_component, read_manifest
from emote3d.errors import Emote3DError
from emote3d.perception import LipReader, MotionEmotionNet, Sight, load_emotion_net, load_lip_reader
from emote3d.perception.pictures import PictureEmotionConfig, PictureEmotionNet, PictureLipConfig, PictureLipReader
from emote3d.render.differentiable import FaceCamera, FixedCamera, mouth_corner
from emote3d.training.faces import FaceShapes, need_landmarks

MOUTH_PIXELS, FACE_PIXELS = 96, 224


class ScriptedNet(nn.Module):
    """A network of the user as TorchScript: grey pictures in [0, 1] [batch, frames, rows, columns] to features.

    As a lip reader it gives [batch, frames, d], as an emotion network [batch, d] or [batch, frames, d], which is averaged.
    """

    def __init__(self, path: Path, sight: Sight) -> None:
        """Load it; raises Emote3DError where it cannot be loaded."""
        super().__init__()
        self.sight: Sight = sight
        try:
            self.net = torch.jit.load(str(path), map_location="cpu")
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).strip().splitlines()[0].split(". ")[0] if str(error).strip() else type(error).__name__
            raise Emote3DError(
                f"{path} is no TorchScript network ({reason}); save it with torch.jit.save, or bring the tensors of a "
                "published network into a folder with emote3d import-checkpoint"
            ) from error
        for weight in self.net.parameters():
            weight.requires_grad_(False)

    def read(self, seen: Float[Tensor, "batch frames *rest"]) -> Float[Tensor, "batch frames d"]:
        """Features of each frame."""
        return self.net(seen)

    def feel(
        self, seen: Float[Tensor, "batch frames *rest"], valid: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch d"]:
        """A feature of each sequence."""
        features = self.net(seen)
        if features.ndim == 2:
            return features
        weight = valid[..., None].to(features)
        return (features * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)


def choose_lip_reader(path: Path | None) -> LipReader:
    """Ours (None), one of a component folder, or a TorchScript file that looks at the mouth."""
    published = _published(path, PictureLipReader, PictureLipConfig, "mouth")
    return load_lip_reader(path) if published is None else published


def choose_emotion_net(path: Path | None) -> MotionEmotionNet:
    """Ours (None), one of a component folder, or a TorchScript file that looks at the face."""
    published = _published(path, PictureEmotionNet, PictureEmotionConfig, "face")
    return load_emotion_net(path) if published is None else published


def _published(path: Path | None, cls: type[ModuleT], config: type[Any], sight: Sight) -> ModuleT | ScriptedNet | None:
    """A network that looks at pictures, if the path is of one."""
    if path is None:
        return None
    if not path.is_dir():
        return ScriptedNet(path, sight)
    if read_manifest(path).get("class") != cls.__name__:
        return None
    return load_component(path, cls, config).requires_grad_(False)


@dataclass(frozen=True, kw_only=True)
class Perceivers:
    """Both networks."""

    lips: LipReader
    emotion: MotionEmotionNet


class Eyes:
    """Shows posed faces to the networks as each wants to see them."""

    def __init__(self, model: BodyModel) -> None:
        need_landmarks(model)
        landmarks_m = model.landmarks(model.rest().vertices_m)[0]
        self._camera = FixedCamera.on(landmarks_m, FACE_PIXELS)
        self._faces = FaceCamera(model.surface, self._camera) if len(model.surface.faces) else None

    def see(self, shapes: FaceShapes, sight: Sight) -> Float[Tensor, "batch frames *rest"]:
        """Landmark motion, or pictures of mouth or face; differentiable in the shapes.

        Raises:
            Emote3DError: pictures are asked of landmarks alone.
        """
        assert shapes.landmarks is not None and shapes.landmarks_m is not None
        if sight == "landmarks":
            return shapes.landmarks
        if self._faces is None:
            raise Emote3DError("networks that look at pictures need the whole mesh: set loss_verts to 0")
        pictures = []
        for vertices_m, landmarks_m in zip(shapes.vertices_m, shapes.landmarks_m, strict=True):
            if sight == "mouth":
                corner = mouth_corner(self._camera, landmarks_m, MOUTH_PIXELS)
                pictures.append(self._faces.draw(vertices_m, corner, MOUTH_PIXELS))
            else:
                pictures.append(self._faces.draw(vertices_m))
        return torch.stack(pictures)
