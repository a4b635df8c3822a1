"""Is differential coding the same on every machine, and counted alike whether it is executed there or seen from another?"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dram, Memories
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.rebase import first_steps, rebased
from tests.differential.networks import differential_vit
from tests.energy.test_dataflow import IMAGES, STEPS, machine
from tests.simulator.runs import some_images
from tests.sweep.test_rebase import same_run

GRAPH = differential_vit(1, dtype="float32")
DRAM = Memories(dram=Dram(pj_per_bit=8.0, gbit_per_s=1.0, latency_ns=10.0))


def streamed(chip: Chip) -> Chip:
    """On two tiles, weights from outside."""
    return replace(chip, mesh=replace(chip.mesh, width=2, height=1), weights="streamed", memories=DRAM)


MACHINES = {
    "step-major": machine("step_major", block=2),
    "layer-major": machine(block=2, batch=3),
    "layer-major, phases": streamed(machine(block=2, batch=2)),
    "step-major, phases": streamed(machine("step_major")),
}


@lru_cache
def run(name: str) -> Activity:
    """int8, in which sums are the same whatever their order."""
    program = map_graph(GRAPH, MACHINES[name], placement="row_major")
    return execute(program, some_images(GRAPH, IMAGES), STEPS, "int8", keep_spikes=IMAGES)


@pytest.mark.parametrize("name", list(MACHINES)[1:])
def test_a_run_seen_on_another_machine_is_the_run_executed_there(name: str) -> None:
    before, found = run("step-major"), run(name)
    assert (found.program.phases > 1) == ("phases" in name)
    same_run(rebased(before, found.program), found)
    for site, fetched in rebased(before, found.program).fetches.items():
        np.testing.assert_array_equal(fetched.rows, found.fetches[site].rows, err_msg=site)
    assert first_steps(found, 2).logits.tobytes() == found.logits[:2].tobytes()
