"""The teacher of the mouth: phones, their times and the energy of the voice to articulation over time.

Dominance functions blend neighbouring targets (Cohen and Massaro 1993; jaw and lips apart as in JALI, Edwards 2016). Closures of
p, b, m and the lip-teeth contact of f, v are laid over the blend, so they are reached however fast the speech is.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from emote3d.data.phones import PHONES, Phone
from emote3d.data.timed import TimedSpeech

ARTICULATION = ("jaw", "closure", "labiodental", "pucker", "funnel", "wide", "lower_down", "upper_up", "tongue")
"""What the teacher moves, each 0..1."""
_BLENDED = ("jaw", "pucker", "funnel", "wide", "lower_down", "upper_up", "tongue")
_REACH_S = {
    "jaw": 0.075,
    "pucker": 0.11,
    "funnel": 0.10,
    "wide": 0.085,
    "lower_down": 0.06,
    "upper_up": 0.06,
    "tongue": 0.05,
}
"""How far in time a phone's target reaches, to either side of its middle half."""
_RATE_HZ = 120.0


def _targets(phone: Phone) -> dict[str, tuple[float, float]]:
    """Target and dominance of each blended movement for a phone."""
    if phone.manner == "silence":
        return {name: (0.0, 0.35) for name in _BLENDED}
    hold = 1.0 if phone.is_vowel else 0.5
    shows_teeth = 0.5 if phone.sibilant else 0.25 * phone.tongue_tip * (1 - phone.rounding)
    rounded = max(phone.rounding, phone.protrusion)
    neutral = 0.12 if phone.manner in ("stop", "nasal", "fricative", "tap") else 0.3
    return {
        "jaw": (phone.jaw, 0.15 + 0.85 * phone.jaw_firmness),
        "pucker": (phone.rounding * (1 - 0.55 * phone.openness), hold if rounded else neutral * 1.5),
        "funnel": (
            max(0.75 * phone.protrusion, 0.6 * phone.rounding * phone.openness),
            hold if rounded else neutral * 1.5,
        ),
        "wide": (phone.spread, hold if phone.spread or rounded else neutral),
        "lower_down": (max(shows_teeth, 0.35 * phone.spread, 0.3 * phone.openness), hold * 0.8),
        "upper_up": (max(0.5 * shows_teeth, 0.7 * phone.labiodental * 0.4, 0.15 * phone.openness), hold * 0.8),
        "tongue": (max(phone.interdental, 0.25 * phone.tongue_tip * (phone.manner == "lateral")), 0.8),
    }


def _blend(clip: TimedSpeech, time: np.ndarray, name: str) -> np.ndarray:
    """Cohen-Massaro: targets weighted by dominance that decays away from the phone."""
    table = [_targets(PHONES[symbol])[name] for symbol in clip.phone]
    target, strength = np.array(table, dtype=np.float64).T
    if name == "jaw":
        target = target * np.where(clip.stress == 2, 1.12, np.where(clip.stress == 1, 1.0, 0.9))
    middle = 0.5 * (clip.start_s + clip.end_s)
    core = 0.25 * (clip.end_s - clip.start_s)
    distance = np.maximum(0.0, np.abs(time[:, None] - middle) - core) / (_REACH_S[name] + 0.25 * core)
    dominance = strength * np.exp(-(np.minimum(distance, 30.0) ** 1.3)) + 1e-9
    return (dominance @ target) / dominance.sum(axis=1)


def _contact(clip: TimedSpeech, time: np.ndarray, degree: np.ndarray, rise_s: float, fall_s: float) -> np.ndarray:
    """Trapezoids that are full during each contact; a short one is widened to be seen in a frame of 30 fps."""
    curve = np.zeros_like(time)
    for index in np.flatnonzero(degree > 0):
        start, end = clip.start_s[index], clip.end_s[index]
        hold = max(0.05, min(end - start - 0.012, 0.2))
        first = min(start + 0.008, 0.5 * (start + end) - 0.4 * hold)
        last = first + hold
        near = slice(*np.searchsorted(time, (first - rise_s, last + fall_s)))
        up = np.clip((time[near] - first) / rise_s + 1, 0, 1)
        down = np.clip(1 - (time[near] - last) / fall_s, 0, 1)
        ramp = np.minimum(up, down)
        curve[near] = np.maximum(curve[near], degree[index] * ramp * ramp * (3 - 2 * ramp))
    return curve


def _gaussian(x: np.ndarray, sigma_s: float) -> np.ndarray:
    sigma = sigma_s * _RATE_HZ
    radius = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.convolve(np.pad(x, radius, mode="edge"), kernel / kernel.sum(), mode="valid")


def articulate(
    clip: TimedSpeech, loudness: Float[np.ndarray, "frames"], fps: float
) -> Float[np.ndarray, "frames articulation"]:
    """Articulation per frame; `loudness` (0..1 per frame) makes loud vowels open further."""
    frames = len(loudness)
    time = np.arange(int(np.ceil(frames / fps * _RATE_HZ)) + 1) / _RATE_HZ
    moves = {name: _gaussian(_blend(clip, time, name), 0.018) for name in _BLENDED}
    degrees = np.array([(PHONES[s].lip_closure, PHONES[s].labiodental) for s in clip.phone], dtype=np.float64)
    moves["closure"] = _contact(clip, time, degrees[:, 0], 0.055, 0.05)
    moves["labiodental"] = _contact(clip, time, degrees[:, 1], 0.06, 0.055)
    at = np.arange(frames) / fps
    curves = np.stack([np.interp(at, time, moves[name]) for name in ARTICULATION], axis=1)
    curves[:, 0] *= 0.6 + 0.5 * np.clip(loudness, 0, 1.1)
    return np.clip(curves, 0, 1)


def accents(clip: TimedSpeech, loudness: Float[np.ndarray, "frames"], fps: float) -> Float[np.ndarray, "frames"]:
    """Pulses on the accented syllables: vowels that stand out in loudness, stress and length; 1 = a strong accent."""
    vowels = [i for i, symbol in enumerate(clip.phone) if PHONES[symbol].is_vowel]
    pulses = np.zeros(len(loudness))
    if len(vowels) < 3:
        return pulses
    start, end = clip.start_s[vowels], clip.end_s[vowels]
    frame = np.clip((0.5 * (start + end) * fps).astype(int), 0, len(loudness) - 1)
    length = np.clip((end - start) / np.median(end - start), 0, 2.5)
    salience = 2.2 * loudness[frame] + 0.45 * length + 0.2 * clip.stress[vowels]
    score = (salience - np.median(salience)) / (np.percentile(salience, 90) - np.median(salience) + 0.15)
    time = np.arange(len(loudness)) / fps
    for at, size in zip(0.5 * (start + end), np.clip(score - 0.35, 0, 1.2), strict=True):
        pulses = np.maximum(pulses, size * np.exp(-0.5 * ((time - at) / 0.11) ** 2))
    return pulses
