"""Distances between sets of motions, and what a set as a whole is like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def frechet_distance(a: Float[np.ndarray, "samples_a features"], b: Float[np.ndarray, "samples_b features"]) -> float:
    """Squared Frechet distance of two Gaussians fitted to features: |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)).

    FGD (Yoon et al. 2020) is this over the latents of a motion autoencoder; figures of different feature networks cannot be
    compared (`features.py` trains ours; the published BEAT2 one can be used by passing its latents). Covariances are unbiased; with
    fewer samples than features a part of the distance is noise. The root's trace is that of (A^(1/2) B A^(1/2))^(1/2), which is
    symmetric, so that singular covariances do no harm.
    """
    mean = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, axes = np.linalg.eigh(cov_a)
    root_a = axes * np.sqrt(values.clip(min=0)) @ axes.T
    shared = np.sqrt(np.linalg.eigvalsh(root_a @ cov_b @ root_a).clip(min=0)).sum()
    return max(0.0, float(mean @ mean + np.trace(cov_a) + np.trace(cov_b) - 2 * shared))


def seed_diversity(samples: Sequence[Float[np.ndarray, "frames features"]]) -> float:
    """Mean over pairs of samples of one input of the mean distance of their frames; unit of the features.

    0 for a deterministic model. Variants: the distance of whole clips instead of frames grows with the clip's length.
    """
    pairs = [(i, j) for i in range(len(samples)) for j in range(i)]
    return float(np.mean([np.linalg.norm(samples[i] - samples[j], axis=1).mean() for i, j in pairs])) if pairs else 0.0


def unweighted_recall(asked: Sequence[str], recognised: Sequence[str]) -> float:
    """Mean over the classes asked for of the share that was recognised (UAR); "accuracy" weights classes by their size."""
    assert len(asked) == len(recognised) and asked, "as many answers as questions, and at least one"
    hits = {
        name: [got == name for want, got in zip(asked, recognised, strict=True) if want == name] for name in set(asked)
    }
    return float(np.mean([np.mean(one) for one in hits.values()]))
