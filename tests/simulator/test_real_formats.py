"""float64: does execution equal the dense reference, counts and all? float32: is it as close as its precision allows?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import execute, reference
from tests.bounds import assert_within, gamma
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, execute_keeping_spikes, some_images

STEPS = 6


@pytest.fixture(scope="module", params=[False, True], ids=["spiking-head", "dense-head"])
def graph(request: pytest.FixtureRequest) -> SpikingGraph:
    return vit_graph(2, 7, 12, 3, 20, 5, dtype=np.float64, dense_head=request.param, select_first=request.param)


@pytest.fixture(scope="module", params=CHIPS)
def program(graph: SpikingGraph, request: pytest.FixtureRequest) -> CoreProgram:
    return map_graph(graph, CHIPS[request.param](), anneal_moves=50)


def test_float64_execution_equals_the_reference(program: CoreProgram) -> None:
    images = some_images(program.graph, 3)
    expected = reference(program.graph, images, STEPS)
    activity, spikes = execute_keeping_spikes(program, images, STEPS, "float64", images_at_once=2)
    np.testing.assert_allclose(activity.logits, expected.logits, rtol=1e-9, atol=1e-9)
    assert tuple(activity.spikes) == tuple(expected.spikes)
    for site, values in expected.spikes.items():
        np.testing.assert_array_equal(spikes[site], values)
    for i, node in enumerate(activity.accounting.nodes):
        np.testing.assert_array_equal(activity.accounting.eq30[i], expected.eq30[node])
        np.testing.assert_array_equal(activity.accounting.released[i], expected.released[node])


def test_spike_records_hold_the_spikes_of_the_reference(program: CoreProgram) -> None:
    images = some_images(program.graph, 2)
    expected = reference(program.graph, images, STEPS)
    activity = execute(program, images, STEPS, "float64")
    for site in program.graph.sites:
        record, spikes = activity.spikes[site.name], expected.spikes[site.name]
        assert record.neurons == site.size
        bounds = record.bounds.tolist()
        assert record.events.shape == (STEPS, 2, site.tokens, len(bounds) - 1) and record.events.dtype == np.int32
        for group, (start, stop) in enumerate(pairwise(bounds)):
            counted = (spikes[:, :, start] if site.is_map else spikes[:, :, :, start:stop]) != 0
            np.testing.assert_array_equal(record.events[..., group], counted.sum(axis=-1))
        levels = [(spikes == site.theta1 * 2.0**k) for k in range(site.n)] + [
            (spikes == -site.theta2 * 2.0**k) for k in range(site.n)
        ]
        assert record.masks is not None, "by default the spikes of the first image are kept"
        kept = np.unpackbits(record.masks[:, 0], axis=-1, count=site.shape[-1])
        np.testing.assert_array_equal(kept, spikes[:, 0] != 0)
        np.testing.assert_array_equal(record.histogram, np.array([level.reshape(STEPS, -1).sum(axis=1) for level in levels]).T)


def test_float32_is_as_close_as_its_roundings_where_no_spike_stood_on_a_boundary(program: CoreProgram) -> None:
    """Float64 is exact, above. Here two orders of summation: a membrane within some 1e-5 of a boundary may flip and cascade.

    Of some 3,000 membranes per image and two steps one in 1e5 lies that near: one image in thirty may differ, two in four never.
    """
    images = some_images(program.graph, 4)
    expected = reference(program.graph, images, 2, "float32")
    activity, spikes = execute_keeping_spikes(program, images, 2, "float32")
    assert activity.logits.dtype == np.float32
    same = np.ones(len(images), bool)
    for site, values in expected.spikes.items():
        same &= (spikes[site] == values).all(axis=(0, *range(2, values.ndim)))
    assert same.sum() >= 2
    # Two blocks and the head: fewer than 1,000 roundings in a row, LayerNorm between them keeps magnitudes of order one.
    within = gamma(1000, np.float32) * np.abs(expected.logits).max()
    assert_within(activity.logits[:, same], expected.logits[:, same], within)


@pytest.mark.slow
@pytest.mark.parametrize("numeric", ["float32", "float64", "int8"])
def test_nothing_depends_on_the_batch_size(program: CoreProgram, numeric: str) -> None:
    images = some_images(program.graph, 3)
    whole, spikes = execute_keeping_spikes(program, images, 3, numeric)
    single, single_spikes = execute_keeping_spikes(program, images, 3, numeric, images_at_once=1)
    np.testing.assert_array_equal(whole.logits, single.logits)
    for site, values in spikes.items():
        np.testing.assert_array_equal(values, single_spikes[site])
    np.testing.assert_array_equal(whole.operations.count, single.operations.count)
    np.testing.assert_array_equal(whole.accounting.released, single.accounting.released)


def test_images_do_not_see_each_other(program: CoreProgram) -> None:
    images = some_images(program.graph, 3)
    together = execute(program, images, 3, "float64")
    alone = execute(program, images[1:2], 3, "float64")
    np.testing.assert_array_equal(together.logits[:, 1:2], alone.logits)
    np.testing.assert_array_equal(together.accounting.eq30[:, :, 1:2], alone.accounting.eq30)
