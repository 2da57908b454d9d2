"""The published perceptual networks from a user's files, against a second writing of them, and in a training."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from test_cli import run_here
from torch import Tensor, nn
from torch.nn import functional as F
from training.face_sets import acted_clip, write_wav2vec

from emote3d.errors import Emote3DError
from emote3d.official.perceivers import import_emotion_net, import_lip_reader
from emote3d.perception.pictures import PictureEmotionConfig, PictureEmotionNet, PictureLipConfig, PictureLipReader
from emote3d.training.acted_clips import write_acted
from emote3d.training.emote_runs import EmoteStart, train_emote, train_flint
from emote3d.training.faces import directions_apart
from emote3d.training.perceptual import choose_emotion_net, choose_lip_reader
from emote3d.training.settings import EmoteTraining, FaceData, FlintTraining, Machines
from official.emote_twin import Bomb

State = dict[str, Tensor]
_D, _HEADS = 16, 8


def _pictures(*shape: int) -> Tensor:
    """Random ones, smooth and noisy, dark and light."""
    torch.manual_seed(sum(shape))
    coarse = F.interpolate(torch.rand(*shape[:2], 7, 7), size=shape[2:], mode="bilinear")
    return coarse * torch.rand(*shape[:2], 1, 1) + 0.2 * torch.rand(*shape)


def _random(net: PictureLipReader | PictureEmotionNet, look: Callable[[Tensor], Tensor], side: int) -> State:
    """Random weights, and running statistics of what they make of some pictures, so that the features tell pictures apart."""
    torch.manual_seed(0)
    for name, value in net.named_parameters():
        value.data.normal_(0, value[0].numel() ** -0.5 if value.ndim > 1 else 0.3)
        value.data += float(".bn" in name and name.endswith("weight"))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = None
    with torch.no_grad():
        look(_pictures(2, 4, side, side))
    return net.eval().state_dict()


@pytest.fixture(scope="module")
def lips() -> State:
    """As in LRS3_V_WER32.3/model.pth, narrow, with something of what else is in it."""
    net = PictureLipReader(PictureLipConfig(width=4))
    state = _random(net, net.read, 96)
    return {f"encoder.frontend.{key}": value for key, value in state.items()} | {"ctc.ctc_lo.bias": torch.zeros(3)}


@pytest.fixture(scope="module")
def face() -> State:
    """As in EMOCA's emotion network, narrow."""
    net = PictureEmotionNet(PictureEmotionConfig(width=4, d=_D, feedforward_d=12))
    state = _random(net, lambda seen: net.feel(seen, torch.ones(seen.shape[:2], dtype=torch.bool)), 224)
    kept = {key: value for key, value in state.items() if key.startswith("backbone.")}
    return kept | {"backbone.fc.weight": torch.zeros(5, 128), "linear.weight": torch.zeros(11, 128)}


@pytest.fixture(scope="module")
def video() -> State:
    """As in inferno's VideoEmotionRecognition, narrow; the names are those of specs/emote_state_dict.txt."""
    layer = nn.TransformerEncoderLayer(_D, _HEADS, 12, activation="gelu", batch_first=True)
    net = nn.ModuleDict({
        "transformer_encoder": nn.ModuleDict({
            "bottleneck": nn.Linear(128, _D),
            "encoder": nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
        }),
        "pooler": nn.ModuleDict({"dense": nn.Linear(_D, _D)}),
    })  # fmt: skip
    heads = {f"classification_head.classification_heads.{name}.classifier.bias": torch.zeros(3) for name in ("a", "b")}
    return {f"sequence_encoder.{key}": value for key, value in net.state_dict().items()} | heads


def _norm(x: Tensor, state: State, name: str) -> Tensor:
    mean, variance, weight, bias = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, variance, weight, bias)


def _shortcut(x: Tensor, state: State, block: str, stride: int) -> Tensor:
    if f"{block}.downsample.0.weight" not in state:
        return x
    return _norm(F.conv2d(x, state[f"{block}.downsample.0.weight"], stride=stride), state, f"{block}.downsample.1")


