"""Are row fetches what a loop over blocks of spikes counts?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, ProductUnit, Synapse
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dataflow
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.kernels.fetches import count_fetches
from synaptile.simulator.rebase import rebased
from tests.graphs import vit_graph
from tests.simulator.runs import some_images, splitting_chip
from tests.text.small_encoders import lowered, sentences


def by_hand(fired: NDArray[np.bool_], first: int, last: int, block: int, batch: int) -> NDArray[np.int64]:
    """Sets of (block, batch, channel), a fetch at the first step that adds to one."""
    steps, groups, tokens, _ = fired.shape
    counts = np.zeros((steps, groups), np.int64)
    for group in range(groups):
        met: set[tuple[int, int, int]] = set()
        for step in range(steps):
            for token in range(tokens):
                for channel in range(first, last):
                    key = (token // block, step // batch, channel)
                    if fired[step, group, token, channel] and key not in met:
                        met.add(key)
                        counts[step, group] += 1
    return counts


@given(st.data())
def test_fetches_equal_a_count_by_sets(data: st.DataObject) -> None:
    steps, groups, tokens, channels = (data.draw(st.integers(1, most)) for most in (5, 3, 9, 21))
    first = data.draw(st.integers(0, channels - 1))
    last = data.draw(st.integers(first + 1, channels))
    block, batch = data.draw(st.integers(1, tokens + 1)), data.draw(st.integers(1, steps + 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    fired = rng.random((steps, groups, tokens, channels)) < data.draw(st.sampled_from([0.0, 0.05, 0.3, 0.9]))
    counted = count_fetches(np.packbits(fired, axis=-1), first, last, block, batch)
    assert np.array_equal(counted, by_hand(fired, first, last, block, batch))


def test_one_token_and_one_step_per_block_fetch_a_row_per_spike() -> None:
    fired = np.random.default_rng(0).random((4, 2, 7, 30)) < 0.4
    assert np.array_equal(count_fetches(np.packbits(fired, axis=-1), 0, 30, 1, 1), fired.sum(axis=(2, 3)))


def test_a_shorter_run_fetches_what_the_first_steps_of_a_longer_one_do() -> None:
    packed = np.packbits(np.random.default_rng(1).random((6, 2, 11, 24)) < 0.1, axis=-1)
    whole = count_fetches(packed, 3, 20, 4, 4)
    for steps in range(1, 7):
        assert np.array_equal(count_fetches(np.ascontiguousarray(packed[:steps]), 3, 20, 4, 4), whole[:steps])


STEPS, LENGTHS = 3, [6, 3, 6, 4]
VIT, TEXT = vit_graph(1, 5, 8, 2, 16, 3, n=4), lowered()


def in_blocks(chip: Chip, block: int, batch: int) -> Chip:
    assert chip.ec_core is not None
    flow = Dataflow("layer_major", block, batch, max_steps=STEPS)
    synapse = replace(chip.synapse_core, dataflow=flow, weight_bank_bits=None, state_bank_bits=None)
    return replace(chip, synapse_core=synapse, ec_core=replace(chip.ec_core, dataflow=flow, state_bank_bits=None))


def run(text: bool, axons: int, block: int, batch: int, keep: int | None = None) -> Activity:
    """A run on cores that cut fan-ins and outputs; sentences have lengths of their own."""
    graph = TEXT if text else VIT
    program = map_graph(graph, splitting_chip(axons=axons), anneal_moves=0)
    program = replace(program, chip=in_blocks(program.chip, block, batch))
    samples: Any = sentences(LENGTHS) if text else some_images(graph, 3)
    return execute(program, samples, STEPS, images_at_once=2, keep_spikes=len(samples) if keep is None else keep)


def brute(activity: Activity, name: str) -> NDArray[np.int64]:
    """Rows fetched by (step, image, part): sets of (block, batch, row), a fetch at the first step that adds to one."""
    node, parts = activity.program.graph.nodes[name], activity.program.parts
    own, site = activity.program.parts_of(name), activity.program.graph.nodes[node.inputs[0].node]
    masks, fetched = activity.spikes[site.name].masks, activity.fetches[name]
    assert masks is not None and isinstance(site, Neurons)
    fired = np.unpackbits(masks, axis=-1, count=site.shape[-1])
    counts = np.zeros((STEPS, activity.images, own.size), np.int64)
    met: set[tuple[int, ...]] = set()
    for step, image, *place in np.argwhere(fired).tolist():
        head, token, channel = place if site.is_map else (0, *place)
        for at, part in enumerate(own.tolist()):
            first, last = int(parts.token_start[part]), int(parts.token_stop[part])
            if isinstance(node, Synapse):
                inside = parts.in_start[part] <= channel < parts.in_stop[part]
            elif site.is_map:  # a part of a product has whole heads
                inside = parts.out_start[part] <= head * node.width // site.shape[0] < parts.out_stop[part]
            else:
                assert isinstance(node, ProductUnit)
                inside = parts.out_start[part] <= channel // node.head_width < parts.out_stop[part]
            key = (image, at, head, (token - first) // fetched.block, step // fetched.batch, channel)
            if inside and first <= token < last and key not in met:
                met.add(key)
                counts[step, image, at] += 1
    return counts


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.booleans(), st.sampled_from([3, 5, 8]), st.integers(1, 4), st.integers(1, STEPS))
def test_execution_tallies_what_sets_of_spikes_say_part_by_part(text: bool, axons: int, block: int, batch: int) -> None:
    activity = run(text, axons, block, batch)
    shared = {node.name for node in activity.program.graph.of_type(Synapse) if node.spiking and block * batch > 1}
    shared |= {node.name for node in activity.program.graph.of_type(ProductUnit) if block > 1}
    assert set(activity.fetches) == shared
    for name, fetched in activity.fetches.items():
        assert np.array_equal(fetched.rows, brute(activity, name)), name


@pytest.mark.slow
def test_a_tally_needs_no_spikes_kept() -> None:
    for text in (False, True):
        kept, forgotten = run(text, 5, 2, 3), run(text, 5, 2, 3, keep=0)
        for name, fetched in kept.fetches.items():
            assert np.array_equal(fetched.rows, forgotten.fetches[name].rows)


def test_a_record_says_which_neurons_fired_of_the_images_kept() -> None:
    activity = run(text=False, axons=5, block=1, batch=1, keep=2)
    site = VIT.sites[0]
    record = activity.spikes[site.name]
    fired = record.fired(site.shape[-1])
    assert record.masks is not None and fired.shape == (STEPS, 2, *site.shape)
    assert np.array_equal(np.packbits(fired, axis=-1), record.masks)
    assert np.array_equal(record.fired(site.shape[-1], slice(1, 2)), fired[:, 1:])
    for broken in (record, replace(record, masks=None)):
        with pytest.raises(InputError, match="were kept, of 3 are asked for: run again with keep_spikes=3"):
            broken.fired(site.shape[-1], slice(3))


def test_a_plain_dataflow_tallies_nothing() -> None:
    assert not run(text=False, axons=5, block=1, batch=1).fetches


@pytest.mark.slow
def test_a_run_seen_on_another_mapping_has_the_fetches_of_a_run_there() -> None:
    for text in (False, True):
        here, there = run(text, 5, 2, 3), run(text, 3, 3, 2)
        moved = rebased(here, there.program)
        assert set(moved.fetches) == set(there.fetches)
        for name, fetched in there.fetches.items():
            assert np.array_equal(moved.fetches[name].rows, fetched.rows), name
