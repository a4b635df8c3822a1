"""Do spikes listed, counted and reset a register at a time come out as neuron by neuron?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.kernels import listing
from simulator.kernels.fire import make_thresholds
from simulator.kernels.listing import ALL, DOWN, ROOM, UP
from tests.simulator.runs import needs_compiler

WIDTHS = [1, 5, 15, 16, 17, 63, 64, 65, 112, 128, 130, 197, 384]


def some_codes(rows: int, width: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(width)
    return np.where(rng.random((rows, width)) < 0.5, rng.integers(-8, 9, (rows, width)), 0).astype(np.int8)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_masks_are_those_of_packbits(width: int) -> None:
    codes = some_codes(3, width)
    mask = np.full((3, -(-width // 8)), 255, np.uint8)
    listing.pack_fired(codes, mask)
    np.testing.assert_array_equal(mask, np.packbits(codes != 0, axis=1))


@pytest.mark.parametrize("width", WIDTHS)
def test_levels_are_counted(width: int) -> None:
    code = some_codes(1, width)[0]
    assert [listing.count_level(code, k) for k in range(-8, 9)] == [np.count_nonzero(code == k) for k in range(-8, 9)]
    assert listing.count_fired(code) == np.count_nonzero(code)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_reset_takes_what_a_spike_is_worth(width: int, dtype: Any) -> None:
    code, emitted = some_codes(1, width)[0], make_thresholds(0.7, 0.3, 8, np.dtype(dtype)).emitted
    before = np.random.default_rng(0).standard_normal(width).astype(dtype)
    membrane = before.copy()
    listing.reset_codes(code, emitted, membrane)
    np.testing.assert_array_equal(membrane, before - emitted[8 + code.astype(int)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("which", [ALL, UP, DOWN])
@pytest.mark.parametrize("width", WIDTHS)
def test_any_run_of_neurons_is_listed_in_order(width: int, which: int, dtype: Any) -> None:
    code, emitted = some_codes(1, width)[0], make_thresholds(0.7, 0.3, 8, np.dtype(dtype)).emitted
    for first, last in ((0, width), (0, width // 2), (width // 2, width), (width // 3, min(width, width // 3 + 2))):
        index, value = np.full(width + 3 + ROOM, -1, np.int32), np.zeros(width + 3 + ROOM, dtype)
        end = listing.list_codes(code, first, last, which, emitted, index, value, 3)
        levels = code[first:last]
        chosen = first + np.flatnonzero(levels if which == ALL else levels * which > 0)
        np.testing.assert_array_equal(index[3:end], chosen)
        np.testing.assert_array_equal(value[3:end], emitted[8 + code[chosen].astype(int)])
        assert (index[:3] == -1).all(), "what was listed before stays"
