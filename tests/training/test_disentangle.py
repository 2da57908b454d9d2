"""`emote3d train ast`: pairs, warping, losses that teach what they say, and the components that come of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import write_wav

from emote3d.audio.kaldi import FbankConfig
from emote3d.checkpoint import load_component, read_manifest
from emote3d.cli.train import TrainAst
from emote3d.data.voices import find_voices
from emote3d.data.warping import warp_onto
from emote3d.errors import Emote3DError
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.names import EMOTIONS
from emote3d.training.disentangle import DisentangleTask
from emote3d.training.settings import AstTraining, Machines
from emote3d.training.voice_groups import VoiceSource

RATE = 16000
PITCH = {"anna": 220.0, "bert": 110.0}
TILT = {"anger": 0.8, "sad": -0.8}
TINY = AstTraining(
    steps=4, groups=1, frames=64, d=16, layers=1, feature_d=8, decoder_d=16, learning_rate=3e-3, fall_every=1000
)


def say(text: int, speaker: str, emotion: str, pace: float = 1.0) -> np.ndarray:
    """Syllables of a text as vowels of two formants: the pitch is the speaker's, the brightness the emotion's."""
    rng = np.random.default_rng(text)
    parts = []
    for _ in range(4):
        length = round(pace * rng.uniform(0.12, 0.3) * RATE)
        at = np.arange(length) / RATE
        low, high = rng.uniform(300, 800), rng.uniform(1000, 2800)
        tone = sum(
            k ** TILT[emotion]
            * np.exp(-(((k * PITCH[speaker] - f) / 300) ** 2))
            * np.sin(2 * np.pi * k * PITCH[speaker] * at)
            for k in range(1, 30)
            for f in (low, high)
        )
        parts += [np.hanning(length) * tone, np.zeros(round(0.05 * RATE))]
    sound = np.concatenate(parts)
    return 0.3 * sound / np.abs(sound).max()


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Two speakers, two emotions, four texts, one of which is held out."""
    root, rows = tmp_path / "voices", ["file,text,emotion,speaker,split"]
    for text in range(4):
        for speaker in PITCH:
            for emotion in TILT:
                name = f"{text}_{speaker}_{emotion}.wav"
                write_wav(root / name, say(text, speaker, emotion, 1.3 if speaker == "bert" else 1.0))
                rows.append(f"{name},t{text},{emotion},{speaker},{'val' if text == 3 else 'train'}")
    (root / "voices.csv").write_text("\n".join(rows) + "\n")
    return root


def source_of(root: Path, split: str = "train") -> VoiceSource:
    clips = [clip for clip in find_voices(root) if clip.split == split]
    return VoiceSource(clips, sorted(PITCH), FbankConfig())


def test_groups_share_what_they_say(voices):
    source = source_of(voices)
    batch = source.batch(3, 0, 4, 64)
    assert source.pairs() == {"text": 12, "emotion": 12, "speaker": 12}
    again = source.batch(3, 0, 4, 64)
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert (batch.partner >= 0).all()
    for group in range(4):
        for clip in range(4):
            text, emotion, speaker = batch.partner[group, clip].tolist()
            label = batch.label[group]
            assert label[emotion, 0] == label[clip, 0]
            assert label[speaker, 1] == label[clip, 1] and speaker != clip
            assert label[text, 1] != label[clip, 1]


def test_a_text_is_brought_to_the_timing_of_another_voice(voices):
    source = source_of(voices)
    names = [clip.path.name for clip in source.clips]
    mine, other = (source._read(names.index(f"1_{who}_anger.wav")) for who in ("anna", "bert"))
    assert len(other) > 1.2 * len(mine)
    warped = other[warp_onto(other, mine)]
    straight = other[: len(mine)]
    apart, before = (np.abs(one.mean(axis=1) - mine.mean(axis=1)).mean() for one in (warped, straight))
    assert warped.shape == mine.shape
    assert apart < 0.5 * before