def _lips_twin(pictures: Tensor, state: State) -> Tensor:
    """Conv3d, then ResNet-18 with swish (mpc001's Conv3dResNet), frame by frame."""
    start = "encoder.frontend.frontend3D"
    x = (pictures[None, None, :, 4:92, 4:92] - 0.421) / 0.165
    x = F.silu(_norm(F.conv3d(x, state[f"{start}.0.weight"], stride=(1, 2, 2), padding=(2, 3, 3)), state, f"{start}.1"))
    x = F.max_pool2d(x[0].transpose(0, 1), 3, 2, 1)
    for stage in range(1, 5):
        for place in range(2):
            block, stride = f"encoder.frontend.trunk.layer{stage}.{place}", 2 if stage > 1 and place == 0 else 1
            y = F.conv2d(x, state[f"{block}.conv1.weight"], stride=stride, padding=1)
            y = F.conv2d(F.silu(_norm(y, state, f"{block}.bn1")), state[f"{block}.conv2.weight"], padding=1)
            x = F.silu(_norm(y, state, f"{block}.bn2") + _shortcut(x, state, block, stride))
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def _face_twin(pictures: Tensor, state: State) -> Tensor:
    """The ResNet-50 of VGGFace2 (DECA's frnet), frame by frame."""
    x = torch.stack([pictures] * 3, dim=1)
    x = F.relu(_norm(F.conv2d(x, state["backbone.conv1.weight"], stride=2, padding=3), state, "backbone.bn1"))
    x = F.max_pool2d(x, 3, 2, 0, ceil_mode=True)
    for stage, count in enumerate((3, 4, 6, 3), start=1):
        for place in range(count):
            block, stride = f"backbone.layer{stage}.{place}", 2 if stage > 1 and place == 0 else 1
            y = F.relu(_norm(F.conv2d(x, state[f"{block}.conv1.weight"], stride=stride), state, f"{block}.bn1"))
            y = F.relu(_norm(F.conv2d(y, state[f"{block}.conv2.weight"], padding=1), state, f"{block}.bn2"))
            y = _norm(F.conv2d(y, state[f"{block}.conv3.weight"]), state, f"{block}.bn3")
            x = F.relu(y + _shortcut(x, state, block, stride))
    return F.avg_pool2d(x, 7, 1).flatten(1)


def _video_twin(features: Tensor, state: State) -> Tensor:
    """The pooled feature of a sequence of features of faces."""
    state = {key.removeprefix("sequence_encoder."): value for key, value in state.items()}
    layer = nn.TransformerEncoderLayer(_D, _HEADS, 12, dropout=0.0, activation="gelu", batch_first=True)
    prefix = "transformer_encoder.encoder.layers.0."
    layer.load_state_dict({key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)})
    x = F.linear(features, state["transformer_encoder.bottleneck.weight"], state["transformer_encoder.bottleneck.bias"])
    first = layer(x[None])[0, 0]
    return torch.tanh(F.linear(first, state["pooler.dense.weight"], state["pooler.dense.bias"]))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_published_lip_reader_reads_as_published(suffix: str, lips: State, tmp_path: Path):
    file = tmp_path / f"model{suffix}"
    save_file(lips, file) if suffix == ".safetensors" else torch.save(lips, file)
    assert import_lip_reader(file, tmp_path / "lips").ignored == {"ctc": 1}
    reader = choose_lip_reader(tmp_path / "lips")
    pictures = _pictures(2, 5, 96, 96)
    with torch.no_grad():
        read = reader.read(pictures)
        assert torch.allclose(read[1], _lips_twin(pictures[1], lips), atol=1e-5 * float(read.std()))
    assert reader.sight == "mouth"
    assert directions_apart(read[0], read[1]).mean() > 0.02, "other pictures, other features"


@pytest.mark.parametrize("kind", ["folders", "one safetensors"])
def test_the_published_emotion_network_feels_as_published(kind: str, face: State, video: State, tmp_path: Path):
    if kind == "folders":
        for name, state in (("ResNet50", face), ("Video", video)):
            (tmp_path / name / "checkpoints").mkdir(parents=True)
            torch.save({"state_dict": state, "epoch": 1}, tmp_path / name / "checkpoints" / "last.ckpt")
        encoder = {"activation": "gelu", "nhead": _HEADS, "positional_encoding": {"type": "none"}}
        (tmp_path / "Video" / "cfg.yaml").write_text(
            yaml.safe_dump({"model": {"sequence_encoder": {"encoder": encoder}}})
        )
        import_emotion_net(tmp_path / "Video", tmp_path / "out", tmp_path / "ResNet50")
    else:
        save_file(face | video, tmp_path / "emotion.safetensors")
        import_emotion_net(tmp_path / "emotion.safetensors", tmp_path / "out")
    net = choose_emotion_net(tmp_path / "out")
    pictures, valid = _pictures(2, 4, 224, 224), torch.tensor([[True] * 4, [False, True, True, False]])
    with torch.no_grad():
        felt = net.feel(pictures, valid)
        for row, shown in ((0, slice(0, 4)), (1, slice(1, 3))):
            expected = _video_twin(_face_twin(pictures[row, shown], face), video)
            assert torch.allclose(felt[row], expected, atol=1e-5)
    assert net.sight == "face"
    assert directions_apart(felt[0], felt[1]) > 1e-3, "other pictures, other features"


