"""Overfit check of EMOTE's training: stage 1, then stage 2, on a handful of recordings that our teacher acted, each in another emotion.

    export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 OMP_NUM_THREADS=1
    PYTHONPATH=. python scripts/overfit_emote.py --corpus /data/speech --work runs/overfit --picture docs/overfit.png

Everything but the measuring is `emote3d train`: a small wav2vec2 and FLINT begin at random, the folder reader gives the clips, and
each stage is taken up again from its own state at every measurement. A second stage 2 without the exchange is the control.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro

from emote3d.audio.loudness import frame_loudness
from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig
from emote3d.data.face_clips import CLIP_FPS
from emote3d.decoders.face import face_from_channels
from emote3d.errors import ending_in_one_line
from emote3d.files import atomic_path
from emote3d.metrics.lips import LipReport, lip_report
from emote3d.metrics.mouth import lip_gap
from emote3d.names import EMOTIONS
from emote3d.perception import load_emotion_net
from emote3d.training.acted_clips import ActedClip, performed, pick_clips, write_acted
from emote3d.training.acted_faces import spoken_clip
from emote3d.training.clip_batches import ClipSource, FaceBatch
from emote3d.training.emote import EmoteNet, EmoteTask
from emote3d.training.emote_runs import EmoteStart, load_net, open_clips, open_model, train_emote, train_flint
from emote3d.training.faces import FacePoser, FaceShapes, directions_apart
from emote3d.training.perceptual import Perceivers, choose_emotion_net, choose_lip_reader
from emote3d.training.settings import EmoteTraining, FaceData, FlintTraining, Machines

_VERTS = 150
_DERANGEMENTS = 6
"""Batches over which losses are averaged: the clips are the same, partners differ."""


@dataclass(frozen=True, kw_only=True)
class Overfit:
    """What to overfit, how long."""

    corpus: Path = Path("/data/speech")
    """Timed speech set (scripts/build_speech_set.py)."""
    work: Path = Path("runs/overfit")
    """Folder for clips, states and checkpoints; a run goes on from what is there."""
    picture: Path | None = None
    """PNG of the curves."""
    emotions: tuple[int, ...] = tuple(range(len(EMOTIONS)))
    """One clip each."""
    choice: int = 0
    """Which recordings: 0 those with the most closures of the lips, 1 the next ones, and so on."""
    seed: int = 0
    frames: int = 64
    batch: int = 4
    """Clips in a step."""
    flint_steps: int = 1000
    steps: tuple[int, int] = (150, 2400)
    """Of stage 1 and 2."""
    every: tuple[int, int] = (50, 120)
    """Steps between measurements."""
    learning_rates: tuple[float, float, float] = (1e-3, 1e-3, 1e-3)
    """Of FLINT, stage 1 and 2; the stages' fall to zero over their steps."""
    weights: tuple[float, float] = (15.0, 15.0)
    """Of lips and emotion; the published 25 and 1.5 are for the published networks, through ours the lips would drown the emotion."""
    d: int = 128
    """Width of FLINT and of wav2vec2."""
    wav2vec_layers: int = 2
    control: bool = True
    """Run stage 2 without the exchange too."""


