"""Settings of the trainings that have a verb. Imports no torch, so that the command line stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where a training runs."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    """Processes on each machine, one per GPU."""
    nodes: int = 1
    """Machines; start the same command on each, as Lightning's documentation says."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """bf16-mixed is about twice as fast on recent GPUs."""
    workers: int = 0
    """Processes that prepare batches."""
    logger: Literal["csv", "tensorboard"] = "csv"
    save_every: int = 500
    """Steps between resumable states."""


@dataclass(frozen=True, kw_only=True)
class FaceData:
    """Where tracked faces come from."""

    data: Path
    """Processed MEAD (`processed` of inferno), or a folder of recordings with npz of the same name."""
    layout: Literal["mead", "folder"] = "mead"
    reconstruction: str = "EMICA-MEAD_flame2020"
    """MEAD's reconstruction; EMICA_mead_mp_lr_mse_15 is that of EMOTE v1."""
    split: Literal["train", "val", "test", "all"] = "train"
    """MEAD's split by identity."""
    model: str = "open"
    """Whose coefficients they are: open (our head, ARKit's shapes), flame:PATH or flame2023:PATH."""


@dataclass(frozen=True, kw_only=True)
class FlintTraining:
    """Settings of FLINT's training; the defaults are the published ones."""

    steps: int = 60000
    batch: int = 32
    """Clips in a batch, of all processes together."""
    frames: int = 32
    learning_rate: float = 1e-4
    vertex_weight: float = 1e6
    """Of the mean squared vertex error in square metres."""
    kl_weight: float = 1e-3
    expression: int = 0
    """Expression coefficients to learn (EMOTE v1: 50, v2: 100; 0: all that the model has)."""
    d: int = 128
    """Width of the network and its latents."""
    loss_verts: int = 0
    """Vertices the loss looks at; 0 for all."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EmoteTraining:
    """Settings of EMOTE's training; weights are the published ones (v2) times 1e6, which leaves Adam's steps the same."""

    stage: Literal[1, 2] = 1
    """1: vertices only, wav2vec2's transformer learns; 2: all losses with the exchange, wav2vec2 is frozen."""
    steps: int = 200000
    batch: int = 4
    """Clips in a batch, of all processes together."""
    frames: int = 64
    learning_rate: float = 1e-4
    decay_steps: int = 0
    """Steps over which the learning rate falls to zero, as a cosine; 0: it stays, as published."""
    dropout: float = 0.1
    """Of wav2vec2's transformer in stage 1."""
    vertex_weight: float = 1e6
    """Of the masked mean squared vertex error in square metres."""
    lip_weight: float = 25.0
    """Of 1 - cosine of the lip reader's features per frame; the same on the exchanged half."""
    emotion_weight: float = 1.5
    """Of 1 - cosine of the emotion network's features per sequence; the same on the exchanged half (EMOTE v1: 2.5)."""
    exchange: bool = True
    """Double the batch and exchange emotions in its second half (stage 2)."""
    loss_verts: int = 0
    """Vertices the loss looks at; 0 for all (the picture losses need all)."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class PerceptionTraining:
    """Settings of the lip reader's or the emotion network's training."""

    steps: int = 2000
    batch: int = 24
    frames: int = 75
    learning_rate: float = 2e-3
    clips: int = 3000
    """Clips of the speech set that are kept in memory."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class BodyTraining:
    """Settings of the training of a body on recordings."""

    prior: Literal["patch", "mld"] = "patch"
    """patch: principal components, fitted in seconds; mld: the skip-transformer VAE, for a GPU."""
    prior_d: int = 96
    """Width of a latent of the motion prior."""
    prior_steps: int = 20000
    """Of the mld prior."""
    prior_windows: int = 600
    """Windows that the patch prior is fitted to."""
    steps: int = 20000
    """Of the denoiser."""
    batch: int = 32
    seconds: float = 8.0
    """Length of a window; shorter clips are skipped."""
    learning_rate: float = 5e-4
    d: int = 256
    """Width of the denoiser."""
    layers: int = 7
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """bf16-mixed halves the time on GPUs and processors that have it."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class AstTraining:
    """Settings of the training of speech disentanglement; sizes and rates are AMUSE's, which need a large GPU."""

    steps: int = 100000
    groups: int = 1
    """Groups of four clips in a batch, of all processes together."""
    frames: int = 1024
    """Spectrogram frames (10 ms) of a window."""
    d: int = 768
    """Width of the encoders; a head has 64."""
    layers: int = 12
    feature_d: int = 256
    """Width of each latent."""
    decoder_d: int = 512
    """Width of the decoder of spectrograms."""
    learning_rate: float = 1e-5
    fall: float = 0.85
    """Factor on the learning rate ..."""
    fall_every: int = 12600
    """... every so many steps, after five times as many."""
    swap_weight: float = 1.0
    """Of each reconstruction with the content, emotion or style of another clip."""
    label_weight: float = 1.0
    """Of emotion and speaker told from their latents."""
    content_weight: float = 0.5
    """Of the distance of the contents of one text."""
    seed: int = 0
