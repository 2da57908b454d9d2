"""Train the feature network of FGD on a folder of motions, and measure a second folder with it:

    python scripts/train_fgd.py REAL_FOLDER --steps 2000 [--measure GENERATED_FOLDER] [--keep fgd.safetensors]

Motions are our npz, BEAT2 or AMASS npz. A tenth of the real ones is held out; their distance to the rest is the floor of the
measure. For BEAT2's published network, encode with its code and pass the latents to `emote3d.metrics.distribution.frechet_distance`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from emote3d.errors import Emote3DError
from emote3d.metrics.distribution import frechet_distance
from emote3d.metrics.features import FeatureConfig, body_windows, features_of, train_features
from emote3d.metrics.subjects import read_subject
from emote3d.records import BodyMotion


def bodies(folder: Path, fps: float = 30.0) -> list[BodyMotion]:
    """The bodies of a folder's motions at one frame rate."""
    found = [read_subject(path).motion for path in sorted(folder.glob("*.npz"))]
    moving = [motion.resample(fps).body for motion in found if motion is not None and motion.body is not None]
    if not moving:
        raise Emote3DError(f"expected motions with a body in {folder}; found none")
    return [body for body in moving if body is not None]


def main() -> None:
    """Train, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path)
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    config, real = FeatureConfig(), bodies(arguments.real)
    held = real[::10] if len(real) > 9 else real
    taught = [body for index, body in enumerate(real) if index % 10] if len(real) > 9 else real
    windows = torch.cat([body_windows(body, config.window_frames, 8) for body in taught])
    network, error = train_features(windows, config, arguments.steps, arguments.seed)
    known = features_of(network, taught, 8)
    figures = {
        "windows": len(windows),
        "reconstruction_error": error,
        "floor": frechet_distance(known, features_of(network, held, 8)),
    }
    if arguments.measure is not None:
        figures["fgd"] = frechet_distance(known, features_of(network, bodies(arguments.measure), 8))
    if arguments.keep is not None:
        save_file(network.state_dict(), arguments.keep)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