class Measure:
    """Losses, recognised emotions and closed lips of a checkpoint on all clips."""

    def __init__(self, data: FaceData, clips: list[ActedClip], frames: int) -> None:
        self._clips = sorted(clips, key=lambda clip: clip.emotion)
        self._data = data
        self._model = open_model(data.model)
        self._poser = FacePoser(self._model, _VERTS)
        self._perceivers = Perceivers(lips=choose_lip_reader(None), emotion=choose_emotion_net(None))
        self._emotion_net = load_emotion_net()
        self._frames = frames

    def __call__(self, checkpoint: Path) -> dict[str, float]:
        """All figures of a checkpoint folder."""
        settings = EmoteTraining(stage=2, batch=len(self._clips), frames=self._frames, dropout=0.0, loss_verts=_VERTS)
        net = load_net(checkpoint, settings).eval()
        clips = open_clips(self._data)
        source = ClipSource(clips, net.condition.config.subjects, net.prior_config.channels - 3)
        task = EmoteTask(net, self._poser, source, settings, self._perceivers)
        batches = [source.batch(step, 0, len(self._clips), self._frames) for step in range(_DERANGEMENTS)]
        with torch.no_grad():
            found = [task.losses(batch) for batch in batches]
            losses = {name: float(torch.stack([one[name] for one in found]).mean()) for name in found[0]}
            return losses | self._seen(net, _by_emotion(batches[0]), self._clips)

    def teacher(self) -> dict[str, float]:
        """Losses of the exchanged half if the teacher acts every recording in every other one's emotion."""
        spoken, count = [spoken_clip(clip.speech) for clip in self._clips], len(self._clips)
        acted = [performed(voice, clip.emotion)[: self._frames] for voice in spoken for clip in self._clips]
        faces = [face_from_channels(torch.from_numpy(channels).float()) for channels in acted]
        expression, jaw = (
            torch.stack([getattr(face, name) for face in faces]) for name in ("expression", "jaw_axis_angle")
        )
        seen = self._poser.pose(expression, jaw, torch.zeros(len(faces), 1)).landmarks
        assert seen is not None
        read = self._perceivers.lips.read(seen).unflatten(0, (count, count))
        felt = self._perceivers.emotion.feel(seen, torch.ones(seen.shape[:2], dtype=torch.bool))
        felt, own = felt.unflatten(0, (count, count)), torch.arange(count)
        apart = {
            "lip_exchanged": directions_apart(read, read[own, own][:, None]),
            "emotion_exchanged": directions_apart(felt, felt[own, own][None]),
        }
        return {name: float(value.mean()) * count / (count - 1) for name, value in apart.items()}  # but with itself

    def _seen(self, net: EmoteNet, batch: FaceBatch, clips: list[ActedClip]) -> dict[str, float]:
        """Accuracy and closures of the tracked faces, of our own, and of every pair of a recording and another's emotion."""
        content, count = net.hear(batch.waveform, self._frames), len(clips)
        pairs = [(i, j) for i in range(count) for j in range(count) if clips[i].emotion != clips[j].emotion]
        voices, feelings = (torch.tensor(side) for side in zip(*pairs, strict=True))
        labels = torch.cat([batch.labels[feelings, :2], batch.labels[voices, 2:]], dim=1)
        shown = {
            "tracked": (torch.cat([batch.expression, batch.jaw_axis_angle], dim=2), torch.arange(count), batch.labels),
            "original": (net.perform(content, batch.labels), torch.arange(count), batch.labels),
            "exchanged": (net.perform(content[voices], labels), voices, labels),
        }
        figures: dict[str, float] = {}
        for name, (motion, voice, label) in shown.items():
            shapes = self._poser.pose(motion[..., :-3], motion[..., -3:], batch.shape[voice])
            figures |= {f"{name}_{key}": value for key, value in self._judged(shapes, voice, label, clips).items()}
        return figures

    def _judged(
        self, shapes: FaceShapes, voice: torch.Tensor, labels: torch.Tensor, clips: list[ActedClip]
    ) -> dict[str, float]:
        assert shapes.landmarks is not None and shapes.landmarks_m is not None
        valid = torch.ones(shapes.landmarks.shape[:2], dtype=torch.bool)
        logits, _ = self._emotion_net(shapes.landmarks, valid)
        gaps_mm = 1000 * lip_gap(shapes.landmarks_m).double().numpy()
        lips = LipReport()
        for gap_mm, index in zip(gaps_mm, voice.tolist(), strict=True):
            loudness = frame_loudness(clips[index].speech.sound, CLIP_FPS, len(gap_mm))
            lips += lip_report(gap_mm, clips[index].speech, loudness.double().numpy(), CLIP_FPS)
        return {
            "accuracy": float((logits.argmax(dim=1) == labels[:, 0]).float().mean()),
            "closure_recall": lips.recall,
            "closed_elsewhere": lips.closed_elsewhere,
        }


def _by_emotion(batch: FaceBatch) -> FaceBatch:
    """A batch of all clips with its rows in the order of their emotions, of which each clip has its own."""
    order = batch.labels[:, 0].argsort()
    return FaceBatch(*(value[order] for value in batch))


