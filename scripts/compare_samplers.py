"""Few against many steps, for the denoisers of face and body: what is drawn beside what the teacher drew, on windows not trained on.

python scripts/compare_samplers.py --tape runs/tape
python scripts/compare_samplers.py --part body --tape runs/body_check    # made by train_body.py make-tape with another --seed

Prints a line for each sampler: Frechet distance to the teacher's latents (normalised, per number; the teacher against itself is the
first line), and what is seen of them. Face: spread of the brows, blinks per minute, speed of the head, spread of the gaze, and how
far the lips part from those of the expected motion. Body, before feet and hands are put right: `Seen` of `emote3d.metrics.gestures`.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from jaxtyping import Float
from scipy.linalg import sqrtm
from torch import Tensor

from emote3d.body import open_avatar
from emote3d.checkpoint import load_component
from emote3d.decoders.denoiser import Denoiser, conditions_by_latent
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.face import EXPRESSION
from emote3d.decoders.face_diffusion import SAMPLER, face_conditions, life_of_rows, life_rows, sample_face
from emote3d.decoders.life import Life
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.errors import ending_in_one_line
from emote3d.files import asset_path
from emote3d.metrics.gestures import mean_seen, seen_of
from emote3d.names import ARKIT_52
from emote3d.performers.open_body import OpenBody
from emote3d.performers.sampled import load_face_denoiser
from emote3d.prior.body import body_from_channels
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.training.body_tape import BodyTape
from emote3d.training.face_denoiser import ActedWindows, FaceWindow, act_windows
from emote3d.training.geometry import measure_face
from emote3d.training.tape import FPS

SAMPLERS = {
    "dpm++ 10, logsnr (the default)": SAMPLER,
    "dpm++ 50, logsnr": replace(SAMPLER, steps=50),
    "dpm++ 50": SamplerConfig(kind="dpm++", steps=50),
    "dpm++ 50, trailing": SamplerConfig(kind="dpm++", steps=50, spacing="trailing"),
    "dpm++ 10": SamplerConfig(kind="dpm++", steps=10),
    "dpm++ 10, trailing": SamplerConfig(kind="dpm++", steps=10, spacing="trailing"),
    "ddim 10": SamplerConfig(kind="ddim", steps=10),
    "ddim 50": SamplerConfig(kind="ddim", steps=50),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compare on."""

    part: Literal["face", "body"] = "face"
    tape: Path = Path("runs/tape")
    checkpoint: Path | None = None
    windows: int = 160
    """Windows of eight seconds."""
    seed: int = 1234
    """Of the windows; the training's is 0."""


def frechet(a: Float[Tensor, "many d"], b: Float[Tensor, "many d"]) -> float:
    """Frechet distance of Gaussians fitted to two sets, per dimension."""
    x, y = a.double().numpy(), b.double().numpy()
    covariances = [np.cov(z, rowvar=False) for z in (x, y)]
    cross = np.trace(np.real(np.asarray(sqrtm(covariances[0] @ covariances[1]))))
    apart = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    return float(apart + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross) / x.shape[1]


class Seen:
    """What of drawn latents is seen."""

    def __init__(self, prior: MotionVAE) -> None:
        self.prior, self.face = prior, measure_face(open_avatar())

    def figures(self, expected: Tensor, departure: Tensor, lives: list[Life]) -> dict[str, float]:
        """The figures of a set of windows."""
        with torch.inference_mode():
            motion, plain = self.prior.decoder(expected + departure), self.prior.decoder(expected)
        brow = motion[..., ARKIT_52.index("browInnerUp")] - plain[..., ARKIT_52.index("browInnerUp")]
        gap = self.face.lip_gap(motion[..., EXPRESSION]) - self.face.lip_gap(plain[..., EXPRESSION])
        blinks = sum(int((np.diff((life.blink > 0.5).astype(int)) > 0).sum()) for life in lives)
        head = np.degrees(np.concatenate([np.linalg.norm(np.diff(life.head_rad, axis=0), axis=1) for life in lives]))
        gaze = np.degrees(np.concatenate([life.gaze_rad for life in lives]))
        return {
            "brow_spread": float(brow.std()),
            "blinks_per_min": blinks / (len(lives) * motion.shape[1] / FPS / 60),
            "head_deg_per_s": float(head.mean() * FPS),
            "gaze_spread_deg": float(gaze.std()),
            "lips_apart_mm": float(gap.abs().mean()),
        }


