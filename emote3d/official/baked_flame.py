"""The FLAME inside an EMOTE checkpoint: only the map from its coefficients to ARKit's shapes is made of it, nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from emote3d.body.loading import body_model_of
from emote3d.errors import Emote3DError
from emote3d.official.tensors import size
from emote3d.retarget import RetargetMap, build_map

PREFIX = "sequence_decoder.flame."


def baked_map(state: Mapping[str, Tensor], expression: int, name: str) -> RetargetMap:
    """The retarget map of the FLAME whose buffers a checkpoint carries (inferno registers the whole model).

    Args:
        expression: coefficients of the checkpoint; those before them in `shapedirs` are the identity's.

    Raises:
        Emote3DError: the checkpoint has no FLAME, or one that is no head.
    """
    own = {key.removeprefix(PREFIX): value.numpy() for key, value in state.items() if key.startswith(PREFIX)}
    if not own:
        raise Emote3DError(f"{name} has no FLAME inside")
    verts = size(state, f"{PREFIX}v_template", 0, name)
    shapes = size(state, f"{PREFIX}shapedirs", 2, name)
    joints = size(state, f"{PREFIX}J_regressor", 0, name)
    parents = own.get("parents", np.zeros(0, np.int64))
    members = {
        "v_template": own["v_template"],
        "shapedirs": own["shapedirs"],
        "n_shape": np.array(shapes - expression),
        "J_regressor": own["J_regressor"],
        "weights": own.get("lbs_weights", np.zeros(0)),
        "f": own.get("faces_tensor", np.zeros((0, 3), np.int64)),
        "kintree_table": np.stack([parents, np.arange(len(parents))]),
        "posedirs": own.get("posedirs", np.zeros(0)).reshape(9 * (joints - 1), verts, 3).transpose(1, 2, 0),
        **{key: value for key, value in own.items() if "lmk" in key},
    }
    try:
        return build_map(body_model_of(f"the FLAME of {name}", {key: (lambda v=v: v) for key, v in members.items()}))
    except (ValueError, IndexError, np.linalg.LinAlgError, AssertionError) as error:
        raise Emote3DError(f"the FLAME of {name} is no head ({error})") from error
