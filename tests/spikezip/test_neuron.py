"""Does an ST-BIF+ neuron come to rest on its quantiser's integer, whatever its input did before (proof 1)?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synaptile.conversion.ann import quantised_levels
from synaptile.conversion.graph import STBIFNeurons
from synaptile.conversion.spikezip.levels import level_range
from synaptile.foundation.types import Array
from synaptile.simulator.dense.units import STBIFSite
from synaptile.simulator.kernels.fire import empty_events
from synaptile.simulator.kernels.ternary import TernaryLimits, fire_ternary, resting_state

GRAIN = 2.0**-10
"""Inputs are multiples of it, so that every sum is exact, ties included."""


def site(levels: int, signed: bool, step: float, width: int) -> STBIFNeurons:
    return STBIFNeurons("site", (), (1, width), step, *level_range(levels, signed=signed))


def run_reference(node: STBIFNeurons, train: Array) -> Array:
    """Spikes in -1, 0, 1, shape (steps, width)."""
    unit = STBIFSite(node, train.dtype)
    return np.stack([np.rint(unit.step(t, [x[None]])[0] / node.step_size).astype(int) for t, x in enumerate(train, 1)])


def run_kernel(node: STBIFNeurons, train: Array) -> Array:
    width = train.shape[1]
    state = resting_state(1, width, train.dtype)
    limits = TernaryLimits(train.dtype.type(node.step_size), node.low, node.high)
    bounds, found = np.array([0, width // 2, width], np.int64), []
    for x in train:
        events = empty_events(1, width, 2)
        histogram = fire_ternary(np.concatenate([[9.0], x]).astype(train.dtype)[None], 1, state, limits, bounds, events)
        code = events.codes[0].astype(int)
        assert histogram.tolist() == [(code > 0).sum(), (code < 0).sum()]
        assert events.counts[0].tolist() == [np.count_nonzero(code[: width // 2]), np.count_nonzero(code[width // 2 :])]
        found.append(code)
    return np.stack(found)


def check(node: STBIFNeurons, train: Array, runner: Any) -> None:
    levels = node.levels
    silent = np.zeros((levels, train.shape[1]), train.dtype)
    spikes = runner(node, np.concatenate([train, silent]))
    counts = np.cumsum(spikes, axis=0)
    assert np.isin(spikes, (-1, 0, 1)).all()
    assert node.low <= counts.min() and counts.max() <= node.high
    assert not spikes[len(train) + levels - 1 :].any(), "moved later than L-1 steps after the last input"
    np.testing.assert_array_equal(counts[-1], quantised_levels(node, train.sum(axis=0)))


def trains(limit: int) -> st.SearchStrategy[Array]:
    shape = st.tuples(st.integers(1, 24), st.integers(2, 6))
    return shape.flatmap(lambda s: arrays(np.int64, s, elements=st.integers(-limit, limit))).map(lambda x: x * GRAIN)


@pytest.mark.parametrize("runner", [run_reference, run_kernel])
@pytest.mark.parametrize("signed", [True, False])
@given(train=trains(20 * 2**10), levels=st.sampled_from([4, 8, 32]), exponent=st.integers(-3, 3))
@settings(max_examples=60, deadline=None)
def test_any_train_settles_on_the_quantiser(runner: Any, signed: bool, train: Array, levels: int, exponent: int) -> None:
    check(site(levels, signed, 2.0**exponent, train.shape[1]), train, runner)


@pytest.mark.parametrize("runner", [run_reference, run_kernel])
@pytest.mark.parametrize("signed", [True, False])
def test_adversarial_trains(runner: Any, signed: bool) -> None:
    steps, rng = 40, np.random.default_rng(0)
    ramp = np.arange(steps) % 7 - 3.0
    columns = [
        np.where(np.arange(steps) % 2, -100.0, 100.0),  # swings beyond both bounds
        np.r_[1000.0, np.zeros(steps - 2), -1000.0],  # saturates, then all is taken back
        np.r_[-1000.0, np.zeros(steps - 2), 1000.5],
        np.r_[np.zeros(steps - 1), 15.5],  # a tie at the very end
        np.r_[np.zeros(steps - 1), -0.5],
        np.full(steps, 0.4990234375),
        ramp,
        rng.integers(-64, 64, steps) / 8.0,
    ]
    train = np.stack(columns, axis=1)
    for levels in (4, 16, 32):
        for step in (0.5, 1.0, 4.0):
            check(site(levels, signed, step, train.shape[1]), train, runner)


@pytest.mark.parametrize("runner", [run_reference, run_kernel])
def test_generic_steps_and_values_off_the_ties(runner: Any) -> None:
    rng = np.random.default_rng(1)
    for signed in (True, False):
        node = site(32, signed, 0.0371, 400)
        train = rng.standard_normal((25, 400)) * rng.choice([0.05, 0.3, 2.0], 400)
        distance = np.abs((train.sum(axis=0) / node.step_size) % 1.0 - 0.5)
        check(node, train[:, distance > 1e-9], runner)


def test_kernel_and_reference_fire_alike_in_both_formats() -> None:
    rng = np.random.default_rng(2)
    for dtype in (np.float32, np.float64):
        train = rng.standard_normal((30, 64)).astype(dtype)
        node = site(16, True, float(dtype(0.173)), 64)
        np.testing.assert_array_equal(run_kernel(node, train), run_reference(node, train))
