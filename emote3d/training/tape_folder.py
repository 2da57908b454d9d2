"""A tape on disk: arrays of equal length side by side, written piece by piece in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

_CHUNK = 1 << 16


class TapeWriter:
    """Appends stretches to the float16 arrays of a tape folder; `close` makes them readable."""

    def __init__(self, folder: Path, members: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._members = folder, members
        self._raw = {name: (folder / f"{name}.raw").open("wb") for name in members}
        self._widths: dict[str, int] = {}
        self.starts = [0]

    def add(self, stretch: Mapping[str, np.ndarray]) -> None:
        """Append a stretch: an array [frames, width] for each member."""
        for name in self._members:
            array = np.ascontiguousarray(stretch[name], dtype=np.float16)
            assert array.shape[1] == self._widths.setdefault(name, array.shape[1]), (name, array.shape)
            self._raw[name].write(array.tobytes())
        self.starts.append(self.starts[-1] + len(stretch[self._members[0]]))

    def close(self) -> None:
        """Write `<member>.npy` and `starts.npy`; the first frame of each stretch, then the length of the tape."""
        for name, file in self._raw.items():
            file.close()
            raw = self._folder / f"{name}.raw"
            if self.starts[-1]:
                shape = (self.starts[-1], self._widths[name])
                source = np.memmap(raw, dtype=np.float16, mode="r", shape=shape)
                target = np.lib.format.open_memmap(self._folder / f"{name}.npy", "w+", np.float16, shape)
                for start in range(0, shape[0], _CHUNK):
                    target[start : start + _CHUNK] = source[start : start + _CHUNK]
                target.flush()
            raw.unlink()
        np.save(self._folder / "starts.npy", np.array(self.starts))
