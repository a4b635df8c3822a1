"""Do MT neurons fire as Eq. 19-25 say: the largest threshold reached, exactly at its boundary, with soft reset?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.simulator.kernels.fire import Events, empty_events, fire, make_thresholds
from tests.simulator import twins

DTYPES = [np.float32, np.float64]


def fire_once(
    membrane: NDArray[Any], current: NDArray[Any], thetas: tuple[float, float], n: int, bounds: list[int], start: int = 0
) -> tuple[Events, NDArray[np.int64]]:
    """One step on `membrane` (rows, width), updated."""
    dtype = membrane.dtype
    rows, width = membrane.shape
    events = empty_events(rows, width, len(bounds) - 1)
    thresholds = make_thresholds(*thetas, n, dtype)
    return events, fire(current, start, membrane, thresholds, np.array(bounds, np.int64), events)[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("theta1", "theta2"), [(1.0, 1.0), (0.5, 0.125), (0.0625, 4.0)])
@pytest.mark.parametrize("n", [1, 2, 8])
def test_a_threshold_is_reached_at_its_boundary_and_not_just_below(dtype: Any, theta1: float, theta2: float, n: int) -> None:
    # Powers of two make every boundary theta*2^k - theta/2 exact in both formats.
    values: list[float] = []
    for theta, sign in ((theta1, 1), (theta2, -1)):
        for k in range(n):
            boundary = dtype(sign * (theta * 2**k - theta / 2))
            values += [np.nextafter(boundary, dtype(0)), boundary, np.nextafter(boundary, dtype(sign * np.inf))]
    membrane = np.array([[*values, 0.0, -0.0, 1e6, -1e6]], dtype)
    before = membrane[0].copy()
    events, _ = fire_once(membrane, np.zeros_like(membrane), (theta1, theta2), n, [0, membrane.shape[1]])
    for c, m in enumerate(before.tolist()):
        code, value = twins.fire(m, theta1, theta2, n)
        assert events.codes[0, c] == code, f"membrane {m!r}"
        assert membrane[0, c] == dtype(m) - dtype(value), "soft reset subtracts what was emitted"
    codes = events.codes[0]
    for k in range(n):
        assert codes[3 * k] == k, "just below a boundary the next smaller threshold fires, or none"
        assert codes[3 * k + 1] == codes[3 * k + 2] == k + 1
        assert codes[3 * (n + k)] == -k
        assert codes[3 * (n + k) + 1] == -(k + 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_agree_with_the_scalar_neuron(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    thetas, n, bounds, start = (0.3, 0.17), 6, [0, 5, 6, 14], 4
    membrane = np.zeros((7, 14), dtype)
    for _ in range(5):
        current = (rng.standard_normal((7, 22)) * 3).astype(dtype)
        integrated = membrane + current[:, start : start + 14]
        events, histogram = fire_once(membrane, current, thetas, n, bounds, start)
        scaled = make_thresholds(*thetas, n, np.dtype(dtype))
        expected = np.zeros(2 * n, np.int64)
        for r in range(7):
            for c in range(14):
                code, _ = twins.fire(float(integrated[r, c]), float(dtype(thetas[0])), float(dtype(thetas[1])), n)
                assert events.codes[r, c] == code
                assert membrane[r, c] == integrated[r, c] - scaled.emitted[n + code]
                if code:
                    expected[code - 1 if code > 0 else n - code - 1] += 1
        np.testing.assert_array_equal(histogram, expected)


def test_events_are_counted_by_group() -> None:
    membrane = np.array([[0.0, 3.0, -1.0, 0.0, 5.0, 0.4], [0.0] * 6, [1.0] * 6])
    bounds = [0, 2, 3, 6]
    events, histogram = fire_once(membrane, np.zeros_like(membrane), (1.0, 1.0), 3, bounds)
    assert events.counts.tolist() == [[1, 1, 1], [0, 0, 0], [2, 1, 3]]
    # Levels 1, 2, 4 are reached at 0.5, 1.5, 3.5: 3.0 emits 2, and 5.0 the largest.
    assert events.codes[0].tolist() == [0, 2, -1, 0, 3, 0]
    assert histogram.tolist() == [6, 1, 1, 1, 0, 0]


def test_codes_of_the_last_step_are_forgotten() -> None:
    membrane = np.ones((1, 3))
    events = empty_events(1, 3, 1)
    bounds, thresholds = np.array([0, 3], np.int64), make_thresholds(1.0, 1.0, 4, np.dtype(np.float64))
    current = np.array([[1.0, -1.0, 0.0]])
    for expected in ([2, 0, 1], [1, -1, 0], [1, -1, 0]):
        fire(current, 0, membrane, thresholds, bounds, events)
        assert events.codes[0].tolist() == expected
        assert events.counts[0, 0] == np.count_nonzero(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_together_are_the_steps_one_by_one(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    steps, rows, width, bounds = 4, 3, 70, np.array([0, 33, 70], np.int64)
    current = rng.standard_normal((steps * rows, width)).astype(dtype)
    thresholds = make_thresholds(0.3, 0.4, 5, np.dtype(dtype))
    together, membrane = empty_events(steps * rows, width, 2), np.zeros((rows, width), dtype)
    histogram = fire(current, 0, membrane, thresholds, bounds, together)
    alone, left = empty_events(rows, width, 2), np.zeros((rows, width), dtype)
    for t in range(steps):
        block = slice(t * rows, (t + 1) * rows)
        found = fire(current[block], 0, left, thresholds, bounds, alone)
        np.testing.assert_array_equal(found[0], histogram[t])
        np.testing.assert_array_equal(alone.codes, together.codes[block])
        np.testing.assert_array_equal(alone.counts, together.counts[block])
    np.testing.assert_array_equal(left, membrane)


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("width", [64, 65, 100, 130, 197, 384])
def test_registers_of_neurons_fire_as_one_by_one_to_the_last_bit(width: int, n: int) -> None:
    """Random membranes, every boundary and its neighbours, zeros of both signs, infinities and what is no number."""
    rng = np.random.default_rng(width + n)
    theta1, theta2, steps, rows, start = 0.3, 0.17, 3, 4, 5
    current = (rng.standard_normal((steps * rows, width + 9)) * 4).astype(np.float32)
    fitting = make_thresholds(theta1, theta2, n, np.dtype(np.float32))
    edges = np.concatenate([fitting.reach_up[:n], -fitting.reach_down[:n]])
    special = [edges, *(np.nextafter(edges, np.float32(to)) for to in (0, np.inf, -np.inf)), [0.0, -0.0, np.inf, -np.inf, np.nan]]
    values = np.concatenate([np.asarray(some, np.float32) for some in special])[:width]
    current[0, start : start + len(values)] = values
    current[1, start + width - len(values) : start + width] = values
    bounds = np.array([0, 7, width // 2, width], np.int64)
    found = []
    for limits in (fitting, fitting._replace(tables=np.zeros(0, np.float32))):
        events, membrane = empty_events(steps * rows, width, 3), np.zeros((rows, width), np.float32)
        histogram = fire(current, start, membrane, limits, bounds, events)
        found.append((events.codes, events.counts, membrane, histogram))
    for fast, slow in zip(*found, strict=True):
        np.testing.assert_array_equal(fast, slow)
    assert found[0][3].shape == (steps, 2 * n) and found[0][3].sum() == np.count_nonzero(found[0][0])
