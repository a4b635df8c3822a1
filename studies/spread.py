"""Tasks over processes: in this one, on a local dask cluster, or on one that is running already."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
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
_SOURCES = ("foundation", "hwmodels", "conversion", "mapper", "simulator", "energy", "studies")
LOOK_SECONDS = 5
ALONE_SECONDS = 30
"""How long to wait for an answer, between looks at the workers, and for a worker where none is left."""
KEEPS_MEMORY = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""What dask sets for workers so that they hand memory back at once. Each large array is then paged in anew, which takes a worker
half as long again; None leaves it as in any process."""
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

    Raises the error of the first task that fails, and InputError for one that killed every worker it was tried on, where no
    worker is left, and where the scheduler has gone.
    """
    from distributed import KilledWorker
    from distributed import wait as wait_for
    from distributed.client import FuturesCancelledError
    from distributed.comm.core import CommClosedError

    futures = client.map(work, tasks, key=list(keys), pure=False)
    waiting, alone_since = set(futures), None
    try:
        while waiting:
            try:
                finished = wait_for(waiting, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                finished = set()
            for future in finished:
                done(future.result())
                future.release()
            waiting -= finished
            alone_since = None if finished or _workers(client) else alone_since or time.monotonic()
            if alone_since is not None and time.monotonic() - alone_since > ALONE_SECONDS:
                raise InputError(
                    f"the cluster has had no worker for {ALONE_SECONDS} s, {len(waiting)} tasks wait: start workers, then give "
                    "the same command again: what is finished is kept"
                )
    except KilledWorker as error:
        raise InputError(
            f"{error.task} died with its worker {error.allowed_failures + 1} times, most likely for want of memory: "
            "give each less to do at once, or take fewer --workers"
        ) from error
    except ModuleNotFoundError as error:  # of a worker that came later
        raise InputError(f"the cluster's workers cannot import {error.name}: install this version of synaptile there") from error
    except (CommClosedError, CancelledError, FuturesCancelledError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, CommClosedError) and client.status == "running":
            raise  # of a task, such as a full disk
        raise InputError(
            f"the scheduler of the cluster has gone ({type(error).__name__}): start it, then give the same command again: what "
            "is finished is kept"
        ) from error
    finally:
        with suppress(Exception):  # of a cluster that is gone
            client.cancel(futures)


def _workers(client: Client) -> Mapping[str, Any]:
    workers: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return workers


def same_version() -> str:
    """What must be equal here and on every worker, or results would mix: this package's version and a digest of its sources."""
    digest = hashlib.blake2b(digest_size=4)
    root = Path(__file__).resolve().parents[1]
    for file in sorted(path for folder in _SOURCES for path in (root / folder).rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{version('synaptile')} ({digest.hexdigest()})"


def _check_versions(client: Client, address: str) -> None:
    """Raises InputError for workers without this package, or with another version of it."""
    try:
        there: dict[str, str] = client.run(same_version)
    except Exception as error:  # dask hands on the error of a worker that cannot read it as a bare Exception
        raise InputError(
            f"workers at {address!r} cannot run synaptile ({type(error).__name__}: {error}): install this version there"
        ) from error
    other = {found for found in there.values() if found != same_version()}
    if other:
        raise InputError(
            f"workers at {address!r} run synaptile {', '.join(sorted(other))}, this is {same_version()}: install one on all"
        )


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """A client of a new cluster of `workers` processes on this machine, reached over the loopback interface only."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({KEEPS_MEMORY: None}),
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
    """A client of the cluster whose scheduler answers at `address`; what dask logs of a cluster that goes is left out.

    Raises InputError where none does, where something else does, or where it has no workers of this version.
    """
    from distributed.utils import silence_logging_cmgr

    client = _connected(address)
    with silence_logging_cmgr(logging.CRITICAL), silence_logging_cmgr(logging.CRITICAL, "distributed.client"):
        try:
            if not _workers(client):
                raise InputError(f"the scheduler at {address!r} has no workers: start some with `dask worker {address}`")
            _check_versions(client, address)
            yield client
        finally:
            with suppress(Exception):  # of a cluster that is gone
                client.close(timeout=LOOK_SECONDS)


def _connected(address: str) -> Client:
    """A client, made beside this thread: what listens there may be no scheduler, and say nothing or anything."""
    from distributed import Client

    made: list[Client | BaseException] = []

    def connect() -> None:
        try:
            made.append(Client(address, timeout=CONNECT_SECONDS))
        except BaseException as error:  # an HTTP server's answer reads as a message of 3 EiB: any error may come
            made.append(error)

    beside = threading.Thread(target=connect, daemon=True)
    beside.start()
    beside.join(CONNECT_SECONDS + LOOK_SECONDS)
    answer = made[0] if made else TimeoutError(f"it said nothing for {CONNECT_SECONDS} s")
    if isinstance(answer, BaseException):
        why = str(answer).strip().splitlines()[0][:200] if str(answer).strip() else type(answer).__name__
        raise InputError(f"no dask scheduler answers at {address!r} ({why}): start one with `dask scheduler`") from answer
    return answer


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
