"""Visemes read off a face: the 15 of Oculus LipSync as weights, from ARKit coefficients alone.

Each viseme is a recipe of ARKit shapes; a frame is explained as the non-negative mixture of recipes that lies nearest, `sil`
taking what is left. Lips cannot tell all sounds apart (t, k and n differ inside the mouth), so such weights are shared.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.names import ARKIT_52, OCULUS_VISEMES

_RECIPES: dict[str, dict[str, float]] = {
    "PP": {"mouthPress": 0.3, "mouthRollLower": 0.14, "mouthRollUpper": 0.14, "jawOpen": 0.05, "mouthClose": 0.05},
    "FF": {"mouthRollLower": 0.6, "mouthUpperUp": 0.08, "jawOpen": 0.05},
    "TH": {"tongueOut": 0.28, "jawOpen": 0.12, "mouthLowerDown": 0.1},
    "DD": {"jawOpen": 0.1, "mouthLowerDown": 0.1, "mouthUpperUp": 0.04},
    "kk": {"jawOpen": 0.16},
    "CH": {"jawOpen": 0.03, "mouthFunnel": 0.28, "mouthPucker": 0.28, "mouthLowerDown": 0.2, "mouthUpperUp": 0.08},
    "SS": {"jawOpen": 0.03, "mouthLowerDown": 0.2, "mouthUpperUp": 0.08, "mouthStretch": 0.11},
    "nn": {"jawOpen": 0.1, "mouthLowerDown": 0.09, "tongueOut": 0.06},
    "RR": {"jawOpen": 0.12, "mouthPucker": 0.28, "mouthFunnel": 0.15},
    "aa": {"jawOpen": 0.55, "mouthLowerDown": 0.12, "mouthUpperUp": 0.05},
    "E": {"jawOpen": 0.32, "mouthStretch": 0.12, "mouthLowerDown": 0.12},
    "I": {"jawOpen": 0.14, "mouthStretch": 0.24, "mouthDimple": 0.08, "mouthLowerDown": 0.15},
    "O": {"jawOpen": 0.33, "mouthPucker": 0.45, "mouthFunnel": 0.28},
    "U": {"jawOpen": 0.14, "mouthPucker": 0.72, "mouthFunnel": 0.38},
}
"""ARKit coefficients at the height of each viseme in ordinary speech; a name without its side stands for both."""
_WEIGHT = {"mouthPress": 1.5, "mouthRollUpper": 2.0, "mouthLowerDown": 0.7, "mouthUpperUp": 0.7, "mouthDimple": 0.5}
"""How much a shape counts: more where it tells visemes apart, less where emotions move it too."""
_LOCALITY = 0.03
"""How much a mixture of distant recipes (aa and U for O) is disliked, relative to the misfit."""
_STEPS = 300


def viseme_recipes() -> dict[str, dict[str, float]]:
    """ARKit coefficients at the height of each viseme in ordinary speech, by full names; `sil` has none."""
    recipes: dict[str, dict[str, float]] = {name: {} for name in OCULUS_VISEMES}
    for viseme, recipe in _RECIPES.items():
        for shape, weight in recipe.items():
            names = [name for name in ARKIT_52 if name in (shape, f"{shape}Left", f"{shape}Right")]
            recipes[viseme] |= dict.fromkeys(names, weight)
    return recipes


@cache
def _recipes() -> tuple[Float[Tensor, "visemes shapes"], Float[Tensor, "arkit shapes"]]:
    """Weighted recipes over the shapes that occur in them, and the matrix that takes those from ARKit coefficients."""
    shapes = sorted({name for recipe in _RECIPES.values() for name in recipe})
    table = torch.zeros(len(OCULUS_VISEMES), len(shapes))
    choice = torch.zeros(len(ARKIT_52), len(shapes))
    for column, shape in enumerate(shapes):
        weight = _WEIGHT.get(shape, 1.0)
        sources = [i for i, name in enumerate(ARKIT_52) if name in (shape, f"{shape}Left", f"{shape}Right")]
        choice[sources, column] = weight / len(sources)
        for viseme, recipe in _RECIPES.items():
            table[OCULUS_VISEMES.index(viseme), column] = weight * recipe.get(shape, 0.0)
    return table, choice


def _onto_simplex(x: Float[Tensor, "frames visemes"]) -> Float[Tensor, "frames visemes"]:
    """Nearest point with weights that are not negative and add up to 1 (Duchi et al., ICML 2008)."""
    ordered = x.sort(dim=1, descending=True).values
    excess = (ordered.cumsum(1) - 1) / torch.arange(1, x.shape[1] + 1)
    count = (ordered > excess).sum(1, keepdim=True)
    return (x - excess.gather(1, count - 1)).clamp(min=0)


def viseme_weights(expression: Float[Tensor, "frames 52"]) -> Float[Tensor, "frames 15"]:
    """ARKit coefficients to weights of the Oculus visemes in their order; each row adds up to 1.

    Convex least squares with a price on recipes far from the frame, solved by accelerated projected gradients
    (Beck and Teboulle 2009).
    """
    table, choice = _recipes()
    wanted = expression.float() @ choice
    step = 1 / torch.linalg.matrix_norm(table, ord=2).square()
    price = _LOCALITY * torch.cdist(wanted, table).square() / 2
    weights = torch.zeros(len(expression), len(OCULUS_VISEMES))
    weights[:, 0] = 1
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        moved = _onto_simplex(ahead - step * ((ahead @ table - wanted) @ table.T + price))
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights
