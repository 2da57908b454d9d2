"""What a direction does to decoded motion: regions, asymmetry, jaw and lips apart, smoothing; lips that must close still close.

All of them are pure functions on the channels of `decoders/face.py`; "neutral" is the same speech decoded without emotion.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.decoders.face import CHANNELS, EYES, JAW, JAW_OPEN_RAD, NECK
from emote3d.names import ARKIT_52
from emote3d.windows import joined

UPPER = ("brow", "eye", "cheekSquint")
"""Beginnings of the names of the upper face: the action units of brows, lids and cheeks (FACS: 1 to 7, 43)."""
JAW_SHAPES = ("jawOpen", "mouthClose")
LIP_SHAPES = (
    "mouthFunnel",
    "mouthPucker",
    "mouthStretch",
    "mouthSmile",
    "mouthDimple",
    "mouthLowerDown",
    "mouthUpperUp",
)
LIP_GAP_MM = {
    "jawOpen": 27.9, "mouthClose": -27.9, "mouthFunnel": 5.1, "mouthLowerDownLeft": 2.1, "mouthLowerDownRight": 2.1,
    "mouthUpperUpLeft": 2.5, "mouthUpperUpRight": 2.5,
}  # fmt: skip
"""Opening between the inner lips per unit of a coefficient on the open avatar (`training/geometry.py` measures it)."""
_CLOSED_MM, _OPEN_MM = 1.2, 4.0
"""Lips of the neutral performance are held shut under the first gap, and left alone above the second."""
APPROACH_FRAMES = 1.0
"""Width over which lips are brought together, so that what the emotion parts does not snap shut."""
_YIELD_FRAMES = 2.0
"""Width over which what parts the lips gives way to those that meet."""
_PRESS = 0.05
"""How far `mouthClose` may go beyond `jawOpen` to bring lips together."""
_SLITS = {"mouthSmile": 0.03, "mouthDimple": 0.01}
"""`mouthClose` that shuts the slit beside the middle which a corner that is pulled more than the other leaves, per unit of the difference."""
SETTLED_S, _SETTLED_JAW_S = 1 / 30, 1 / 60
"""Widths of the smoothing that decoded motion needs: people's lips do not tremble from frame to frame."""
SLOW_S = {"mouthRoll": 0.06, "mouthPress": 0.06, "mouthLowerDown": 0.1}
"""Widths for what people move more slowly than that (set on the training parts of FACEGOOD)."""
_SILENT_S, _AUDIBLE = 0.25, 0.1
"""The mouth goes to rest where for so long nothing has this loudness."""
_KEPT_ACCENTS = 0.35
"""Share of the networks' own small movements of head and brows that stays beside the drawn ones, so that no brow stands still."""
_POSTURE_S = 0.7
"""Width of the smoothing that tells posture from movement."""
_SMOOTHED_AT_ONCE = 2048
"""Frames: a convolution takes memory by its length."""
Channels = Float[Tensor, "frames 64"]
Frames = Float[Tensor, "frames"]


def _mask(*beginnings: str) -> Bool[Tensor, "64"]:
    names = [name.startswith(beginnings) for name in ARKIT_52]
    return torch.tensor(names + [False] * (CHANNELS - len(ARKIT_52)))


