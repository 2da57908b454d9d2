"""Where the lines of a manifest are worked on: processes of this machine, or a Ray cluster. Both give the same files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from emote3d.batch.manifest import Job
from emote3d.batch.work import Outcome, work
from emote3d.errors import Emote3DError
from emote3d.files import discard_unfinished

_ATTEMPTS = 3
_WAITING_PER_WORKER = 2
_UNTOLD = "ignore::UserWarning:multiprocessing.resource_tracker"
"""Ctrl-C says one line: what is tidied up after it is not told."""


def by_processes(jobs: Iterable[Job], workers: int) -> Iterator[Outcome]:
    """Work in processes; gives outcomes as they come.

    A worker that dies takes its pool along: what was going on is then done over again, line by line in a process of its own, so that
    a line that kills its worker fails alone.
    """
    waiting = iter(jobs)
    while True:
        suspects: list[Job] = []
        yield from _pool(waiting, workers, suspects)
        if not suspects:
            return
        for job in suspects:
            yield _alone(job)


def _pool(waiting: Iterator[Job], workers: int, suspects: list[Job]) -> Iterator[Outcome]:
    """Run one pool until nothing waits or it breaks; what was going on then is left in `suspects`."""
    with _processes(workers) as pool:
        going: dict[Future[Outcome], Job] = {}
        while True:
            room = 0 if suspects else _WAITING_PER_WORKER * workers - len(going)
            for job in islice(waiting, room):
                try:
                    going[pool.submit(work, job)] = job
                except BrokenProcessPool:
                    suspects.append(job)
                    break
            if not going:
                return
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                job = going.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(job)


def _processes(workers: int) -> ProcessPoolExecutor:
    told = os.environ.get("PYTHONWARNINGS", "")
    if _UNTOLD not in told:
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [told, _UNTOLD]))
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """A worker leaves Ctrl-C to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    parent.join()
    discard_unfinished()
    os._exit(1)


def _alone(job: Job) -> Outcome:
    """A line in a process of its own, tried several times."""
    for _ in range(_ATTEMPTS):
        with _processes(1) as pool:
            try:
                return pool.submit(work, job).result()
            except BrokenProcessPool:
                continue
    return Outcome(id=job.id, error=f"its worker was killed {_ATTEMPTS} times (memory?)")


def by_ray(jobs: Iterable[Job], workers: int) -> Iterator[Outcome]:
    """Work on a Ray cluster: the one of RAY_ADDRESS, else one on this machine. Folders must be shared by its machines.

    Raises:
        Emote3DError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError as error:
        raise Emote3DError("--engine ray needs Ray: pip install 'emote3d[ray]'") from error
    try:
        here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="error", **here)  # pyright: ignore[reportArgumentType]
    except (ConnectionError, RuntimeError) as error:
        raise Emote3DError(f"no Ray cluster: {error}") from error
    remote = ray.remote(num_cpus=1, max_retries=_ATTEMPTS)(work)
    waiting, going = iter(jobs), {}
    try:
        while True:
            for job in islice(waiting, _WAITING_PER_WORKER * workers - len(going)):
                going[remote.remote(job)] = job
            if not going:
                return
            done, _ = ray.wait(list(going))
            job = going.pop(done[0])
            try:
                yield ray.get(done[0])
            except RayError as error:
                yield Outcome(id=job.id, error=f"its worker was lost: {str(error).splitlines()[0]}")
    finally:
        ray.shutdown()
