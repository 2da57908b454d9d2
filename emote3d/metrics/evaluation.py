"""Holds one performance against another: every measure that the two files allow, with curves over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from emote3d.body import BodyModel
from emote3d.metrics import body as body_metrics
from emote3d.metrics.curves import best_lag, jerk
from emote3d.metrics.mouth import mouth_curves, still_head
from emote3d.metrics.regions import FaceRegions, face_regions
from emote3d.metrics.subjects import Subject
from emote3d.metrics.vertices import lve_frames, mod
from emote3d.records import BodyMotion, Motion


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures and curves of a comparison."""

    figures: dict[str, float] = field(default_factory=dict)
    """Value of each measure; the name ends in its unit, shares and correlations have none."""
    curves: dict[str, Float[np.ndarray, "frames"]] = field(default_factory=dict)
    """What is worth plotting, a value a frame."""
    by_phone: dict[str, Float[np.ndarray, "_"]] = field(default_factory=dict)
    """Lip vertex error in millimetres of the frames in which each phone is said."""
    fps: float

    def __or__(self, other: Evaluation) -> Evaluation:
        return Evaluation(
            figures=self.figures | other.figures,
            curves=self.curves | other.curves,
            by_phone=self.by_phone | other.by_phone,
            fps=self.fps,
        )


@dataclass(kw_only=True)
class _Dynamics:
    """Standard deviation over time of |vertex - rest|^2, piece by piece."""

    frames: int = 0
    total: Float[np.ndarray, "verts"] | float = 0.0
    squares: Float[np.ndarray, "verts"] | float = 0.0

    def add(self, moved_mm: Float[np.ndarray, "frames verts 3"]) -> None:
        square = np.square(moved_mm.astype(np.float64)).sum(axis=-1)
        self.frames += len(square)
        self.total, self.squares = self.total + square.sum(axis=0), self.squares + np.square(square).sum(axis=0)

    def value(self) -> float:
        mean = self.total / self.frames
        return float(np.sqrt(np.maximum(self.squares / self.frames - np.square(mean), 0)).mean())


def compare_vertices(
    pieces: Iterator[tuple[Float[np.ndarray, "frames verts 3"], Float[np.ndarray, "frames verts 3"]]],
    regions: FaceRegions,
    fps: float,
) -> Evaluation:
    """MVE, LVE and EVE in mm, FDD in mm^2, from pieces of posed vertices in metres (prediction, reference)."""
    curves: dict[str, list[np.ndarray]] = {"mve_mm": [], "lve_mm": [], "lve_mean_mm": [], "eve_mm": []}
    squared: list[np.ndarray] = []
    moves = _Dynamics(), _Dynamics()
    for pair in pieces:
        pred, ref = (1000.0 * vertices.astype(np.float64) for vertices in pair)
        curves["mve_mm"].append(np.linalg.norm(pred[:, regions.skin] - ref[:, regions.skin], axis=-1).mean(axis=1))
        curves["lve_mm"].append(lve_frames(pred, ref, regions.lips))
        curves["lve_mean_mm"].append(lve_frames(pred, ref, regions.lips, "mean"))
        curves["eve_mm"].append(lve_frames(pred, ref, regions.upper))
        squared.append(lve_frames(pred, ref, regions.lips, "max_squared"))
        for tally, vertices in zip(moves, (pred, ref), strict=True):
            tally.add(vertices[:, regions.upper] - 1000.0 * regions.rest_m[regions.upper])
    whole = {name: np.concatenate(parts) for name, parts in curves.items()}
    figures = {name: float(curve.mean()) for name, curve in whole.items()}
    figures["lve_squared_mm2"] = float(np.concatenate(squared).mean())
    figures["fdd_mm2"] = moves[1].value() - moves[0].value()
    return Evaluation(figures=figures, curves={name: whole[name] for name in ("mve_mm", "lve_mm", "eve_mm")}, fps=fps)


