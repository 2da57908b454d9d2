import json
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from emote3d.checkpoint import load_component, load_config, read_manifest, save_component
from emote3d.errors import Emote3DError


@dataclass(frozen=True)
class HeadConfig:
    width: int
    activation: Literal["gelu", "relu"] = "gelu"


@dataclass(frozen=True)
class NetConfig:
    width: int
    rate: float
    names: tuple[str, ...]
    head: HeadConfig
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width {self.width} is below 1")


class Net(nn.Module):
    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(config.width, config.head.width)
        self.norm = nn.BatchNorm1d(config.head.width)


class Other(nn.Module):
    def __init__(self, config: NetConfig) -> None:
        super().__init__()


CONFIG = NetConfig(width=3, rate=30.0, names=("a", "b"), head=HeadConfig(width=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_component(tmp_path / "net", Net(CONFIG), CONFIG, {"licence": "Apache-2.0", "metrics": {"loss": 0.5}})
    return tmp_path / "net"


def test_a_curve_stands_on_one_line(tmp_path: Path):
    curve = {"loss": [1.0, -2.5e-07, 3], "names": ["[1,  2]", "b"]}
    save_component(tmp_path / "net", Net(CONFIG), CONFIG, {"curve": curve})
    assert read_manifest(tmp_path / "net")["curve"] == curve
    assert '"loss": [1.0, -2.5e-07, 3],' in (tmp_path / "net" / "manifest.json").read_text()


def edit(path: Path, **values: object) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in (content | values).items() if value != "drop"}))


def refuse(folder: Path, *says: str) -> None:
    with pytest.raises(Emote3DError) as caught:
        load_component(folder, Net, NetConfig)
    message = str(caught.value)
    assert "\n" not in message and all(one in message for one in says), message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_round_trip(tmp_path: Path, dtype: torch.dtype) -> None:
    net = Net(CONFIG)
    save_component(tmp_path / "net", net, CONFIG, {"data": ["x"]}, dtype=dtype)
    loaded = load_component(tmp_path / "net", Net, NetConfig)
    assert loaded.config == CONFIG and not loaded.training
    assert load_config(tmp_path / "net", NetConfig) == CONFIG
    for name, tensor in net.state_dict().items():
        got = loaded.state_dict()[name]
        assert got.dtype == tensor.dtype
        assert torch.equal(got, tensor.to(dtype).to(tensor.dtype) if tensor.is_floating_point() else tensor)
    manifest = read_manifest(tmp_path / "net")
    assert manifest["class"] == "Net" and manifest["data"] == ["x"] and len(manifest["sha256"]) == 64


def test_same_module_same_bytes(folder: Path, tmp_path: Path) -> None:
    net = load_component(folder, Net, NetConfig)
    save_component(tmp_path / "again", net, CONFIG, {"licence": "Apache-2.0", "metrics": {"loss": 0.5}})
    for name in ("config.json", "model.safetensors", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_missing_folder_and_files(folder: Path, tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "no checkpoint folder")
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    refuse(folder, "config.json, model.safetensors missing")


def test_every_wrong_config_key_is_named(folder: Path) -> None:
    edit(folder / "config.json", width="wide", rate="drop", depth=2, head={"width": 2, "activation": "tanh", "odd": 1})
    refuse(folder, "unknown config key depth", "missing config key rate", "width: expected int, got 'wide'",
           "unknown config key head.odd", "head.activation")  # fmt: skip


def test_config_refuses_its_own_values(folder: Path) -> None:
    edit(folder / "config.json", width=0)
    refuse(folder, "width 0 is below 1")


def test_version_class_and_hash(folder: Path) -> None:
    edit(folder / "manifest.json", sha256="0" * 64)
    refuse(folder, "SHA-256")
    edit(folder / "manifest.json", format_version=2)
    refuse(folder, "format version 2, this program reads 1")
    edit(folder / "manifest.json", format_version=1)
    with pytest.raises(Emote3DError, match="holds a 'Net', expected 'Other'"):
        load_component(folder, Other, NetConfig)


def test_every_wrong_tensor_is_named(tmp_path: Path) -> None:
    net = Net(replace(CONFIG, width=4))
    net.extra = nn.Parameter(torch.zeros(1))
    del net.norm
    save_component(tmp_path / "net", net, CONFIG, {})
    refuse(tmp_path / "net", "missing tensors: norm.bias", "and 1 more", "unexpected tensors: extra",
           "linear.weight is (2, 4) instead of (2, 3)")  # fmt: skip


def test_corrupt_files(folder: Path) -> None:
    weights, rng = (folder / "model.safetensors").read_bytes(), random.Random(0)
    for length in (0, 5, 100, len(weights) - 1):
        (folder / "model.safetensors").write_bytes(weights[:length])
        refuse(folder, "SHA-256")
    for _ in range(20):
        damaged = bytearray(weights)
        damaged[rng.randrange(len(damaged))] ^= 0xFF
        (folder / "model.safetensors").write_bytes(damaged)
        refuse(folder, "SHA-256")
    for bad in (b"", b"{", b"[1]", b"\xff\xfe"):
        (folder / "manifest.json").write_bytes(bad)
        refuse(folder, "manifest.json")


def test_weights_that_are_no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04evil")
    import hashlib

    edit(folder / "manifest.json", sha256=hashlib.sha256(b"\x80\x04evil").hexdigest())
    refuse(folder, "model.safetensors is damaged")


def test_saving_refuses_values_that_do_not_fit(tmp_path: Path) -> None:
    net = Net(CONFIG)
    with torch.no_grad():
        net.linear.weight.fill_(1e6)
    with pytest.raises(Emote3DError, match=r"linear\.weight"):
        save_component(tmp_path / "net", net, CONFIG, {}, dtype=torch.float16)
    assert not list(tmp_path.iterdir())


def test_loading_does_not_load_a_compiler() -> None:
    """PyTorch's stands behind some ways to draw numbers, and costs a second and 77 MB."""
    code = (
        "import sys\nfrom emote3d import Emote3D\nengine = Emote3D.from_pretrained()\n"
        "assert engine.body and engine.face.denoiser\nsys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
