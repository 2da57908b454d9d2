"""`emote3d evaluate`: one performance held against another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from emote3d.cli.reporting import Reporting
from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    import numpy as np

    from emote3d.body import BodyModel
    from emote3d.metrics.evaluation import Evaluation
    from emote3d.metrics.subjects import Subject


@dataclass(frozen=True, kw_only=True)
class Evaluate(Reporting):
    """Measure a performance against a reference: errors of vertices and joints, synchrony, smoothness."""

    pred: tyro.conf.Positional[Path]
    """What to measure: our npz, BEAT2 or AMASS npz, FLAME parameter npz, Live Link csv, Audio2Face json, vertices npy."""
    ref: tyro.conf.Positional[Path]
    """What it should be; may be the same file."""
    audio: Path | None = None
    """The recording: adds the lag of the mouth behind the voice, and beat consistency of a body."""
    phones: Path | None = None
    """Praat TextGrid of the recording's phones (needs `audio`): adds lip closure, its timing, and lip errors by phone."""
    body_file: Path | None = None
    """FLAME or SMPL-X file to pose on (default: the open avatar); needed for faces in their coefficients."""
    lips: Path | None = None
    """Lip vertex indices for vertex files: npy or text."""
    upper: Path | None = None
    """Upper-face vertex indices for vertex files: npy or text."""
    vertex_fps: float = 30.0
    """Frame rate of vertex files."""
    plot: Path | None = None
    """Picture (png, svg or pdf) of the curves over time, and with `phones` of the lip error of each phone."""

    def run(self) -> None:
        """Read, compare, report; raises `Emote3DError` where the files have nothing to compare, or `--phones` no sound."""
        from emote3d.body import load_body_model, open_avatar
        from emote3d.metrics.evaluation import compare
        from emote3d.metrics.subjects import aligned, read_subject

        if self.phones is not None and self.audio is None:
            raise Emote3DError("expected --audio with --phones: the recording whose phones they are")
        pred, ref = aligned(read_subject(self.pred, self.vertex_fps), read_subject(self.ref, self.vertex_fps))
        avatar = open_avatar() if self.body_file is None else load_body_model(self.body_file)
        result = compare(pred, ref, avatar, _indices(self.lips), _indices(self.upper))
        if not result.figures:
            raise Emote3DError("the two files share neither a face nor a body; there is nothing to compare")
        if self.audio is not None:
            result = result | self._with_sound(pred, avatar, result)
        if self.plot is not None:
            from emote3d.metrics.plotting import plot_curves

            plot_curves(result, self.plot, f"{self.pred.name} against {self.ref.name}")
        self.report(dict(result.figures) | _phone_facts(result), _table(result))

    def _with_sound(self, pred: Subject, avatar: BodyModel, compared: Evaluation) -> Evaluation:
        """What the sound adds; lip errors by phone, where there are phones and faces."""
        from emote3d.audio.load import load_speech
        from emote3d.metrics.evaluation import Evaluation
        from emote3d.metrics.sound import errors_by_phone, read_phones, sound_measures

        assert self.audio is not None
        if pred.motion is None:
            raise Emote3DError("--audio needs motion files; vertex files do not tell where the mouth is")
        speech = load_speech(self.audio)
        phones = None if self.phones is None else read_phones(speech, self.phones)
        found = sound_measures(pred.motion, speech, avatar, phones)
        if phones is None or "lve_mm" not in compared.curves:
            return found
        by_phone = errors_by_phone(compared.curves["lve_mm"], phones, compared.fps)
        return found | Evaluation(by_phone=by_phone, fps=compared.fps)


def _phone_facts(result: Evaluation) -> dict[str, object]:
    """Mean, standard deviation and frames of each phone."""
    facts = {
        phone: {"mean_mm": float(errors.mean()), "sd_mm": float(errors.std()), "frames": len(errors)}
        for phone, errors in result.by_phone.items()
    }
    return {"lve_by_phone": facts} if facts else {}


def _indices(path: Path | None) -> np.ndarray | None:
    """Read vertex indices."""
    import numpy as np

    if path is None:
        return None
    try:
        array = (
            np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, dtype=np.int64, ndmin=1)
        )
    except (OSError, ValueError, EOFError) as error:
        raise Emote3DError(f"expected vertex indices in {path}; got: {error}") from error
    if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array):
        raise Emote3DError(f"expected a list of vertex indices in {path}; got {array.dtype} {array.shape}")
    return array.astype(np.int64)


def _table(result: Evaluation) -> str:
    width = max(len(name) for name in result.figures)
    return "\n".join(f"{name:{width}s}  {value:12.5g}" for name, value in result.figures.items())