def main(options: Options) -> None:
    """Draw and compare."""
    folder = options.checkpoint or asset_path("checkpoints", "open-v1")
    (compare_bodies if options.part == "body" else compare_faces)(options, folder)


def compare_bodies(options: Options, folder: Path) -> None:
    """The body's denoiser."""
    body, frames = OpenBody.from_pretrained(folder), 8 * FPS
    batch = BodyTape(options.tape).draw(2 * options.windows, frames, np.random.default_rng(options.seed))
    z = body.prior.encode(batch.motion)[0]
    conditions = conditions_by_latent(
        batch.content[::2], batch.emotion[::2], batch.style[::2], body.prior.config.frames_per_latent
    )
    noise = draw_noise(list(range(options.windows)), z.shape[1], z.shape[2])
    others = body.denoiser.normalise(z[1::2]).flatten(0, 1)

    def told(name: str, latents: Tensor, took_s: float) -> None:
        motions = [body_from_channels(channels) for channels in body.prior.decode_long(latents)]
        seen = mean_seen([seen_of(motion, body.skeleton, FPS) for motion in motions])
        report(name, frechet(body.denoiser.normalise(latents).flatten(0, 1), others), asdict(seen), took_s)

    told("the teacher", z[::2], 0.0)
    for name, sampler in SAMPLERS.items():
        began = time.perf_counter()
        drawn = sample_latents(body.denoiser, noise, conditions, sampler)
        told(name, drawn, time.perf_counter() - began)


def compare_faces(options: Options, folder: Path) -> None:
    """The face's denoiser."""
    prior, denoiser = load_component(folder / "prior", MotionVAE, FlintConfig), load_face_denoiser(folder)
    acted = act_windows(options.tape, prior, ActedWindows(seed=options.seed, windows=2 * options.windows))
    mine, other = (FaceWindow(*(part[half::2] for part in acted)) for half in (0, 1))
    seen = Seen(prior)
    rows = [denoiser.normalise(torch.cat([half.departure, half.life], dim=2)).flatten(0, 1) for half in (mine, other)]
    frames = mine.emotion.shape[1]
    lives = [life_of_rows(life, frames) for life in mine.life]
    report("the teacher", frechet(rows[0], rows[1]), seen.figures(mine.expected, mine.departure, lives), 0.0)
    for name, sampler in SAMPLERS.items():
        began = time.perf_counter()
        drawn, lives = draw(denoiser, mine, prior.config.frames_per_latent, sampler)
        took = time.perf_counter() - began
        departure = drawn[..., : prior.config.d]
        distance = frechet(denoiser.normalise(drawn).flatten(0, 1), rows[1])
        report(name, distance, seen.figures(mine.expected, departure, lives), took)


def draw(denoiser: Denoiser, windows: FaceWindow, group: int, sampler: SamplerConfig) -> tuple[Tensor, list[Life]]:
    """Departures beside life of all windows, each from its own seed."""
    conditions = face_conditions(windows.expected, windows.emotion, windows.style, group)
    frames = windows.emotion.shape[1]
    z, lives = sample_face(
        denoiser, windows.expected, conditions, list(range(len(windows.expected))), frames, sampler=sampler
    )
    rows = torch.stack([life_rows(life, group, frames // group) for life in lives])
    return torch.cat([z - windows.expected, rows], dim=2), lives


def report(name: str, distance: float, figures: dict[str, float], took_s: float) -> None:
    """One line."""
    rounded = {key: round(value, 3) for key, value in figures.items()}
    print(
        json.dumps({"sampler": name, "frechet": round(distance, 4), **rounded, "seconds": round(took_s, 2)}), flush=True
    )


if __name__ == "__main__":
    with ending_in_one_line("compare_samplers"):
        main(tyro.cli(Options))
