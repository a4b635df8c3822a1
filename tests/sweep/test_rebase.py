"""Is a run seen on another mapping, or after fewer steps, the run that would have been executed so?"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.calibrate import calibrate
from synaptile.energy import price
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import Chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.rebase import first_steps, rebased
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.simulator.runs import CHIPS
from tests.text.small_encoders import lowered, sentences

BANKS = {"weight_bank_bits": 512, "state_bank_bits": 512}
IMAGES, STEPS = 2, 3
GRAPH = vit_graph(1, 6, 8, 2, 12, 3, patch=1)


def chip_of(words: int, state_words: int, graded: str = "shift") -> Chip:
    synapse: dict[str, Any] = {"weight_memory_bits": words * 32, "graded_spikes": graded, **BANKS}
    ec: dict[str, Any] = {"state_memory_bits": state_words * 32, "state_bank_bits": 512}
    return replace(small_chip(synapse=synapse, ec=ec), name=f"c{words}-{state_words}")


def run_on(chip: Chip, steps: int = STEPS, **options: Any) -> Activity:
    """int8, in which another mapping fires the same spikes."""
    program = map_graph(GRAPH, chip, placement="row_major", replicas=options.pop("replicas", 1))
    images = np.random.default_rng(1).standard_normal((IMAGES, 3, 1, 5)).astype(np.float32)
    return execute(program, images, steps, "int8", keep_spikes=options.pop("keep_spikes", IMAGES))


def same_run(one: Activity, other: Activity) -> None:
    np.testing.assert_array_equal(one.logits, other.logits)
    for table in ("operations", "accounting"):
        for field in fields(getattr(one, table)):
            np.testing.assert_array_equal(getattr(getattr(one, table), field.name), getattr(getattr(other, table), field.name))
    assert one.spikes.keys() == other.spikes.keys()
    for site, record in one.spikes.items():
        for field in fields(record):
            np.testing.assert_array_equal(getattr(record, field.name), getattr(other.spikes[site], field.name), err_msg=site)
    for node, counts in one.convolutions.items():
        np.testing.assert_array_equal(counts, other.convolutions[node])


BASE = run_on(chip_of(200, 3000))


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([60, 90, 200, 1000]),
    st.sampled_from([500, 900, 3000]),
    st.sampled_from(["shift", "replicate"]),
    st.integers(1, 2),
)
def test_another_mapping_records_what_it_would_have_executed(words: int, state: int, graded: str, replicas: int) -> None:
    chip = chip_of(words * (16 if graded == "replicate" else 1), state, graded)
    there = run_on(chip, replicas=replicas)
    moved = rebased(BASE, there.program)
    same_run(moved, there)
    timeline = schedule(moved, images=IMAGES)
    assert not timeline.remapped
    bills = [price(run, chip, timeline=schedule(run, images=IMAGES)) for run in (moved, there)]
    assert bills[0].ladder() == bills[1].ladder()
    assert moved.provenance["executed_on"] == BASE.program.chip.name


def test_the_same_parts_keep_the_records_as_they_are() -> None:
    faster = replace(BASE.program.chip, clock_mhz=1.0, name="slow")
    moved = rebased(BASE, replace(BASE.program, chip=faster))
    assert moved.operations is BASE.operations and moved.spikes is BASE.spikes and moved.program.chip is faster


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_first_steps_are_those_of_a_shorter_run(steps: int) -> None:
    same_run(first_steps(BASE, steps), run_on(BASE.program.chip, steps))


@pytest.mark.parametrize("steps", [0, 4])
def test_steps_that_were_not_run_are_refused(steps: int) -> None:
    with pytest.raises(InputError, match=f"steps is {steps}, the run has 1 to 3"):
        first_steps(BASE, steps)


def test_another_graph_is_refused() -> None:
    other = map_graph(vit_graph(1, 6, 8, 2, 12, 4, patch=1), BASE.program.chip, placement="row_major")
    with pytest.raises(InputError, match="map the graph that was executed"):
        rebased(BASE, other)


def test_spikes_that_were_not_kept_cannot_be_cut_elsewhere() -> None:
    other = map_graph(GRAPH, chip_of(60, 500), placement="row_major")
    with pytest.raises(InputError, match=r"kept the spikes of 1 images.*keep_spikes=2"):
        rebased(run_on(BASE.program.chip, keep_spikes=1), other)


def test_damaged_spikes_are_found() -> None:
    spikes = {}
    for site, record in BASE.spikes.items():
        assert record.masks is not None
        spikes[site] = replace(record, masks=record.masks ^ np.uint8(0b10000000))
    damaged = replace(BASE, spikes=spikes)
    other = map_graph(GRAPH, chip_of(60, 500), placement="row_major")
    with pytest.raises(ConservationError, match="not those that were counted"):
        rebased(damaged, other)


@pytest.mark.parametrize("chip", list(CHIPS))
def test_sentences_are_recounted_at_their_own_lengths(chip: str) -> None:
    graph, batch = calibrate(lowered(), sentences([2, 6, 3], width=6)), sentences([2, 6, 1, 3], width=6)
    own, other = (map_graph(graph, CHIPS[name](), anneal_moves=5) for name in ("roomy", chip))
    run, expected = (execute(program, batch, STEPS, "int8", keep_spikes=4) for program in (own, other))
    same_run(rebased(run, other), expected)
