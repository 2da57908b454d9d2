import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from emote3d.cli import main


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[str]], None]]:
    """`emote3d` in this process, with one thread as in the others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(arguments: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["emote3d", *arguments])
        main()

    yield run
    torch.set_num_threads(threads)