def compare_faces(pred: Motion, ref: Motion, avatar: BodyModel) -> Evaluation:
    """Vertices on an avatar, mouth opening and synchrony, jerk of the coefficients; the head is held still.

    Raises:
        Emote3DError: the avatar takes another basis or has no landmarks.
    """
    assert pred.face is not None and ref.face is not None
    head = avatar.cropped("head")
    still = still_head(pred.face), still_head(ref.face)
    motions = tuple(Motion(face=face, fps=ref.fps) for face in still)
    found = compare_vertices(_posed(head, *motions), face_regions(head), ref.fps)
    mouths = tuple(mouth_curves(head, motion) for motion in motions)
    lag, at_lag = best_lag(mouths[0].gap_mm, mouths[1].gap_mm)
    shared = min(face.expression.shape[1] for face in still)
    coefficients = [face.expression[:, :shared].double().numpy() for face in still]
    jerks = [jerk(curves, ref.fps).mean() for curves in coefficients]
    figures = {
        "mod_mm": mod(mouths[0].gap_mm, mouths[1].gap_mm),
        "mouth_lag_frames": float(lag),
        "mouth_correlation_at_lag": at_lag,
        "mouth_amplitude_ratio": float(np.std(mouths[0].gap_mm) / max(np.std(mouths[1].gap_mm), 1e-9)),
        "coefficient_error": float(np.abs(coefficients[0] - coefficients[1]).mean()),
        "jerk_ratio": float(jerks[0] / jerks[1]) if jerks[1] > 1e-9 else 1.0,
    }
    curves = {"gap_mm": mouths[0].gap_mm, "reference_gap_mm": mouths[1].gap_mm}
    return found | Evaluation(figures=figures, curves=curves, fps=ref.fps)


def _posed(head: BodyModel, pred: Motion, ref: Motion) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with torch.inference_mode():
        for one, other in zip(head.pose_chunks(pred), head.pose_chunks(ref), strict=True):
            yield one.vertices_m.numpy(), other.vertices_m.numpy()


def compare_bodies(pred: BodyMotion, ref: BodyMotion, skeleton: BodyModel, fps: float) -> Evaluation:
    """Joint error, velocity difference, diversity, jerk, foot slide and limits on an avatar's skeleton."""
    positions = [skeleton.joint_positions(Motion(body=body, fps=fps)).double().numpy() for body in (pred, ref)]
    error_mm = 1000 * np.linalg.norm(positions[0] - positions[1], axis=-1).mean(axis=1)
    figures = {
        "joint_error_mm": float(error_mm.mean()),
        "lvd_m_per_s": body_metrics.lvd(positions[0], positions[1], fps),
        "srgr": body_metrics.srgr(positions[0], positions[1]),
    }
    for name, points, body in zip(("", "reference_"), positions, (pred, ref), strict=True):
        flat = points.reshape(len(points), -1)
        figures |= {
            f"{name}l1_diversity_m": body_metrics.l1_diversity(flat),
            f"{name}body_jerk_m_per_s3": body_metrics.jitter(points, fps),
            f"{name}foot_slide_m_per_s": body_metrics.foot_slide(points, fps),
            f"{name}joint_limit_violations": body_metrics.joint_limit_violations(
                body.joints_axis_angle.double().numpy()
            ),
        }
    return Evaluation(figures=figures, curves={"joint_error_mm": error_mm}, fps=fps)


def compare(
    pred: Subject, ref: Subject, avatar: BodyModel, lips: Int[np.ndarray, "n"] | None = None,
    upper: Int[np.ndarray, "n"] | None = None,
) -> Evaluation:  # fmt: skip
    """Every measure that two aligned performances allow.

    Args:
        lips: lip vertices of vertex files; without them the whole mesh counts as lips would mislead, so LVE is left out.
        upper: upper-face vertices of vertex files.

    Raises:
        Emote3DError: as `compare_faces`.
    """
    result = Evaluation(fps=ref.fps)
    if pred.motion is None or ref.motion is None:
        return result | _compare_meshes(pred, ref, lips, upper)
    if pred.motion.face is not None and ref.motion.face is not None:
        result = result | compare_faces(pred.motion, ref.motion, avatar)
    if pred.motion.body is not None and ref.motion.body is not None:
        result = result | compare_bodies(pred.motion.body, ref.motion.body, avatar, ref.fps)
    return result


def _compare_meshes(
    pred: Subject, ref: Subject, lips: Int[np.ndarray, "n"] | None, upper: Int[np.ndarray, "n"] | None
) -> Evaluation:
    assert pred.vertices_m is not None and ref.vertices_m is not None
    everything = np.arange(pred.vertices_m.shape[1])
    regions = FaceRegions(
        lips=everything[:1] if lips is None else lips,
        upper=everything[:1] if upper is None else upper,
        skin=everything,
        rest_m=np.median(ref.vertices_m, axis=0),
    )
    pieces = (
        (pred.vertices_m[start : start + 32], ref.vertices_m[start : start + 32]) for start in range(0, pred.frames, 32)
    )
    found = compare_vertices(pieces, regions, ref.fps)
    hidden = (("lve",) if lips is None else ()) + (("eve", "fdd") if upper is None else ())
    return Evaluation(
        figures={name: value for name, value in found.figures.items() if not name.startswith(hidden)} if hidden else found.figures,
        curves={name: curve for name, curve in found.curves.items() if not hidden or not name.startswith(hidden)},
        fps=ref.fps,
    )  # fmt: skip
