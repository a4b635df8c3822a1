"""Is a run the same on one thread and on two, in every number format? Runs in a process of its own where this one has one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from numba import get_num_threads

from synaptile.mapper import map_graph
from synaptile.simulator import execute
from synaptile.simulator.activity import OperationTable
from synaptile.simulator.event.record import Recorder
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, THREADS, execute_keeping_spikes, some_images

ROOT = Path(__file__).resolve().parents[2]
ALONE = THREADS < 2


@pytest.mark.two_threads
@pytest.mark.skipif(ALONE, reason="this process has one thread; run again below in one that has two")
@pytest.mark.parametrize("numeric", ["int8", "float32", "float64"])
def test_two_threads_give_what_one_gives(numeric: str) -> None:
    graph = vit_graph(2, 10, 24, 3, 40, 5)
    program, images = map_graph(graph, CHIPS["splitting"](), anneal_moves=50), some_images(graph, 3)
    (one, one_spikes), (two, two_spikes) = (
        execute_keeping_spikes(program, images, 5, numeric, threads=threads) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.logits, two.logits)
    for site, values in one_spikes.items():
        np.testing.assert_array_equal(values, two_spikes[site])
        np.testing.assert_array_equal(one.spikes[site].events, two.spikes[site].events)
        np.testing.assert_array_equal(one.spikes[site].histogram, two.spikes[site].histogram)
    for field in fields(OperationTable):
        np.testing.assert_array_equal(getattr(one.operations, field.name), getattr(two.operations, field.name))
    np.testing.assert_array_equal(one.accounting.released, two.accounting.released)
    assert (one.provenance["threads"], two.provenance["threads"]) == (1, 2)


@pytest.mark.two_threads
@pytest.mark.skipif(ALONE, reason="as above")
def test_a_run_leaves_the_number_of_threads_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = vit_graph(1, 5, 8, 2, 16, 3)
    program, images = map_graph(graph, CHIPS["roomy"](), anneal_moves=50), some_images(graph, 1)
    before = get_num_threads()
    execute_keeping_spikes(program, images, 1, "float32", threads=1)
    assert get_num_threads() == before > 1
    monkeypatch.setattr(Recorder, "record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        execute(program, images, 1, threads=1)
    assert get_num_threads() == before


@pytest.mark.slow
@pytest.mark.skipif(not ALONE, reason="this process has two threads: the tests above ran here")
def test_in_a_process_of_two_threads() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "two_threads", __file__]
    environment = os.environ | {"NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout + done.stderr  # 5 where none was found
