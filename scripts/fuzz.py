"""Feeds damaged files to every reader: each must accept them or raise Emote3DError in one line, in 5 s and 1 GB, and run nothing.

    PYTHONPATH=. python scripts/fuzz.py --inputs 10000 [--readers audio,motion,...] [--seed 0] [--keep FOLDER]

Inputs are good files, changed blindly or inside of their format: hashes, checksums and lengths are made right again, so that the damage
reaches the parser (`fuzzing/`). They are read in child processes of bounded memory, under an audit hook that notices a process or a
connection being opened. What fails is kept in `--keep`.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fuzzing.seeds import Case, readers

from emote3d.errors import Emote3DError

TIME_LIMIT_S, MEMORY_LIMIT_BYTES = 5, 1 << 30
ADDRESS_LIMIT_BYTES = 4 << 30
"""What a child may ask for at all; what it really took is measured after every input."""
LONGEST_MESSAGE = 2000
BATCH = 200
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")


class _TooSlow(BaseException):
    pass


def _alarm(*_: object) -> None:
    raise _TooSlow


def _watch(event: str, _arguments: object) -> None:
    if event.startswith(FORBIDDEN):
        os.write(2, f"a reader caused {event}\n".encode())
        os._exit(66)


def _peak_bytes() -> int:
    """Most memory in use since `_forget_peak`."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def _forget_peak() -> int:
    """Begin to measure anew; the memory in use."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one(case: Case, path: Path) -> str | None:
    """Read one file; what went wrong, or None."""
    before, in_use = set(path.parent.rglob("*")), _forget_peak()
    signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT_S)  # processor time: other work on the machine does not count
    try:
        case.read(path)
    except Emote3DError as error:
        if "\n" in str(error):
            return f"a message of several lines: {error}"
        if len(str(error)) > LONGEST_MESSAGE:
            return f"a message of {len(str(error))} characters: {str(error)[:80]}"
    except _TooSlow:
        return f"more than {TIME_LIMIT_S} s"
    except Exception as error:  # everything else is what this script looks for
        return f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if _peak_bytes() - in_use > MEMORY_LIMIT_BYTES:
        return f"{(_peak_bytes() - in_use) >> 20} MB of memory"
    return None if set(path.parent.rglob("*")) == before else "left a file behind"


def batch(cases: Sequence[Case], first: int, count: int, seed: int, folder: Path) -> dict[int, str]:
    """Run some inputs in a child process; failures by number."""
    log = folder.parent / f"{folder.name}.log"
    log.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        try:
            _child(cases, range(first, first + count), seed, folder, log)
        finally:
            os._exit(1)
    status = _watched(child, log)
    lines = [line.split("\t", 1) for line in log.read_text(encoding="utf-8").splitlines()]
    log.unlink()
    failures = {int(number): problem[0] for number, *problem in lines if problem}
    if status != 0:
        failures[int(lines[-1][0]) if lines else first] = f"the process ended with status {status}"
    return failures


def _child(cases: Sequence[Case], numbers: range, seed: int, folder: Path, log: Path) -> None:
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    in_use = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ADDRESS_LIMIT_BYTES, in_use + ADDRESS_LIMIT_BYTES))
    signal.signal(signal.SIGPROF, _alarm)
    sys.addaudithook(_watch)
    with log.open("a", encoding="utf-8", buffering=1) as file:
        for number in numbers:
            case = cases[number % len(cases)]
            path = folder / f"input{case.suffix}"
            path.write_bytes(case.damaged(np.random.default_rng([seed, number])))
            file.write(f"{number}\n")
            if (problem := one(case, path)) is not None:
                file.write(f"{number}\t{problem.splitlines()[0]}\n")
            path.unlink()
    os._exit(0)


def _watched(child: int, log: Path) -> int:
    """Wait for a child; kill it where one input keeps it for 4 times the limit inside of a library, or asleep."""
    seen, began, used = -1, time.monotonic(), 0.0
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        time.sleep(0.02)
        if (size := log.stat().st_size) != seen:
            seen, began, used = size, time.monotonic(), _processor_s(child)
        elif _processor_s(child) - used > 4 * TIME_LIMIT_S or time.monotonic() - began > 400 * TIME_LIMIT_S:
            os.kill(child, signal.SIGKILL)
    return ended[1]


def _processor_s(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(
    inputs: int, names: list[str], seed: int, keep: Path | None = None
) -> dict[str, tuple[int, float, dict[int, str]]]:
    """Share inputs between readers in proportion to their kinds of files; inputs, seconds and failures of each."""
    results: dict[str, tuple[int, float, dict[int, str]]] = {}
    every = readers()
    chosen = names or list(every)
    share = inputs / sum(len(every[name]) for name in chosen)
    for name in chosen:
        total, found, began = max(1, round(share * len(every[name]))), {}, time.monotonic()
        number = 0
        with tempfile.TemporaryDirectory() as folder:
            (inside := Path(folder) / "in").mkdir()
            while number < total:
                count = min(BATCH, total - number)
                new = batch(every[name], number, count, seed, inside)
                crashed = [at for at, problem in new.items() if problem.startswith("the process ended")]
                found |= new
                number = crashed[0] + 1 if crashed else number + count
        results[name] = total, time.monotonic() - began, found
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for at in found:
                case = every[name][at % len(every[name])]
                (keep / f"{name}-{at}{case.suffix}").write_bytes(case.damaged(np.random.default_rng([seed, at])))
    return results


def main() -> int:
    """Run and print a line a reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--readers", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # a forked child would wait for threads that it does not have
    names = [name for name in arguments.readers.split(",") if name]
    results = fuzz(arguments.inputs, names, arguments.seed, arguments.keep)
    for name, (inputs, seconds, found) in results.items():
        print(f"{name:10s} {inputs:6d} inputs {seconds:6.1f} s {len(found):4d} failures")
        for number, problem in list(found.items())[:12]:
            print(f"   {number}: {problem}")
    total = sum(len(found) for _, _, found in results.values())
    print(f"{total} failures in {sum(seconds for _, seconds, _ in results.values()):.0f} s")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
