"""Measures the retarget maps against models whose answer is known: `PYTHONPATH=.:tests python scripts/check_retarget.py`.

FLAME-layout (5 joints) and SMPL-X-layout (55) models of other people with other triangles and bases, made by
tests/retarget/synthetic.py. Prints one row a model; ends with 1 where a bar of the issue is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from retarget.synthetic import make_model  # pyright: ignore[reportMissingImports]

from emote3d.body import load_body_model
from emote3d.decoders.face import face_from_arkit
from emote3d.errors import ending_in_one_line
from emote3d.motion import load_motion
from emote3d.names import ARKIT_52
from emote3d.records import Motion
from emote3d.retarget import RetargetMap
from emote3d.retarget.building import map_of, open_face
from emote3d.retarget.faces import Face
from emote3d.retarget.fitting import fit_shapes
from emote3d.retarget.transferring import transfer

CASES = ((5, 0, 100), (5, 1, 100), (5, 1, 30), (5, 3, 60), (55, 2, 100))
"""Joints, seed of the person, size of the expression basis."""
COEFFICIENT_BAR, LIP_BAR_MM = 0.02, 0.5


def random_faces(frames: int, seed: int) -> Motion:
    """About an eighth of the shapes at once, at any strength, the tongue (which FLAME has not) among them."""
    rng = np.random.default_rng(seed)
    coefficients = rng.random((frames, len(ARKIT_52))) * (rng.random((frames, len(ARKIT_52))) < 0.125)
    return Motion(face=face_from_arkit(torch.from_numpy(coefficients).float()), fps=30.0)


def round_trip(found: RetargetMap, motion: Motion) -> tuple[float, float]:
    """Mean error of the coefficients, and of the open head's lip vertices in mm, after ARKit -> model -> ARKit."""
    error = found.to_arkit(found.from_arkit(motion)).arkit()[1] - motion.arkit()[1]
    face = open_face()
    near = np.linalg.norm(face.rest.vertices_mm[:, None] - face.landmarks_mm[31:], axis=2).min(axis=1) < 6
    count = len(ARKIT_52)
    shapes = (face.posed_mm(np.eye(count), np.zeros((count, 3))) - face.rest.vertices_mm)[:, near]
    return float(np.abs(error).mean()), float(np.linalg.norm(np.einsum("fk,kvx->fvx", error, shapes), axis=2).mean())


def main() -> None:
    """Print the table; an argument is a motion file to measure on as well."""
    motions = {"random": random_faces(200, 1)}
    if len(sys.argv) > 1:
        motions["file"] = load_motion(sys.argv[1])
    missed = False
    for joints, seed, basis in CASES:
        with tempfile.TemporaryDirectory() as folder:
            truth = make_model(Path(folder), joints, seed, 9000 if joints == 5 else 21000, basis)
            model = load_body_model(truth.path)
        start = time.perf_counter()
        moved = transfer(open_face(), Face.of(model))
        fit = fit_shapes(moved.target, moved.shapes_mm, moved.weights)
        found, seconds = map_of(moved, fit), time.perf_counter() - start
        row = [f"joints {joints} person {seed} basis {basis}: built in {seconds:.1f} s, coverage {found.coverage:.2f}"]
        for name, motion in motions.items():
            coefficient, lips_mm = round_trip(found, motion)
            missed |= coefficient > COEFFICIENT_BAR or lips_mm > LIP_BAR_MM
            row.append(f"{name}: coefficients {coefficient:.4f}, lips {lips_mm:.3f} mm")
        faces = random_faces(60, 2)
        played = found.from_arkit(faces).face
        assert played is not None
        poses = (played.expression.double().numpy(), played.jaw_axis_angle.double().numpy())
        made = moved.target.posed_mm(*poses) - moved.target.rest.vertices_mm
        true = truth.face_mm(faces.arkit()[1].astype(np.float64))[:, moved.target.verts]
        error, size = np.linalg.norm(made - true, axis=2), np.linalg.norm(true, axis=2)
        places = {"moving": size > 1, "lips": moved.lips[None] & (size > 0), "lids": moved.lids[None] & (size > 0)}
        told = ", ".join(f"{name} {error[at].mean():.2f} of {size[at].mean():.2f}" for name, at in places.items())
        row.append(f"against the truth, mm: {told}")
        print("; ".join(row), flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    with ending_in_one_line("check_retarget"):
        main()
