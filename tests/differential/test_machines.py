"""Is differential coding the same on every machine, and counted, scheduled, traced, shown and drawn as any other network?"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.graph import DifferentialNeurons
from synaptile.energy import EnergyReport, price
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dram, Memories
from synaptile.mapper import map_graph
from synaptile.report.page import page_text
from synaptile.report.trace import write_trace
from synaptile.report.trace.parquet import read_tables
from synaptile.simulator import Activity, execute, schedule, synthesise
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


@lru_cache
def report(name: str) -> EnergyReport:
    """Executed = scheduled = priced is checked on the way."""
    return price(run(name), MACHINES[name], timeline=schedule(run(name), images=IMAGES))


@pytest.mark.parametrize("name", list(MACHINES)[1:])
def test_a_run_seen_on_another_machine_is_the_run_executed_there(name: str) -> None:
    before, found = run("step-major"), run(name)
    assert (found.program.phases > 1) == ("phases" in name)
    same_run(rebased(before, found.program), found)
    for site, fetched in rebased(before, found.program).fetches.items():
        np.testing.assert_array_equal(fetched.rows, found.fetches[site].rows, err_msg=site)
    assert first_steps(found, 2).logits.tobytes() == found.logits[:2].tobytes()


@pytest.mark.parametrize("name", ["layer-major", "layer-major, phases"])
def test_what_is_traced_is_what_is_scheduled_and_priced(name: str, tmp_path: Path) -> None:
    bill = report(name)
    assert bill.timeline is not None
    tables = read_tables(write_trace(bill.timeline, tmp_path / "tables", "parquet"))
    assert tables["jobs"].to_table().num_rows == bill.timeline.jobs.start_cycles.size
    assert ("phases" in tables) == ("phases" in name)
    assert write_trace(bill.timeline, tmp_path / "trace", level="aggregate").stat().st_size > 0
    assert "threshold read" in {line.role for line in bill.lines(accounting="memory")}


def test_its_page_shows_its_sites_and_its_steps() -> None:
    text = page_text(report("layer-major, phases"), np.array([0, 1]), ann_accuracy=0.5)
    assert "vit" in text and "</html>" in text


def test_drawn_spikes_cost_what_executed_ones_of_their_number_do() -> None:
    """Every neuron fires at every step: what follows from spikes alone is known in closed form."""
    program = run("layer-major").program
    drawn = synthesise(program, STEPS, 1.0, images=1, keep_spikes=1)
    for site in GRAPH.of_type(DifferentialNeurons):
        assert drawn.spikes[site.name].events.sum() == STEPS * site.size
    table = drawn.operations
    resets = int(table.count[table.role == table.roles.index("soft reset")].sum())
    assert resets == STEPS * sum(site.size for site in GRAPH.of_type(DifferentialNeurons))
    assert price(drawn, program.chip, timeline=schedule(drawn)).ratio("static") > 0