_UPPER = _mask(*UPPER)
_UPPER[EYES] = True
_LIPS, _JAWS, _BROWS = _mask(*LIP_SHAPES), _mask(*JAW_SHAPES), _mask("brow")
MOUTH = _mask("mouth", "jaw", "tongue", "cheekPuff")
MOUTH[JAW] = True
"""Channels that speak."""
_JAW_MOVES = _JAWS.clone()
_JAW_MOVES[JAW] = True
WIDTHS_S = ((_JAW_MOVES, _SETTLED_JAW_S), *((_mask(name), width_s) for name, width_s in SLOW_S.items()))
BEATING = _mask("browInnerUp", "browOuterUp")
BEATING[NECK] = True
"""Channels in which beats are drawn: raised brows and the turns of the head."""
_LEFT = torch.tensor([name.endswith("Left") for name in ARKIT_52])
_RIGHT = torch.tensor([name.endswith("Right") for name in ARKIT_52])
JAW_OPEN, MOUTH_CLOSE = ARKIT_52.index("jawOpen"), ARKIT_52.index("mouthClose")
GAP = torch.tensor([LIP_GAP_MM.get(name, 0.0) for name in ARKIT_52])
PARTING = GAP.clone()
PARTING[[JAW_OPEN, MOUTH_CLOSE]] = 0.0
_SIDES = [[ARKIT_52.index(name + side) for name in _SLITS] for side in ("Left", "Right")]
_SLIT = torch.tensor(list(_SLITS.values()))


def compose(upper: Channels, mouth: Channels) -> Channels:
    """Upper face and eyes of one performance, the rest (nose, mouth, jaw, neck) of another."""
    return torch.where(_UPPER, upper, mouth)


def lean(channels: Channels, neutral: Channels, asymmetry: Frames) -> Channels:
    """Take the emotion from the right half of the face (asymmetry > 0) or from the left (< 0); 1 takes it all."""
    kept = torch.ones(len(channels), CHANNELS)
    kept[:, : len(ARKIT_52)] -= asymmetry.clamp(min=0)[:, None] * _RIGHT + (-asymmetry).clamp(min=0)[:, None] * _LEFT
    return neutral + kept * (channels - neutral)


def articulate(channels: Channels, neutral: Channels, jaw: Frames, lips: Frames) -> Channels:
    """Scale the speech movements of jaw and lips apart (JALI, Edwards et al. 2016); the emotion's share stays as it is."""
    factor = torch.where(_JAWS, jaw[:, None] - 1, torch.where(_LIPS, lips[:, None] - 1, torch.zeros(1)))
    out = channels + factor * neutral
    return with_jaw(out, channels)


def settle(channels: Channels, fps: float) -> Channels:
    """Take the trembling out of decoded motion; the jaw, which shuts the lips, is smoothed least."""
    settled = gaussian(channels, SETTLED_S * fps)
    for moves, width_s in WIDTHS_S:
        settled[:, moves] = gaussian(channels[:, moves], width_s * fps)
    return settled


def rest(channels: Channels, neutral: Channels, loudness: Frames, fps: float) -> Channels:
    """Let the speech movements fade where nothing sounds; `loudness` is 0 in silence, 1 in loud speech."""
    reach = round(_SILENT_S * fps)
    near = torch.nn.functional.max_pool1d(loudness[None].to(channels), 2 * reach + 1, 1, reach)[0]
    awake = gaussian((near / _AUDIBLE).clamp(max=1)[:, None], 0.5 * reach)[:, 0]
    return articulate(channels, neutral, awake, awake)


def smooth(channels: Channels, width_s: Frames, fps: float) -> Channels:
    """Smooth the speech movements over a width that may change."""
    widest = float(width_s.max())
    if widest <= 0:
        return channels
    share = (width_s / widest)[:, None]
    return torch.where(MOUTH, torch.lerp(channels, gaussian(channels, widest * fps), share), channels)


def move(channels: Channels, head: Frames, brows: Frames, fps: float) -> Channels:
    """Scale the movements of head and brows about their posture, which is the emotion's."""
    factor = torch.ones(len(channels), CHANNELS)
    factor[:, NECK] = head[:, None]
    factor = torch.where(_BROWS, brows[:, None], factor)
    if bool((factor == 1).all()):
        return channels
    posture = gaussian(channels, _POSTURE_S * fps)
    return posture + factor * (channels - posture)


