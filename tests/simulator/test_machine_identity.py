"""Are spikes and logits the same, bit for bit, on every dataflow and every cut into phases?"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from synaptile.foundation.options import Numeric
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dataflow, Dram, Memories, Memory, Registers
from synaptile.mapper import map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import Activity, execute
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.simulator.runs import some_images

STEPS, IMAGES = 3, 2
GRAPH = vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=12, classes=3, n=4, patch=1, seed=7)


@lru_cache
def reference(numeric: Numeric) -> Activity:
    """On one board that holds all, step after step, sums in SRAM."""
    return run(small_chip(mesh={"width": 8, "height": 8}), numeric)


def run(chip: Chip, numeric: Numeric) -> Activity:
    program = map_graph(GRAPH, chip, placement="row_major")
    return execute(program, some_images(GRAPH, IMAGES), STEPS, numeric, keep_spikes=IMAGES)


@st.composite
def machines(draw: st.DrawFn) -> Chip:
    """Fan-ins stay whole, as the order of a sum in floating point would follow its cut."""
    side = draw(st.integers(1, 4))
    chip = small_chip(
        mesh={"width": side, "height": draw(st.integers(1, 3)), "max_chips": 1},
        synapse={
            "weight_memory_bits": draw(st.sampled_from([3200, 10**6])),
            "state_memory_bits": draw(st.sampled_from([9600, 10**6])),
        },
        ec={"state_memory_bits": draw(st.sampled_from([40_000, 10**6]))},
    )
    layer_major = draw(st.booleans())
    sums: Any = draw(st.sampled_from(["sram", "registers"]))
    block, batch = draw(st.integers(1, 6)), draw(st.integers(1, STEPS)) if layer_major else 1
    flow = Dataflow("layer_major" if layer_major else "step_major", block, batch, sums, STEPS if layer_major else 1)
    registers = Registers(words=2 * block * batch, update_pj=0.1, um2_per_bit=5.0)
    memories = Memories(
        dram=Dram(pj_per_bit=8.0, gbit_per_s=1.0, latency_ns=10.0),
        event_buffer=Memory(width_bits=64, read_pj=1.0, write_pj=1.0) if draw(st.booleans()) else None,
    )
    assert chip.ec_core is not None
    return replace(
        chip,
        weights=draw(st.sampled_from(["streamed", "resident"])),
        memories=memories,
        synapse_core=replace(chip.synapse_core, dataflow=flow, registers=registers),
        ec_core=replace(chip.ec_core, dataflow=flow, registers=registers),
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(machines(), st.sampled_from(["int8", "float64"]))
def test_no_machine_changes_a_spike_or_a_logit(chip: Chip, numeric: Numeric) -> None:
    try:
        found = run(chip, numeric)
    except DoesNotFit:
        event("does not fit")
        return
    event(f"{chip.synapse_core.dataflow.order}, {'several phases' if found.program.phases > 1 else 'one phase'}")
    before = reference(numeric)
    assert found.logits.tobytes() == before.logits.tobytes()
    for site, record in before.spikes.items():
        masks = found.spikes[site].masks
        assert masks is not None and record.masks is not None and np.array_equal(masks, record.masks), site
        assert np.array_equal(found.spikes[site].histogram, record.histogram), site
