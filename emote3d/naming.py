"""Finds ARKit's shapes under the spellings that tools give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from emote3d.names import ARKIT_52


def plain_name(name: str) -> str:
    """A name without what spellings differ in: `Head.eyeBlink_L`, `EyeBlinkLeft` and `eye blink left` become alike."""
    name = name.rsplit(".", 1)[-1] if re.fullmatch(r".*\.[^\W\d]\w{2,}", name) else name
    name = re.sub(r"(?:[_.\- ]|(?<=[a-z]))L$|[_.\- ]l$", "Left", name)
    name = re.sub(r"(?:[_.\- ]|(?<=[a-z]))R$|[_.\- ]r$", "Right", name)
    return re.sub(r"[\W_]", "", name.lower())


ARKIT_INDEX: Final[Mapping[str, int]] = MappingProxyType({name.lower(): i for i, name in enumerate(ARKIT_52)})
"""Index in `ARKIT_52` by `plain_name`."""


def without_number(name: str) -> str:
    """A name without the number that exporters put behind doubled ones: `Head.001`, `Head_06`, `mixamorig:Head_06`."""
    return re.sub(r"[._]\d{1,3}$", "", name)
