"""An EMOTE checkpoint with its FLAME inside drives the open avatar without a FLAME file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction
from emote3d.body import BodyModel, open_avatar
from emote3d.errors import Emote3DError
from emote3d.official.emote import import_emote
from emote3d.official.lightning_file import read_state
from emote3d.pipeline import Emote3D
from emote3d.retarget import RetargetMap, choose_source, suited

from .synthetic import Truth

PARITY = Path(__file__).parents[3] / "shared" / "parity" / "emote" / "v2"
pytestmark = pytest.mark.skipif(not PARITY.is_dir(), reason="no parity fixtures beside the checkout")


def _checkpoint_with(path: Path, folder: Path) -> Path:
    """The fixture's checkpoint with another FLAME inside, in the buffers that inferno registers."""
    state = read_state(PARITY / "EMOTE_v2" / "checkpoints" / "last.ckpt")
    members = np.load(path)
    verts = len(members["v_template"])
    baked = {
        "v_template": members["v_template"],
        "shapedirs": members["shapedirs"],
        "posedirs": members["posedirs"].reshape(3 * verts, -1).T,
        "J_regressor": members["J_regressor"],
        "lbs_weights": members["weights"],
        "faces_tensor": members["f"].astype(np.int64),
        "parents": members["kintree_table"][0].astype(np.int64),
        "lmk_faces_idx": members["lmk_faces_idx"][17:].astype(np.int64),
        "lmk_bary_coords": members["lmk_bary_coords"][17:],
        "dynamic_lmk_faces_idx": np.repeat(members["lmk_faces_idx"][None, :17].astype(np.int64), 79, axis=0),
        "dynamic_lmk_bary_coords": np.repeat(members["lmk_bary_coords"][None, :17], 79, axis=0),
    }
    state = {key: value for key, value in state.items() if not key.startswith("sequence_decoder.flame.")}
    for key, value in baked.items():
        tensor = torch.from_numpy(np.ascontiguousarray(value))
        state[f"sequence_decoder.flame.{key}"] = tensor.float() if tensor.is_floating_point() else tensor
    file = folder / "EMOTE_v2" / "checkpoints" / "last.ckpt"
    file.parent.mkdir(parents=True)
    torch.save({"state_dict": state, "epoch": 1}, file)
    for name in ("EMOTE_v2/cfg.yaml", "wav2vec2/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((PARITY / name).read_bytes())
    return file.parents[1]


def test_the_flame_inside_makes_the_map_and_is_not_kept(
    truth: Truth, model: BodyModel, built: RetargetMap, tmp_path: Path
):
    done = import_emote(_checkpoint_with(truth.path, tmp_path), tmp_path / "out")
    assert "map from its FLAME" in done.notes[0]
    kept = choose_source(str(tmp_path / "out"))
    assert isinstance(kept, RetargetMap)
    assert np.allclose(kept.matrix, built.matrix, atol=1e-3)
    assert (tmp_path / "out" / "retarget.npz").stat().st_size < 200_000
    engine = Emote3D.from_pretrained(tmp_path / "out")
    waveform = 0.1 * np.random.default_rng(0).normal(size=16000).astype(np.float32)
    motion = engine.animate((waveform, 16000), Direction(emotion="happy"), fps=25, body=False)
    open_motion = suited(motion, open_avatar(), engine.retarget)
    through_file = suited(motion, open_avatar(), model)
    assert motion.face is not None and open_motion.face is not None and through_file.face is not None
    assert (motion.face.basis, open_motion.face.basis) == ("flame2020", "arkit52")
    assert torch.allclose(open_motion.face.expression, through_file.face.expression, atol=1e-2)
    assert open_motion.face.expression.amax() > 0.05


def test_a_flame_that_is_no_head_makes_no_map(tmp_path: Path):
    done = import_emote(PARITY / "EMOTE_v2", tmp_path / "out")
    assert "no map" in done.notes[0] and "\n" not in done.notes[0]
    assert Emote3D.from_pretrained(tmp_path / "out").retarget is None
    with pytest.raises(Emote3DError, match="retarget map"):
        choose_source(str(tmp_path / "out"))
    (tmp_path / "out" / "retarget.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(Emote3DError, match="import the checkpoint again"):
        choose_source(str(tmp_path / "out"))
