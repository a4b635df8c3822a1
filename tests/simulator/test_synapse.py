"""Do spikes that fetch weight rows, tile by tile, give W x + b, and count one accumulate a spike and output?"""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.simulator.kernels import machine
from synaptile.simulator.kernels.fire import Events, empty_events, fire, make_thresholds
from synaptile.simulator.kernels.integer import IntegerScale, accumulate_integer
from synaptile.simulator.kernels.synapse import accumulate, multiply_dense, pack_tiles, row_cuts
from tests import bounds
from tests.simulator import twins
from tests.simulator.runs import needs_compiler

N = 5


@pytest.fixture(params=[pytest.param(True, marks=needs_compiler), False], ids=["bytes", "widened"])
def by_dots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Int8 sums by either way; bytes in fours only where the machine has the instruction."""
    if request.param and not machine.HAS_DOT:
        pytest.skip("this machine has no instruction that sums products of bytes")
    monkeypatch.setattr(machine, "HAS_DOT", request.param)


def some_events(rng: np.random.Generator, rows: int, width: int, cuts: list[int], dtype: Any) -> Events:
    """Spikes of random membranes: thetas 0.25 and 0.125, one row silent."""
    membrane = rng.standard_normal((rows, width)).astype(dtype)
    membrane[rows // 2] = 0
    events = empty_events(rows, width, len(cuts) - 1)
    fire(
        np.zeros_like(membrane),
        0,
        membrane,
        make_thresholds(0.25, 0.125, N, np.dtype(dtype)),
        np.array(cuts, np.int64),
        events,
    )
    return events


def emitted(dtype: Any) -> NDArray[Any]:
    """What the spikes of `some_events` are worth, by code."""
    return make_thresholds(0.25, 0.125, N, np.dtype(dtype)).emitted


def spike_values(events: Events) -> NDArray[np.float64]:
    codes = events.codes.astype(np.float64)
    return np.where(codes > 0, 0.25 * 2.0 ** (codes - 1), np.where(codes < 0, -0.125 * 2.0 ** (-codes - 1), 0.0))


def rectangles(outputs: list[int], inputs: list[int]) -> list[tuple[int, int, int, int]]:
    return [(*out, *row) for out, row in product(pairwise(outputs), pairwise(inputs))]


CUTS = [
    ([0, 37], [0, 23]),
    ([0, 16, 32, 37], [0, 23]),
    ([0, 37], [0, 1, 12, 23]),
    ([0, 9, 37], [0, 8, 16, 23]),
    ([0, *range(1, 38)], [0, 11, 23]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("rows", [1, 3, 19])
def test_real_currents_of_any_tiling(dtype: Any, cuts: tuple[list[int], list[int]], rows: int) -> None:
    rng = np.random.default_rng(rows)
    weight, bias = rng.standard_normal((37, 23)).astype(dtype), rng.standard_normal(37).astype(dtype)
    events = some_events(rng, rows, 23, cuts[1], dtype)
    out = np.full((rows, 37), np.nan, dtype)
    tiles = rectangles(*cuts)
    issued = accumulate(events, emitted(dtype), pack_tiles(weight, tiles), bias, out)
    spikes = spike_values(events)
    bounds.assert_within(out, twins.linear(spikes, weight, bias), bounds.of_product(spikes, weight.T, dtype, bias))
    assert_one_accumulate_a_spike_and_output(events, tiles, issued)


@pytest.mark.usefixtures("by_dots")
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("rows", [1, 3, 19])
def test_integer_currents_of_any_tiling_are_exact(cuts: tuple[list[int], list[int]], rows: int) -> None:
    rng = np.random.default_rng(rows)
    levels = rng.integers(-127, 128, (37, 23)).astype(np.int8)
    up, down, bias = (rng.standard_normal(37).astype(np.float32) for _ in range(3))
    events = some_events(rng, rows, 23, cuts[1], np.float32)
    out = np.full((rows, 37), np.nan, np.float32)
    tiles = rectangles(*cuts)
    issued = accumulate_integer(events, pack_tiles(levels, tiles), IntegerScale(up, down, bias), out, N)
    np.testing.assert_array_equal(out, twins.integer_currents(events.codes, levels, up, down, bias))
    assert_one_accumulate_a_spike_and_output(events, tiles, issued)


@needs_compiler
@pytest.mark.usefixtures("by_dots")
@pytest.mark.parametrize("channels", [1, 16, 31, 64, 80, 112, 129, 200])
@pytest.mark.parametrize(("rows", "fan_in"), [(2, 3), (150, 40), (9, 700)])
def test_every_width_of_output_and_length_of_input(channels: int, rows: int, fan_in: int) -> None:
    """Vector blocks of all widths, blocks of inputs that fill a cache, chunks of rows; int8 sums stay exact throughout."""
    rng = np.random.default_rng(channels)
    levels = rng.integers(-127, 128, (channels, fan_in)).astype(np.int8)
    up, down, bias = (rng.standard_normal(channels).astype(np.float32) for _ in range(3))
    cuts = [0, fan_in // 2, fan_in]
    events = some_events(rng, rows, fan_in, cuts, np.float32)
    tiles = rectangles([0, channels], cuts)
    out = np.full((rows, channels), np.nan, np.float32)
    accumulate_integer(events, pack_tiles(levels, tiles), IntegerScale(up, down, bias), out, N)
    codes = events.codes.astype(np.int64)
    positive = np.where(codes > 0, 1 << np.maximum(codes - 1, 0), 0) @ levels.T.astype(np.int64)
    negative = np.where(codes < 0, 1 << np.maximum(-codes - 1, 0), 0) @ levels.T.astype(np.int64)
    np.testing.assert_array_equal(out, (up * positive.astype(np.float32) - down * negative.astype(np.float32)) + bias)
    weight = levels.astype(np.float32) / 128
    accumulate(events, emitted(np.float32), pack_tiles(weight, tiles), bias, out)
    spikes = spike_values(events)
    exact = spikes @ weight.T.astype(np.float64) + bias
    bounds.assert_within(out, exact, bounds.of_product(spikes, weight.T, np.float32, bias))


def test_spikes_of_all_sizes_together_lose_no_bit() -> None:
    """16 thresholds a sign: the smallest spike counts beside sums of 2^29, far beyond the whole numbers of float32."""
    rng = np.random.default_rng(8)
    rows, fan_in, channels = 12, 250, 70
    code = rng.choice(np.array([1, 2, 3, 15, 16], np.int8), (rows, fan_in))
    code[rows // 2 :] *= -1
    code[:, ::7] = 0
    levels = rng.integers(100, 128, (channels, fan_in)).astype(np.int8)
    spikes = np.count_nonzero(code, axis=1).astype(np.int32)
    events = Events(code, spikes[:, None])
    one, out = np.ones(channels, np.float32), np.zeros((rows, channels), np.float32)
    accumulate_integer(events, pack_tiles(levels, [(0, channels, 0, fan_in)]), IntegerScale(one, one, 0 * one), out, 16)
    sizes = np.where(code != 0, np.sign(code).astype(np.int64) << (np.abs(code.astype(np.int64)) - 1).clip(0), 0)
    exact = sizes @ levels.T.astype(np.int64)
    assert 2**28 < np.abs(exact).max() < 2**31
    np.testing.assert_array_equal(out, exact.astype(np.float32))


@needs_compiler
@pytest.mark.usefixtures("by_dots")
def test_integer_sums_reach_the_ends_of_the_accumulator() -> None:
    # As many spikes of 2^7 on weights of 127 as 32 bits hold.
    count = (2**31 - 1) // (127 << 7)
    assert 0 <= 2**31 - 1 - count * (127 << 7) < 127 << 7
    levels = np.full((1, count), 127, np.int8)
    code = np.stack([np.full(count, 8, np.int8), np.full(count, -8, np.int8)])
    events = Events(code, np.full((2, 1), count, np.int32))
    out = np.zeros((2, 1), np.float32)
    one = np.ones(1, np.float32)
    tiles = pack_tiles(levels, [(0, 1, 0, count)])
    accumulate_integer(events, tiles, IntegerScale(one, one, np.zeros(1, np.float32)), out, 8)
    exact = np.float32(count * (127 << 7))
    assert out.ravel().tolist() == [exact, -exact]


def assert_one_accumulate_a_spike_and_output(events: Events, tiles: list[tuple[int, int, int, int]], issued: Any) -> None:
    for i, (out_start, out_stop, in_start, in_stop) in enumerate(tiles):
        spikes = np.count_nonzero(events.codes[:, in_start:in_stop], axis=1)
        np.testing.assert_array_equal(issued[:, i], spikes * (out_stop - out_start))
    np.testing.assert_array_equal(issued.sum(axis=1), np.count_nonzero(events.codes, axis=1) * 37)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dense_head_sums_its_fan_in_in_order(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((3, 9), (4, 5), (4,)))
    out = np.full((3, 4), np.nan, dtype)
    multiply_dense(x, 2, np.ascontiguousarray(weight.T), bias, out)
    for r in range(3):
        ordered = twins.ordered_rows(np.ascontiguousarray(weight.T), range(5), x[r, 2:7].tolist())
        np.testing.assert_array_equal(out[r], ordered + bias)


@pytest.mark.parametrize("cuts", CUTS)
def test_one_spike_fetches_the_weights_of_its_input(cuts: tuple[list[int], list[int]]) -> None:
    """A unit spike on each input channel in turn: what comes out is the weight matrix, whatever its tiles."""
    weight = np.arange(37 * 23, dtype=np.float32).reshape(37, 23)
    code, spikes = np.eye(23, dtype=np.int8), np.zeros((23, len(cuts[1]) - 1), np.int32)
    spikes[np.arange(23), np.searchsorted(cuts[1], np.arange(23), side="right") - 1] = 1
    events, unit = Events(code, spikes), make_thresholds(1.0, 1.0, 1, np.dtype(np.float32)).emitted
    out = np.full((23, 37), np.nan, np.float32)
    accumulate(events, unit, pack_tiles(weight, rectangles(*cuts)), np.zeros(37, np.float32), out)
    np.testing.assert_array_equal(out, weight.T)


def test_a_site_may_count_in_finer_groups_than_a_synapse_is_cut() -> None:
    rng = np.random.default_rng(5)
    events = some_events(rng, 7, 23, [0, 3, 8, 16, 23], np.float32)
    tiles = rectangles([0, 20, 37], [0, 8, 23])
    packed = pack_tiles(rng.standard_normal((37, 23)).astype(np.float32), tiles, np.array([0, 3, 8, 16, 23]))
    issued = accumulate(events, emitted(np.float32), packed, np.zeros(37, np.float32), np.empty((7, 37), np.float32))
    assert_one_accumulate_a_spike_and_output(events, tiles, issued)


def test_chunks_are_alike_in_spikes_and_none_is_much_longer() -> None:
    events = empty_events(40, 32, 2)
    events.codes[:], events.counts[:] = 0, 0
    events.counts[:20], events.counts[20:] = 4, 12  # later steps fire three times as often
    cuts = row_cuts(events, 32, 4)
    costs = [int((events.counts[a:b].sum(axis=1) + 2).sum()) for a, b in pairwise(cuts)]
    assert cuts[0] == 0 and cuts[-1] == 40 and max(costs) - min(costs) <= 2 * 26, "a row at either end"
    events.counts[:20], events.counts[20:] = 0, 16
    assert row_cuts(events, 32, 4).tolist() == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_any_spikes_accumulate_as_one_by_one(dtype: Any) -> None:
    """Silent steps, then busy ones, in chunks of their own."""
    rng = np.random.default_rng(8)
    rows, fan_in, channels = 600, 48, 37
    events, weight = empty_events(rows, fan_in, 1), rng.standard_normal((channels, fan_in)).astype(dtype)
    events.codes[:] = rng.integers(-N, N + 1, (rows, fan_in)) * (rng.random((rows, fan_in)) < np.linspace(0, 0.9, rows)[:, None])
    events.counts[:, 0] = np.count_nonzero(events.codes, axis=1)
    tiles, bias = pack_tiles(weight, [(0, channels, 0, fan_in)]), np.ones(channels, dtype)
    together, alone = np.empty((rows, channels), dtype), np.empty((rows, channels), dtype)
    accumulate(events, emitted(dtype), tiles, bias, together)
    for r in range(rows):
        accumulate(Events(events.codes[r : r + 1], events.counts[r : r + 1]), emitted(dtype), tiles, bias, alone[r : r + 1])
    np.testing.assert_array_equal(together, alone)
