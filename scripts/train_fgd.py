"""Train the feature network of FGD on a folder of motions, and measure a second folder with it:

    python scripts/train_fgd.py REAL_FOLDER --steps 2000 [--measure GENERATED_FOLDER] [--keep NETWORK_FOLDER]
    python scripts/train_fgd.py REAL_FOLDER --network NETWORK_FOLDER --measure GENERATED_FOLDER

Motions are our npz, BEAT2 or AMASS npz. A tenth of the real ones is held out; their distance to the rest is the floor of the
measure. Figures of different networks cannot be compared: keep one, and measure everything with it. For BEAT2's published network,
encode with its code and pass the latents to `emote3d.metrics.distribution.frechet_distance`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.checkpoint import load_component, save_component
from emote3d.errors import Emote3DError, ending_in_one_line
from emote3d.metrics.distribution import frechet_distance
from emote3d.metrics.features import FeatureConfig, MotionFeatures, body_windows, features_of, train_features
from emote3d.metrics.subjects import read_subject
from emote3d.records import BodyMotion

STEP_FRAMES = 8
"""Between the beginnings of two windows."""


def bodies(folder: Path, fps: float = 30.0) -> list[BodyMotion]:
    """The bodies of a folder's motions at one frame rate."""
    found = [read_subject(path).motion for path in sorted(folder.glob("*.npz"))]
    moving = [motion.resample(fps).body for motion in found if motion is not None and motion.body is not None]
    if not moving:
        raise Emote3DError(f"expected motions with a body (npz) in {folder}; found none")
    return [body for body in moving if body is not None]


def windows_of(motions: list[BodyMotion], config: FeatureConfig, folder: Path) -> Float[Tensor, "windows frames d"]:
    """All windows of some motions; a covariance needs two."""
    windows = torch.cat([body_windows(body, config.window_frames, STEP_FRAMES) for body in motions])
    if len(windows) < 2:
        raise Emote3DError(
            f"expected motions of {config.window_frames + STEP_FRAMES} frames or more (at 30 fps) in {folder}; "
            f"those there give {len(windows)} windows"
        )
    return windows


def measured(arguments: argparse.Namespace) -> dict[str, float]:
    """Train or load, keep, measure."""
    config, real = FeatureConfig(), bodies(arguments.real)
    held = real[::10] if len(real) > 9 else real
    taught = [body for index, body in enumerate(real) if index % 10] if len(real) > 9 else real
    figures: dict[str, float] = {}
    if arguments.network is not None:
        network = load_component(arguments.network, MotionFeatures, FeatureConfig)
        config = network.config
        windows = windows_of(taught, config, arguments.real)
    else:
        windows = windows_of(taught, config, arguments.real)
        network, figures["reconstruction_error"] = train_features(windows, config, arguments.steps, arguments.seed)
    known = features_of(network, taught, STEP_FRAMES)
    windows_of(held, config, arguments.real)
    figures |= {
        "windows": len(windows),
        "floor": frechet_distance(known, features_of(network, held, STEP_FRAMES)),
    }
    if arguments.measure is not None:
        generated = bodies(arguments.measure)
        windows_of(generated, config, arguments.measure)
        figures["fgd"] = frechet_distance(known, features_of(network, generated, STEP_FRAMES))
    if arguments.keep is not None:
        note = {
            "training_command": " ".join(["python", *sys.argv]),
            "data": f"{len(taught)} motions, {len(windows)} windows",
            "metrics": figures,
        }
        save_component(arguments.keep, network, config, note)
    return figures


def main() -> None:
    """Print JSON; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to keep the network in")
    parser.add_argument("--network", type=Path, help="folder of a network that was kept: nothing is trained")
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments)))


if __name__ == "__main__":
    with ending_in_one_line("train_fgd"):
        main()
