"""The verbs that serve, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def listening(verb: str, *options: str) -> Iterator[str]:
    """`emote3d view` or `serve` on a free port; gives its address, and ends it as a service is ended."""
    command = [sys.executable, "-m", "emote3d", verb, "--port", "0", "--json", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    ) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()
            assert server.wait(20) == 0
