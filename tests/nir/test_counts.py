"""What convolutions are counted as: every synaptic event, borders and pooling exactly, on the core that issued it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import Convolution2d, Port
from synaptile.conversion.graph.windows import fan_out, reached_span
from synaptile.conversion.nir import from_nir
from synaptile.energy import price
from synaptile.energy.accountings import LADDER
from synaptile.foundation.errors import ConservationError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph, verify_program
from synaptile.simulator import execute, schedule
from synaptile.simulator.activity import OPS
from synaptile.simulator.event.convolution_unit import part_counts
from synaptile.simulator.storage import load_activity, save_activity
from tests.mapper.chips import small_chip
from tests.nir import plain
from tests.nir.networks import convolutional, lenet, recorded, trains
from tests.nir.test_execution import CHIPS
from tests.simulator.runs import needs_compiler


def pairs(low: int, high: int) -> Any:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw: Any) -> Convolution2d:
    groups = draw(st.integers(1, 2))
    image = (groups * draw(st.integers(1, 2)), draw(st.integers(1, 8)), draw(st.integers(1, 8)))
    pooled = draw(st.booleans())
    node = Convolution2d(
        "conv",
        (Port("site", 0, int(np.prod(image))),),
        (1, 1),
        image,
        draw(pairs(1, 3)),
        draw(pairs(1, 3)),
        draw(pairs(0, 2)),
        draw(pairs(1, 2)),
        groups,
        draw(st.sampled_from(["sum", "mean"])) if pooled else "none",
        draw(pairs(1, 3)) if pooled else (1, 1),
        draw(pairs(1, 3)) if pooled else (1, 1),
        draw(pairs(0, 1)) if pooled else (0, 0),
    )
    assume(min(*node.pooled, *node.plane) > 0)
    channels = groups * draw(st.integers(1, 3))
    return replace(node, shape=(1, channels * node.plane[0] * node.plane[1]))


def reached(node: Convolution2d, neuron: int) -> Any:
    """In how many ways a neuron reaches each output, by loops over windows; shape (channels, H, W)."""
    spike = np.zeros(node.image)
    spike.flat[neuron] = 1
    pool = nir.SumPool2d(*(np.array(window) for window in (node.pool_kernel, node.pool_stride, node.pool_padding)))
    ones = np.ones((node.channels, node.image[0] // node.groups, *node.kernel))
    conv = nir.Conv2d(None, ones, node.stride, node.padding, node.dilation, node.groups, np.zeros(node.channels))
    return plain.convolve(conv, plain.step(pool, "pool", spike, {}, 1.0, False)).astype(int)


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.data())
def test_fan_out_is_what_loops_over_windows_find(node: Convolution2d, data: Any) -> None:
    neuron = data.draw(st.integers(0, int(np.prod(node.image)) - 1))
    ways = reached(node, neuron)
    assert fan_out(node).flat[neuron] == ways.sum()
    plane, width = node.plane[0] * node.plane[1], node.plane[1]
    channel, top = data.draw(st.integers(0, node.channels - 1)), data.draw(st.integers(0, node.plane[0] - 1))
    start, stop = channel * plane + top * width, channel * plane + node.plane[0] * width
    assert fan_out(node, start, stop).flat[neuron] == ways[channel, top:].sum()
    first, last = reached_span(node, start, stop)
    assert first <= neuron < last or not ways[channel, top:].any()


@settings(max_examples=40, deadline=None)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_parts_share_a_convolutions_events_out(node: Convolution2d, seed: int) -> None:
    fired = np.random.default_rng(seed).random((2, int(np.prod(node.image)))) < 0.4
    width = node.plane[1]
    lines = [(start, start + width) for start in range(0, node.width, width)]
    by_line = part_counts(node, lines, fired)
    whole = part_counts(node, [(0, node.width)], fired)
    expected = fired.astype(int) @ fan_out(node).ravel()
    assert np.array_equal(whole[:, 0, 0], expected) and np.array_equal(by_line[..., 0].sum(axis=1), expected)


@needs_compiler
@pytest.mark.parametrize("chip", CHIPS)
def test_executed_accumulates_are_spikes_times_real_fan_out(chip: str) -> None:
    network = convolutional()
    graph, spikes = from_nir(network), trains(network, 5, 2)
    activity = execute(map_graph(graph, CHIPS[chip](), anneal_moves=0), spikes, 5, keep_spikes=2)
    table = activity.operations
    for node in graph.of_type(Convolution2d):
        ways = np.array([reached(node, neuron).sum() for neuron in range(int(np.prod(node.image)))])
        expected = recorded(activity, node.inputs[0].node).astype(np.int64) @ ways
        row = activity.accounting.nodes.index(node.name)
        assert np.array_equal(activity.accounting.eq30[row], expected)
        assert np.array_equal(activity.accounting.released[row], expected)
        mine = (table.node == activity.program.node_names.index(node.name)) & (table.op == OPS.index("ac"))
        assert np.array_equal(table.count[mine].sum(axis=0), expected.sum(axis=1))
    assert activity.accounting.ann_macs.tolist() == [4 * 7 * 4 * 12, 6 * 5 * 1 * 8, 5 * 12]


@needs_compiler
def test_an_accumulate_that_no_part_issued_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    network = convolutional()
    program = map_graph(from_nir(network), load_chip("loihi"), anneal_moves=0)

    def losing(*arguments: Any) -> Any:
        counts = part_counts(*arguments)
        counts[..., 0, 0] -= 1
        return counts

    monkeypatch.setattr("synaptile.simulator.event.convolution_unit.part_counts", losing)
    with pytest.raises(ConservationError, match=r"'conv1', image 0, step 1: \d+ accumulates issued"):
        execute(program, trains(network, 2, 1), 2)


@needs_compiler
@pytest.mark.parametrize("chip", CHIPS)
def test_a_run_is_scheduled_priced_and_read_back(chip: str, tmp_path: Any) -> None:
    network = convolutional()
    program = map_graph(from_nir(network), CHIPS[chip](), anneal_moves=0)
    activity = execute(program, trains(network, 5, 2), 5, "int8")
    save_activity(activity, tmp_path)
    again = load_activity(tmp_path)
    timeline = schedule(again)  # checks every operation and spike against the run
    report = price(again, again.program.chip, timeline=timeline)  # checks every accumulate against recorded spikes
    assert not report.unpriced
    ratios = [float(report.ratio(rung, step=5)) for rung in LADDER]
    assert all(0 < ratio < 1000 for ratio in ratios)


@needs_compiler
def test_a_run_is_scheduled_on_a_chip_that_cuts_it_otherwise() -> None:
    network = convolutional()
    activity = execute(map_graph(from_nir(network), small_chip(), anneal_moves=0), trains(network, 5, 1), 5)
    timeline = schedule(activity, CHIPS["rows"]())
    assert timeline.remapped and timeline.program.parts_of("conv1").size > 4


def test_rows_of_a_channel_store_its_weights_each_and_whole_channels_once() -> None:
    graph, loihi = from_nir(convolutional()), load_chip("loihi")
    bits = loihi.synapse_core.weight_bits
    whole, rows = (
        map_graph(
            graph, replace(chip, synapse_core=replace(chip.synapse_core, convolutions="kernel", index_bits=0)), anneal_moves=0
        )
        for chip in (loihi, CHIPS["rows"]())
    )
    own = whole.parts_of("conv1")
    assert whole.parts.weight_bits[own].sum() == bits * (4 * 12 + 4) and own.size == 1
    cut = rows.parts_of("conv1")
    assert cut.size == 16 and (rows.parts.weight_bits[cut] == bits * (12 + 1)).all()
    assert (rows.parts.neurons[cut] <= 9).all()


def test_parts_out_of_line_with_channels_are_found() -> None:
    program = map_graph(from_nir(convolutional()), CHIPS["rows"](), anneal_moves=0)
    first, second = program.parts_of("conv1")[:2]
    stop, start = program.parts.out_stop.copy(), program.parts.out_start.copy()
    stop[first] += 1
    start[second] += 1
    with pytest.raises(ConservationError, match="neither whole channels nor rows"):
        verify_program(replace(program, parts=replace(program.parts, out_stop=stop, out_start=start)))


def test_lenet_fits_loihi_within_its_limits() -> None:
    program = map_graph(from_nir(lenet()), load_chip("loihi"), anneal_moves=0)
    core, cores = program.chip.synapse_core, program.cores
    assert cores.kind.size == 10 and program.board == (1, 1)
    assert cores.neurons_used.max() == 636 <= core.max_neurons  # a channel of conv1 and half of fc1
    assert cores.axons_used.max() == 6 * 24 * 24 + 120 <= core.max_axons  # a quarter of conv2, and fc2
    assert cores.weight_bits_used.max() <= core.weight_memory_bits
    # lists of a line: five columns that begin, one shared by all inside, four that end; behind pooling each is stored for one of
    # its columns, lines for both
    taps, pooled = 1 + 2 + 3 + 4 + 5 + 4 + 3 + 2 + 1, 25
    assert taps == pooled
    stored = 6 * (24 * 5) * taps + 16 * 6 * (2 * 8 * 5) * pooled + 120 * 16 * 8 * 4 + 84 * 120 + 10 * 84
    biases = 6 + 16 + 120 + 84 + 10
    assert cores.weight_bits_used.sum() == (8 + 10) * stored + 8 * biases