@pytest.mark.parametrize("case", ["no backbone", "other network", "another shape", "encoding", "pickle", "torchscript"])
def test_other_networks_are_refused_in_one_line(case: str, face: State, video: State, lips: State, tmp_path: Path):
    file, features = tmp_path / "net.safetensors", None
    state = dict(video) if case == "no backbone" else face | video
    if case == "another shape":
        state["backbone.layer2.0.conv2.weight"] = torch.zeros(8, 8, 1, 1)
    save_file(state, file)
    if case == "encoding":
        (tmp_path / "cfg.yaml").write_text("model: {sequence_encoder: {encoder: {positional_encoding: {type: Sinus}}}}")
    elif case == "pickle":
        features = tmp_path / "resnet.ckpt"
        torch.save({"state_dict": face, "x": Bomb(tmp_path / "ran")}, features)
    with pytest.raises(Emote3DError) as error:
        if case == "other network":
            import_lip_reader(file, tmp_path / "out")
        elif case == "torchscript":
            choose_lip_reader(file)
        else:
            import_emotion_net(file, tmp_path / "out", features)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists() and not (tmp_path / "ran").exists()


def test_the_verb_imports_and_says_what_it_left_out(lips: State, tmp_path: Path):
    save_file(lips, tmp_path / "lips.safetensors")
    done = run_here("import-checkpoint", "lip-reader", tmp_path / "lips.safetensors", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "left out 1 tensors ctc.*" in done.stdout + done.stderr and str(tmp_path / "out") in done.stdout
    refused = run_here("import-checkpoint", "flint", tmp_path / "lips.safetensors", "-o", tmp_path / "flint")
    assert refused.returncode == 2 and not (tmp_path / "flint").exists()


def test_stage_2_looks_through_them(lips: State, face: State, video: State, tmp_path: Path):
    save_file(lips, tmp_path / "lips.safetensors")
    save_file(face | video, tmp_path / "emotion.safetensors")
    import_lip_reader(tmp_path / "lips.safetensors", tmp_path / "lips")
    import_emotion_net(tmp_path / "emotion.safetensors", tmp_path / "emotion")
    write_acted(tmp_path / "clips", [acted_clip(index) for index in range(2)])
    data = FaceData(data=tmp_path / "clips", layout="folder")
    machines, frames = Machines(accelerator="cpu"), 2

    def emote(name: str, start: EmoteStart, settings: EmoteTraining) -> Path:
        places = (tmp_path / name, tmp_path / f"{name}-runs")
        assert train_emote(data, start, settings, machines, places, lambda line: None)
        return places[0]

    flint = FlintTraining(steps=1, batch=2, frames=8, d=32, loss_verts=20)
    train_flint(data, flint, machines, tmp_path / "flint", tmp_path / "flint-runs", lambda line: None)
    start = EmoteStart(flint=tmp_path / "flint", wav2vec2=str(write_wav2vec(tmp_path / "wav2vec2")))
    first = emote("one", start, EmoteTraining(steps=1, batch=2, frames=frames, dropout=0.0, loss_verts=20))
    start = EmoteStart(init=first, lip_reader=tmp_path / "lips", emotion_net=tmp_path / "emotion")
    settings = EmoteTraining(stage=2, steps=1, batch=2, frames=frames, vertex_weight=0.0)
    second = emote("two", start, settings)
    with (tmp_path / "two-runs" / "log" / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert all(1e-4 < float(row[name]) < 2 for name in ("lip", "lip_exchanged", "emotion", "emotion_exchanged"))
    before, after = (load_file(folder / "decoder" / "model.safetensors") for folder in (first, second))
    assert not torch.equal(before["style.weight"], after["style.weight"]), "what they see teaches the decoder"