def without_accents(channels: Channels, neutral: Channels, fps: float) -> Channels:
    """Leave a little of what head and brows do on accents in the performance without emotion: beats are drawn in its place."""
    moved = neutral - gaussian(neutral, _POSTURE_S * fps)
    moved[:, : len(ARKIT_52)] = neutral[:, : len(ARKIT_52)]
    out = torch.where(BEATING, channels - (1 - _KEPT_ACCENTS) * moved, channels)
    out[:, : len(ARKIT_52)].clamp_(min=0)
    return out


def lip_gap_mm(channels: Float[Tensor, "frames channels"]) -> Frames:
    """Opening between the inner lips of the open avatar, of channels or ARKit coefficients; negative where they press into each other."""
    return channels[:, : len(ARKIT_52)].clamp(0, 1) @ GAP


def keep_closures(channels: Channels, neutral: Channels, size: Frames) -> Channels:
    """Bring the lips together wherever the neutral performance does, however the rest of the face moves.

    Args:
        size: factor on the opening that was asked for: smaller movements close to smaller gaps, as far as they are smaller.
    """
    gap, wanted = lip_gap_mm(channels), lip_gap_mm(neutral).clamp(min=0)
    hold = ((_OPEN_MM - wanted) / (_OPEN_MM - _CLOSED_MM)).clamp(0, 1)
    hold = hold * hold * (3 - 2 * hold)
    hold = torch.maximum(hold, gaussian(hold[:, None], APPROACH_FRAMES)[:, 0])
    smaller = torch.quantile(gap, 0.95) / torch.quantile(wanted, 0.95).clamp(min=1e-3)
    allowed = torch.lerp(gap, torch.minimum(gap, wanted * torch.minimum(size, smaller).clamp(0, 1)), hold)
    out = channels.clone()
    shapes = out[:, : len(ARKIT_52)].clamp(0, 1)
    kept = _kept(shapes, allowed)
    shapes = torch.where(PARTING > 0, shapes * gaussian(kept[:, None], _YIELD_FRAMES), shapes)
    excess = (shapes @ GAP - allowed).clamp(min=0) / GAP[JAW_OPEN]
    close = shapes[:, MOUTH_CLOSE]
    shapes[:, MOUTH_CLOSE] = torch.maximum(close, torch.minimum(close + excess, shapes[:, JAW_OPEN] + _PRESS))
    shapes = torch.where(PARTING > 0, shapes * _kept(shapes, allowed)[:, None], shapes)
    left, right = (shapes[:, side] for side in _SIDES)
    shapes[:, MOUTH_CLOSE] += hold * ((left - right).abs() @ _SLIT)
    out[:, : len(ARKIT_52)] = shapes
    return out


def _kept(shapes: Float[Tensor, "frames 52"], allowed: Frames) -> Frames:
    """Share of what parts the lips that leaves no more opening than is allowed."""
    parted = shapes @ PARTING
    return ((allowed - (shapes @ GAP - parted)) / parted.clamp(min=1e-6)).clamp(0, 1)


def with_jaw(changed: Channels, before: Channels) -> Channels:
    """Turn the jaw by what its opening changed."""
    changed[:, JAW.start] = before[:, JAW.start] + JAW_OPEN_RAD * (changed[:, JAW_OPEN] - before[:, JAW_OPEN])
    return changed


def gaussian(x: Float[Tensor, "frames n"], sigma_frames: float) -> Float[Tensor, "frames n"]:
    """Smooth along the frames; what lies before the first and after the last is as these."""
    radius = int(3 * sigma_frames) + 1
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma_frames) ** 2)
    kernel = (kernel / kernel.sum())[None, None]
    padded = torch.cat([x[:1].expand(radius, -1), x, x[-1:].expand(radius, -1)])

    def smoothed(start: int) -> Tensor:
        part = padded[start : start + _SMOOTHED_AT_ONCE + 2 * radius]
        return torch.nn.functional.conv1d(part.T[:, None], kernel)[:, 0].T

    return joined(map(smoothed, range(0, len(x), _SMOOTHED_AT_ONCE)), len(x))
