"""The kernels of networks from NIR beside naive twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import Convolution2d, Port
from synaptile.simulator.kernels.convolve import convolve, make_kernel
from synaptile.simulator.kernels.fire import empty_events
from synaptile.simulator.kernels.leaky import Equation, LeakyState, Manner, count_trains, fire_leaky
from synaptile.simulator.leaky import LeakyConstants

BOUNDS = np.array([0, 3, 9], np.int64)


def constants(rng: np.random.Generator, width: int, dtype: type) -> LeakyConstants:
    low, high = [0.2, 0.8, 0.2, -0.1, 0.8, 0.3, -0.2], [0.9, 1.4, 0.9, 0.1, 1.4, 0.7, 0.1]
    return LeakyConstants(*(rng.uniform(a, b, width).astype(dtype) for a, b in zip(low, high, strict=True)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("equation", list(Equation))
def test_neurons_fire_as_their_equations_say(equation: Equation, subtract: bool, dtype: Any) -> None:
    rng = np.random.default_rng(equation)
    rows, width, k = 4, 9, constants(rng, 9, dtype)
    state = LeakyState(np.zeros((rows, width), dtype), np.zeros((rows, width), dtype))
    membrane, current = np.zeros((rows, width), dtype), np.zeros((rows, width), dtype)
    for _ in range(6):
        x = rng.standard_normal((rows, width + 2)).astype(dtype)
        events = empty_events(rows, width, 2)
        histogram = fire_leaky(x, 2, state, k, Manner(int(equation), subtract), BOUNDS, events)
        drive = x[:, 2:]
        if equation == Equation.CUBA:
            current = current + k.gain_in * (k.w_in * drive - current)
            drive = current
        step = k.r * drive if equation == Equation.IF else k.gain * ((k.v_leak - membrane) + k.r * drive)
        membrane = membrane + step
        fired = membrane > k.v_threshold
        membrane = np.where(fired, membrane - k.v_threshold if subtract else k.v_reset, membrane)
        assert np.array_equal(events.codes, fired.astype(np.int8)) and np.array_equal(state.membrane, membrane)
        assert histogram.tolist() == [fired.sum(), 0]
        for r in range(rows):
            assert events.counts[r].tolist() == [fired[r, :3].sum(), fired[r, 3:].sum()]


def test_a_membrane_at_its_threshold_does_not_fire() -> None:
    one = np.ones(9)
    state = LeakyState(np.zeros((1, 9)), np.zeros((1, 0)))
    events = empty_events(1, 9, 2)
    zero = np.zeros(9)
    k = LeakyConstants(one, one, one, zero, one, one, zero)
    x = np.where(np.arange(9) % 2 == 0, 1.0, np.nextafter(1.0, 2.0))[None]
    fire_leaky(x, 0, state, k, Manner(int(Equation.IF), False), BOUNDS, events)
    assert events.codes[0].tolist() == [0, 1] * 4 + [0]


def test_spike_trains_become_events() -> None:
    trains = (np.random.default_rng(3).random((5, 9)) < 0.5).astype(np.float32)
    events = empty_events(5, 9, 2)
    assert count_trains(trains, BOUNDS, events)[0] == trains.sum()
    assert np.array_equal(events.counts.sum(axis=1), trains.sum(axis=1))
    assert np.array_equal(events.codes, trains.astype(np.int8))


@pytest.mark.parametrize("integer", [False, True])
def test_spikes_scatter_weight_rows_where_a_loop_over_taps_puts_them(integer: bool) -> None:
    rng = np.random.default_rng(7)
    image, bounds = (4, 6, 5), np.array([0, 50, 120], np.int64)
    node = Convolution2d(
        "c", (Port("s", 0, 120),), (1, 6 * 3 * 2), image, (2, 3), (2, 1), (1, 1), (2, 1), 2, "sum", (2, 2), (1, 2), (0, 1)
    )
    assert node.plane == (3, 3)
    node = Convolution2d("c", node.inputs, (1, 6 * 9), image, (2, 3), (2, 1), (1, 1), (2, 1), 2, "sum", (2, 2), (1, 2), (0, 1))
    weight = rng.integers(-127, 128, (6, 2, 2, 3)).astype(np.int8) if integer else rng.standard_normal((6, 2, 2, 3))
    spikes = (rng.random((3, 120)) < 0.4).astype(np.float64)
    events = empty_events(3, 120, 2)
    count_trains(spikes, bounds, events)
    scale, bias, out = rng.uniform(0.5, 2, 6), rng.standard_normal(6), np.empty((3, 54))
    zero = np.zeros(1, np.int32 if integer else np.float64)
    issued = convolve(events, np.array([6, 5, 3, 3], np.int64), make_kernel(node, weight), scale[None], bias, zero, out)
    sums, met = np.zeros((3, 6, 3, 3)), np.zeros(3, np.int64)
    for r, index in np.argwhere(spikes):
        c, y, x = np.unravel_index(index, image)
        for oy, ox, ky, kx, py, px in np.ndindex(3, 3, 2, 3, 2, 2):
            cell_y, cell_x = oy * 2 + ky * 2 - 1, ox + kx - 1  # of the pooled image, 5 x 3
            if 0 <= cell_y < 5 and 0 <= cell_x < 3 and (cell_y + py, cell_x * 2 + px - 1) == (y, x):
                group = c // 2
                sums[r, group * 3 : group * 3 + 3, oy, ox] += weight[group * 3 : group * 3 + 3, c % 2, ky, kx]
                met[r] += 3
    expected = (scale[:, None] * sums.reshape(3, 6, 9) + bias[:, None]).reshape(3, -1)
    assert np.array_equal(issued, met)
    np.testing.assert_allclose(out, expected, rtol=0, atol=0 if integer else 1e-12)
