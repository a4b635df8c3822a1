"""Batches over processes: in this one, on a local dask cluster, or on one that is running already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foundation.errors import InputError
from synaptile.dataset.measure import BatchTask, run_batch

if TYPE_CHECKING:
    from distributed import Client

Work = Callable[[BatchTask], int]
Done = Callable[[int], None]
"""Told the number of each batch as it is finished."""

CONNECT_SECONDS = 20


def run_here(tasks: Sequence[BatchTask], done: Done) -> None:
    """Do the batches one after the other in this process."""
    for task in tasks:
        done(run_batch(task))


def run_on(client: Client, tasks: Sequence[BatchTask], done: Done, work: Work = run_batch) -> None:
    """Do the batches on the workers of a cluster, in any order; a batch whose worker dies is given to another.

    Raises the error of the first batch that fails, and InputError for one that killed every worker it was tried on.
    """
    from distributed import KilledWorker, as_completed

    keys = [f"batch-{task.number}-{task.settings_digest}" for task in tasks]
    futures = client.map(work, tasks, key=keys, pure=False)
    try:
        for future in as_completed(futures):
            done(future.result())
    except KilledWorker as error:
        raise InputError(
            f"{error.task} died with its worker {error.allowed_failures + 1} times, most likely for want of memory: "
            "lower --batch or --workers"
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
