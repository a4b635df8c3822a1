"""Tasks over processes: in this one, on a local dask cluster, or on one that is running already."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numba

from synaptile.foundation.errors import InputError
from synaptile.studies.extra import require_study

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")
DoTasks = Callable[[Callable[[Task], Result], Sequence[Task], Sequence[str], Callable[[Result], None]], None]
"""Does tasks, each of a unique key, and tells the result of each as it is finished."""

CONNECT_SECONDS = 20
ONE_AT_A_TIME = threading.Lock()
"""Kernels of one process must not run twice at once, however many tasks a worker is given."""


def run_here(work: Callable[[Task], Result], tasks: Sequence[Task], keys: Sequence[str], done: Callable[[Result], None]) -> None:
    """Do the tasks one after the other in this process."""
    for task in tasks:
        done(work(task))


def run_on(
    client: Client, work: Callable[[Task], Result], tasks: Sequence[Task], keys: Sequence[str], done: Callable[[Result], None]
) -> None:
    """Do the tasks on the workers of a cluster, in any order; a task whose worker dies is given to another.

    Raises the error of the first task that fails, and InputError for one that killed every worker it was tried on.
    """
    from distributed import KilledWorker, as_completed

    futures = client.map(work, tasks, key=list(keys), pure=False)
    try:
        for future in as_completed(futures):
            done(future.result())
            future.release()
    except KilledWorker as error:
        raise InputError(
            f"{error.task} died with its worker {error.allowed_failures + 1} times, most likely for want of memory: "
            "give each less to do at once, or take fewer --workers"
        ) from error
    except ModuleNotFoundError as error:
        raise InputError(f"the cluster's workers cannot import {error.name}: install this version of synaptile there") from error
    finally:
        client.cancel(futures)


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """A client of a new cluster of `workers` processes on this machine, reached over the loopback interface only."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # the scheduler serves its state there, whatever is asked
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def remote_cluster(address: str) -> Iterator[Client]:
    """A client of the cluster whose scheduler answers at `address`. Raises InputError where none does."""
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no dask scheduler answers at {address!r} ({error}): start one with `dask scheduler`") from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise InputError(f"the scheduler at {address!r} has no workers: start some with `dask worker {address}`")
        yield client


@contextmanager
def spread_over(workers: int, scheduler: str | None) -> Iterator[DoTasks[Any, Any]]:
    """How tasks are done: here, by `workers` processes of this machine, or on the cluster at an address."""
    if scheduler is None and workers == 1:
        yield run_here
        return
    with remote_cluster(scheduler) if scheduler else local_cluster(workers) as client:
        yield lambda work, tasks, keys, done: run_on(client, work, tasks, keys, done)


def check_spread(workers: int, scheduler: str | None) -> None:
    """Raises InputError for workers that cannot be, or without the packages that they need."""
    if workers < 1:
        raise InputError(f"--workers is {workers}, needs at least 1")
    if scheduler is not None and workers > 1:
        raise InputError(f"--workers {workers} and --scheduler {scheduler} exclude each other: the cluster has its own workers")
    if scheduler is not None or workers > 1:
        require_study("distributed", "--scheduler" if scheduler else f"--workers {workers}")


def threads_a_worker(workers: int, scheduler: str | None) -> int | None:
    """Threads of the kernels in each of `workers` processes here; None leaves it to the workers of a cluster."""
    return None if scheduler else max(1, _threads() // workers)


def kernel_threads(asked: int | None) -> int:
    """Threads of the kernels: those asked for, as far as this process may use so many; else those of the dask worker."""
    if asked is None:
        from distributed import get_worker

        asked = get_worker().state.nthreads
    return max(1, min(asked, _threads()))


def _threads() -> int:
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set when numba is imported