def new_wav2vec(folder: Path, d: int, layers: int, seed: int) -> None:
    """A small wav2vec2 at random, in transformers' layout."""
    if not (folder / "config.json").is_file():
        torch.manual_seed(seed)
        config = Wav2VecConfig(
            conv_d=(d // 4,) * 7, d=d, layers=layers, heads=d // 32, feedforward_d=2 * d, position_kernel=32
        )
        ResampledWav2Vec(config).model.save_pretrained(folder)


def stage(
    what: Overfit, start: EmoteStart, settings: EmoteTraining, measure: Measure, name: str
) -> list[dict[str, float]]:
    """Train a stage from measurement to measurement; gives what was measured, from its beginning on."""
    measured = what.work / f"{name}.json"
    rows: list[dict[str, float]] = json.loads(measured.read_text()) if measured.is_file() else []
    data, out = FaceData(data=what.work / "clips", layout="folder"), what.work / name
    each = what.every[settings.stage - 1]
    for steps in range(each * (len(rows) + 1), settings.steps + 1, each):
        began = time.monotonic()
        places = (out, what.work / f"{name}-runs")
        machines = Machines(accelerator="cpu", save_every=each)
        train_emote(data, start, replace(settings, steps=steps), machines, places, lambda line: None)
        seconds = time.monotonic() - began
        rows.append({"step": steps, "seconds": round(seconds, 1), **measure(out)})
        measured.write_text(json.dumps(rows, indent=1))
        print(name, json.dumps({key: float(f"{value:.4g}") for key, value in rows[-1].items()}), flush=True)
    return rows


def run(what: Overfit) -> dict[str, Any]:
    """Everything; gives the curves and the figures of the bar."""
    clips = pick_clips(what.corpus, what.frames, what.emotions, what.choice)
    write_acted(what.work / "clips", clips)
    data = FaceData(data=what.work / "clips", layout="folder")
    new_wav2vec(what.work / "wav2vec2", what.d, what.wav2vec_layers, what.seed)
    flint = FlintTraining(
        steps=what.flint_steps,
        batch=3 * what.batch,
        learning_rate=what.learning_rates[0],
        d=what.d,
        loss_verts=_VERTS,
        seed=what.seed,
    )
    machines = Machines(accelerator="cpu", save_every=what.flint_steps)
    train_flint(data, flint, machines, what.work / "flint", what.work / "flint-runs", print)
    measure = Measure(data, clips, what.frames)
    start = EmoteStart(flint=what.work / "flint", wav2vec2=str(what.work / "wav2vec2"))
    common = EmoteTraining(batch=what.batch, frames=what.frames, dropout=0.0, loss_verts=_VERTS, seed=what.seed)
    machines = Machines(accelerator="cpu")
    untrained = replace(common, steps=0)
    train_emote(data, start, untrained, machines, (what.work / "untrained", what.work / "untrained-runs"), print)
    curves: dict[str, list[dict[str, float]]] = {"untrained": [measure(what.work / "untrained")]}
    first = replace(common, steps=what.steps[0], decay_steps=what.steps[0], learning_rate=what.learning_rates[1])
    curves["stage 1"] = stage(what, start, first, measure, "stage-1")
    second = replace(
        common,
        stage=2,
        steps=what.steps[1],
        decay_steps=what.steps[1],
        learning_rate=what.learning_rates[2],
        lip_weight=what.weights[0],
        emotion_weight=what.weights[1],
    )
    begun = EmoteStart(init=what.work / "stage-1")
    curves["stage 2"] = stage(what, begun, second, measure, "stage-2")
    if what.control:
        curves["control"] = stage(what, begun, replace(second, exchange=False), measure, "control")
    return {
        "options": {key: str(value) if isinstance(value, Path) else value for key, value in asdict(what).items()},
        "clips": [{"name": clip.name, "emotion": EMOTIONS[clip.emotion]} for clip in clips],
        "teacher": measure.teacher(),
        "figures": summary(curves),
        "curves": curves,
    }


def summary(curves: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """The bar's figures: by how much each loss fell, what is seen in exchanged clips, what closures they lost."""
    untrained, before, after = curves["untrained"][0], curves["stage 1"][-1], curves["stage 2"][-1]
    figures = {"stage 1: vertex lowered": untrained["vertex"] / before["vertex"]}
    for name in ("vertex", "lip", "emotion", "lip_exchanged", "emotion_exchanged"):
        figures[f"stage 2: {name} lowered"] = untrained[name] / after[name]
        figures[f"stage 2: {name} lowered since stage 1"] = before[name] / after[name]
    ends = {name: rows[-1] for name, rows in curves.items()}
    for name in ("accuracy", "closure_recall"):
        figures |= {f"{when}: exchanged {name}": row[f"exchanged_{name}"] for when, row in ends.items()}
    figures["closure recall lost by the exchange"] = (
        before["original_closure_recall"] - after["exchanged_closure_recall"]
    )
    return {name: round(value, 4) for name, value in figures.items()}


def draw(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Losses, accuracy and closures over the steps of both stages; the beginning of stage 2 is dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    first = curves["stage 1"]
    rows = [{"step": 0.0, **curves["untrained"][0]}, *first]
    rows += [{**row, "step": row["step"] + first[-1]["step"]} for row in curves["stage 2"]]
    steps = [row["step"] for row in rows]
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    losses, seen = figure.subplots(1, 2)
    for name in ("vertex", "lip", "emotion", "lip_exchanged", "emotion_exchanged"):
        losses.semilogy(steps, [row[name] / rows[0][name] for row in rows], label=name, linewidth=1, marker=".")
    for name in ("exchanged_accuracy", "exchanged_closure_recall", "original_closure_recall"):
        seen.plot(steps, [row[name] for row in rows], label=name, linewidth=1, marker=".")
    losses.set(title="losses, share of the untrained network's", xlabel="step")
    seen.set(title="what is seen", xlabel="step", ylim=(0, 1.02))
    for axis in (losses, seen):
        axis.axvline(first[-1]["step"], color="grey", linestyle="--", linewidth=1)
        axis.legend(fontsize=7)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90)


def main() -> None:
    """Run, write the curves, draw them."""
    what = tyro.cli(Overfit, description=__doc__)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    began = time.monotonic()
    result = run(what)
    result["minutes"] = round((time.monotonic() - began) / 60, 1)
    with atomic_path(what.work / "curves.json") as path:
        path.write_text(json.dumps(result, indent=1))
    if what.picture is not None:
        draw(result["curves"], what.picture)
    print(json.dumps(result["figures"], indent=1))


if __name__ == "__main__":
    with ending_in_one_line("overfit_emote"):
        main()
