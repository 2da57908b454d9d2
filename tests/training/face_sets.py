"""Sets of tracked faces, written by tests in exactly the layouts that the readers take."""

import pickle
from pathlib import Path

import h5py
import numpy as np
from sounds import write_wav

from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig
from emote3d.data.timed import build_timed
from emote3d.training.acted_clips import ActedClip

TINY_WAV2VEC = Wav2VecConfig(
    conv_d=(16,) * 7, d=32, layers=1, heads=2, feedforward_d=32, position_kernel=8, position_groups=2
)
REC = "EMICA-MEAD_flame2020"


def write_mead_clip(
    processed: Path,
    name: str,
    frames: int,
    rng: np.random.Generator,
    used: np.ndarray | None = None,
    expression: int = 100,
) -> None:
    """One clip, e.g. M003/front/angry/level_2/001."""
    write_wav(processed / "audio" / f"{name}.wav", 0.1 * rng.normal(size=frames * 640 + 100))
    track = processed / "reconstructions" / REC / name / "shape_pose_cam.hdf5"
    track.parent.mkdir(parents=True)
    smooth = np.cumsum(rng.normal(size=(frames, expression)), axis=0) / 5
    with h5py.File(track, "w") as file:
        file["shape"] = np.repeat(rng.normal(size=(1, 1, 300)), frames, axis=1).astype(np.float32)
        file["exp"] = smooth[None].astype(np.float32)
        file["jaw"] = (0.05 * np.abs(rng.normal(size=(1, frames, 3)))).astype(np.float32)
        file["global_pose"] = np.zeros((1, frames, 3), np.float32)
        file["cam"] = np.zeros((1, frames, 3), np.float32)
    if used is not None:
        where = processed / "landmarks_original" / "mediapipe" / name / "landmarks_alignment_used_frame_indices.pkl"
        where.parent.mkdir(parents=True)
        with where.open("wb") as file:
            pickle.dump([int(frame) for frame in used], file)


def write_mead(processed: Path, frames: int = 40) -> Path:
    """Eight clips of four training people and four emotions."""
    rng = np.random.default_rng(0)
    kinds = (("angry", 3), ("happy", 1), ("neutral", 1), ("surprised", 2))
    for index, subject in enumerate(("M003", "M005", "W009", "W029") * 2):
        emotion, level = kinds[index % 4]
        name = f"{subject}/front/{emotion}/level_{level}/{index + 1:03d}"
        write_mead_clip(processed, name, frames, rng, used=np.arange(2, frames - 2))
    return processed


def write_flame(path: Path, members: dict[str, np.ndarray]) -> Path:
    """A FLAME file with DECA's landmark file beside it."""
    rng = np.random.default_rng(1)
    np.savez(path, **members)
    embedding = {
        "full_lmk_faces_idx": rng.integers(0, len(members["f"]), (1, 68)),
        "full_lmk_bary_coords": rng.dirichlet(np.ones(3), (1, 68)),
    }
    np.save(path.parent / "landmark_embedding.npy", np.array(embedding, dtype=object), allow_pickle=True)
    return path


def write_wav2vec(folder: Path) -> Path:
    """A tiny wav2vec2 in transformers' layout."""
    import torch

    torch.manual_seed(0)
    ResampledWav2Vec(TINY_WAV2VEC).model.save_pretrained(folder)
    return folder


def acted_clip(index: int) -> ActedClip:
    """A sound with phones, of its own pitch, in one emotion."""
    symbols = np.random.default_rng(index).permutation(["m", "a", "p", "i", "b", "u", "f", "ɛ", "t", "ɔ"]).tolist()
    time_s = np.arange(32 * 640) / 16000
    pitch = 120 + 60 * index + 40 * np.floor(time_s / 0.128)
    waveform = (6000 * np.sin(2 * np.pi * pitch * time_s)).astype(np.int16)
    spans = [(0.128 * place, (symbol,), 0) for place, symbol in enumerate(symbols)]
    return ActedClip(
        name=f"clip{index}",
        speech=build_timed(waveform, spans),
        emotion=(1, 2, 3, 6)[index % 4],
        speaker=f"voice{index}",
    )
