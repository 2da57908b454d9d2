"""A performance against the sound of its recording: lag, closures, beats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from emote3d.body import BodyModel
from emote3d.data.labels import textgrid_speech
from emote3d.data.phones import SILENCE
from emote3d.data.timed import TimedSpeech
from emote3d.errors import Emote3DError
from emote3d.metrics.body import UPPER_BODY, beat_consistency
from emote3d.metrics.curves import best_lag
from emote3d.metrics.evaluation import Evaluation
from emote3d.metrics.lips import lip_report
from emote3d.metrics.mouth import mouth_curves
from emote3d.records import Motion, Speech

FLOOR_DB = 60.0


def loudness_db(speech: Speech, frames: int, fps: float) -> Float[np.ndarray, "frames"]:
    """Level of the sound in a window of two frames about each one, dB above a floor 60 dB under the loudest."""
    samples, rate = speech.waveform.double().numpy(), speech.sample_rate
    half = max(1, round(rate / fps))
    padded = np.concatenate([np.zeros(half), np.square(samples), np.zeros(half)])
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.minimum(np.round(np.arange(frames) * rate / fps).astype(np.int64), len(samples))
    power = np.maximum((sums[np.minimum(starts + 2 * half, len(padded))] - sums[starts]) / (2 * half), 1e-12)
    return np.maximum(10 * np.log10(power / power.max()), -FLOOR_DB) + FLOOR_DB


def onsets_s(speech: Speech, hop_s: float = 0.01) -> Float[np.ndarray, "onsets"]:
    """Times at which the sound rises steeply: peaks of the level's rise over 50 ms of at least 6 dB, 0.1 s apart.

    BEAT2's code takes librosa's spectral-flux onsets, which are more and lie up to a hop of 32 ms elsewhere: give those to
    `beat_consistency` to compare with its figures.
    """
    level = loudness_db(speech, max(1, round(speech.duration_s / hop_s)), 1 / hop_s)
    rise = np.concatenate([np.zeros(5), level[5:] - level[:-5]])
    found: list[int] = []
    for frame in np.argsort(-rise, kind="stable"):
        if rise[frame] < 6:
            break
        if all(abs(frame - other) * hop_s >= 0.1 for other in found):
            found.append(int(frame))
    return np.sort(np.array(found, dtype=np.float64)) * hop_s


def errors_by_phone(
    error_mm: Float[np.ndarray, "frames"], clip: TimedSpeech, fps: float
) -> dict[str, Float[np.ndarray, "_"]]:
    """The errors of the frames k whose time k / fps lies in each phone; pauses and phones without a frame are left out."""
    times_s = np.arange(len(error_mm)) / fps
    place = np.searchsorted(clip.end_s, times_s, side="right")
    spoken = np.array([*clip.phone, SILENCE])[np.minimum(place, len(clip.phone))]
    return {str(phone): error_mm[spoken == phone] for phone in np.unique(spoken) if phone != SILENCE}


def read_phones(speech: Speech, textgrid: Path) -> TimedSpeech:
    """The phones of a recording by its TextGrid; raises Emote3DError where there is none."""
    if not textgrid.is_file():
        raise Emote3DError(f"there is no file {textgrid}")
    return textgrid_speech((speech.waveform.numpy() * 32767).astype(np.int16), textgrid)


def sound_measures(motion: Motion, speech: Speech, avatar: BodyModel, phones: TimedSpeech | None = None) -> Evaluation:
    """Lag of the mouth behind the voice; with phones lip closure and timing; for a body, beat consistency."""
    figures: dict[str, float] = {}
    if motion.face is not None:
        mouth = mouth_curves(avatar, motion)
        level = loudness_db(speech, motion.frames, motion.fps)
        lag, correlation = best_lag(mouth.gap_mm, level)
        figures |= {"voice_lag_frames": float(lag), "voice_correlation_at_lag": correlation}
        if phones is not None:
            report = lip_report(mouth.gap_mm, phones, level, motion.fps, mouth.teeth_on_lip)
            figures |= {
                "closure_recall": report.recall,
                "false_closures": report.false_closures,
                "closed_inside_other_phones": report.closed_elsewhere,
                "closure_timing_error_ms": 1000 * report.timing_error_s,
                "teeth_on_lip_in_f_v": report.teeth_share,
            }
    if motion.body is not None:
        positions = avatar.joint_positions(Motion(body=motion.body, fps=motion.fps)).double().numpy()
        onsets = onsets_s(speech)
        for threshold in (0.3, 0.1):
            score = beat_consistency(positions[:, list(UPPER_BODY)], onsets, motion.fps, threshold=threshold)
            figures[f"beat_consistency_{threshold:g}"] = score
    return Evaluation(figures=figures, fps=motion.fps)