def test_the_losses_teach_what_they_say(voices, tmp_path):
    from emote3d.training.disentangle import DisentangleNet
    from emote3d.training.disentangle_runs import _configs, judge

    settings = AstTraining(steps=0, groups=2, frames=64, d=32, layers=1, feature_d=8, decoder_d=16)
    source = source_of(voices)
    torch.manual_seed(0)
    net = DisentangleNet(_configs(settings, 2, source, None))
    source = VoiceSource(source.clips, sorted(PITCH), net.content.config.fbank)
    task = DisentangleTask(net, source, settings)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    before = judge(task, source)
    net.train()
    for step in range(45):
        optimizer.zero_grad()
        losses = task.losses(source.batch(step, 1, 2, 64))
        sum(losses.values()).backward()
        optimizer.step()
    after = judge(task, source)
    assert after["self"] < 0.8 * before["self"]
    assert after["speaker_accuracy"] > 0.8 and after["speaker_told"] < 0.6 * before["speaker_told"]
    assert after["emotion_told"] < 0.65 * before["emotion_told"]
    gradients = {name for name, weight in net.emotion.named_parameters() if weight.grad is not None}
    assert "feature.1.weight" in gradients and "told.1.weight" in gradients


def test_the_verb_writes_components_and_goes_on(voices, tmp_path, capsys):
    out, runs = tmp_path / "out", tmp_path / "runs"
    machines = Machines(accelerator="cpu", save_every=2)
    verb = TrainAst(data=(voices,), output=out, runs=runs, settings=TINY, machines=machines)
    verb.run()
    assert "emotion_accuracy" in capsys.readouterr().out
    style = load_component(out / "style", AstEncoder, AstConfig)
    assert style.config.labels == 2 and style.config.labels_from == "feature"
    assert style.config.fbank.mean != FbankConfig().mean
    assert read_manifest(out / "style")["labels"] == ["anna", "bert"]
    assert read_manifest(out / "emotion")["labels"] == list(EMOTIONS)
    weights = (out / "content" / "model.safetensors").read_bytes()
    verb.run()
    assert (out / "content" / "model.safetensors").read_bytes() == weights
    more = TrainAst(
        data=(voices,), output=tmp_path / "more", runs=tmp_path / "runs2", init=out, settings=TINY, machines=machines
    )
    more.run()
    assert load_component(tmp_path / "more" / "style", AstEncoder, AstConfig).config == style.config


@pytest.mark.parametrize("case", ["missing", "empty", "emotion", "alone"])
def test_what_cannot_be_learned_from_is_refused(case, voices, tmp_path):
    table = voices / "voices.csv"
    text = table.read_text()
    if case == "empty":
        table.unlink()
    elif case == "emotion":
        table.write_text(text.replace("anger", "rage"))
    elif case == "alone":
        table.write_text("\n".join(line for line in text.splitlines() if "bert" not in line))
    data = tmp_path / "nowhere" if case == "missing" else voices
    verb = TrainAst(data=(data,), output=tmp_path / "out", runs=tmp_path / "runs", settings=TINY)
    with pytest.raises(Emote3DError) as error:
        verb.run()
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_beat_and_emodb_are_known_by_their_names(tmp_path):
    for name in ("2_scott_0_73_73", "1_wayne_0_73_73", "2_scott_1_1_1"):
        write_wav(tmp_path / "beat" / "wave16k" / f"{name}.wav", np.zeros(10))
    scott, wayne = sorted(find_voices(tmp_path / "beat"), key=lambda clip: clip.speaker, reverse=True)
    assert (scott.speaker, scott.emotion, scott.text) == ("beat2", "anger", "beat73")
    assert wayne.text == scott.text
    for name in ("03a01Fa", "08a01Wb"):
        write_wav(tmp_path / "emodb" / "wav" / f"{name}.wav", np.zeros(10))
    first, second = find_voices(tmp_path / "emodb")
    assert (first.speaker, first.emotion, first.text) == ("emodb03", "happy", "a01")
    assert second.text == first.text and second.emotion == "anger"
