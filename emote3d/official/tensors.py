"""Taking a network's tensors out of a published state_dict: by prefix, renamed, every one accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from emote3d.errors import Emote3DError

State = dict[str, Tensor]
_ATTENTION = (("self_attn.in_proj_", "in_proj."), ("self_attn.out_proj.", "out_proj."))


class Parts:
    """A state_dict from which networks are taken one after the other; what is left at the end is known."""

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        self.name = name
        self._left = dict(state)

    def take(self, prefix: str, renames: Sequence[tuple[str, str]] = ()) -> State:
        """The tensors under a prefix, without it, renamed; raises Emote3DError where there are none."""
        found = {key: self._left.pop(key) for key in list(self._left) if key.startswith(prefix)}
        if not found:
            raise Emote3DError(f"{self.name} has no tensors {prefix}*; it is not a checkpoint of this kind")
        out: State = {}
        for key, value in found.items():
            short = key.removeprefix(prefix)
            for theirs, ours in (*renames, *_ATTENTION):
                short = short.replace(theirs, ours)
            out[short] = value.detach().clone()
        return out

    def drop(self, *prefixes: str) -> None:
        """Forget tensors that are not needed."""
        self._left = {key: value for key, value in self._left.items() if not key.startswith(prefixes)}

    def left(self) -> dict[str, int]:
        """How many tensors are left, by the first word of their names."""
        counts: dict[str, int] = {}
        for key in self._left:
            word = key.split(".", 1)[0]
            counts[word] = counts.get(word, 0) + 1
        return counts

    def left_under(self, *prefixes: str) -> list[str]:
        """Names of what is left under some prefixes."""
        return sorted(key for key in self._left if key.startswith(prefixes))


def size(state: Mapping[str, Tensor], key: str, axis: int, name: str) -> int:
    """Length of an axis of a tensor; raises Emote3DError where it is missing."""
    if key not in state or state[key].ndim <= axis:
        raise Emote3DError(f"{name} has no tensor {key} with {axis + 1} axes; it is damaged or of another kind")
    return state[key].shape[axis]


def count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Number of numbered modules under a prefix."""
    return len({key.removeprefix(prefix).split(".", 1)[0] for key in state if key.startswith(prefix)})


def check_heads(heads: int, d: int, name: str) -> None:
    """Raise Emote3DError where attention heads, which no tensor shows, do not divide a width."""
    if d % heads:
        raise Emote3DError(f"{name}: {heads} attention heads (nhead in cfg.yaml) do not divide a width of {d}")


def fill(module: nn.Module, state: State, name: str) -> None:
    """Load a state strictly.

    Raises:
        Emote3DError: tensors are missing, unknown or of another shape; named.
    """
    expected = module.state_dict()
    problems = [f"{key} is missing" for key in expected.keys() - state.keys()]
    problems += [f"{key} is unknown" for key in state.keys() - expected.keys()]
    problems += [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    ]
    if problems:
        more = f" and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise Emote3DError(f"{name} does not fit its architecture: {'; '.join(sorted(problems)[:4])}{more}")
    module.load_state_dict(state)
