"""Do spikes listed, counted and reset a register at a time come out as neuron by neuron?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.simulator.kernels import dispatch, plain
from synaptile.simulator.kernels.fire import make_thresholds, pack_fired
from synaptile.simulator.kernels.plain import ALL, DOWN, ROOM, UP, SpikeList
from synaptile.simulator.kernels.vector import codes as vector
from tests.simulator.runs import needs_compiler, some_runs

WIDTHS = [1, 5, 15, 16, 17, 63, 64, 65, 112, 128, 130, 197, 384]


def some_codes(rows: int, width: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(width)
    return np.where(rng.random((rows, width)) < 0.5, rng.integers(-8, 9, (rows, width)), 0).astype(np.int8)


@pytest.mark.parametrize("width", WIDTHS)
def test_masks_are_those_of_packbits(width: int) -> None:
    codes = some_codes(3, width)
    mask = np.full((3, -(-width // 8)), 255, np.uint8)
    pack_fired(codes, mask)
    np.testing.assert_array_equal(mask, np.packbits(codes != 0, axis=1))


@pytest.mark.parametrize("width", WIDTHS)
def test_levels_are_counted(width: int) -> None:
    code = some_codes(1, width)[0]
    assert [dispatch.count_level(code, k) for k in range(-8, 9)] == [np.count_nonzero(code == k) for k in range(-8, 9)]
    assert dispatch.count_fired(code) == np.count_nonzero(code)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_reset_takes_what_a_spike_is_worth(width: int, dtype: Any) -> None:
    code, emitted = some_codes(1, width)[0], make_thresholds(0.7, 0.3, 8, np.dtype(dtype)).emitted
    before = np.random.default_rng(0).standard_normal(width).astype(dtype)
    membrane = before.copy()
    dispatch.reset_codes(code, emitted, membrane)
    np.testing.assert_array_equal(membrane, before - emitted[8 + code.astype(int)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("which", [ALL, UP, DOWN])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("number", [np.int32, np.uint16])
def test_any_run_of_neurons_is_listed_in_order(width: int, which: int, dtype: Any, number: Any) -> None:
    code, emitted = some_codes(1, width)[0], make_thresholds(0.7, 0.3, 8, np.dtype(dtype)).emitted
    for first, last in ((0, width), (0, width // 2), (width // 2, width), (width // 3, min(width, width // 3 + 2))):
        index, value = np.full(width + 3 + ROOM, 999, number), np.zeros(width + 3 + ROOM, dtype)
        end = dispatch.list_codes(code, first, last, which, emitted, SpikeList(index, value), 3)
        levels = code[first:last]
        chosen = np.flatnonzero(levels if which == ALL else levels * which > 0)
        np.testing.assert_array_equal(index[3:end], chosen)
        np.testing.assert_array_equal(value[3:end], emitted[8 + levels[chosen].astype(int)])
        assert (index[:3] == 999).all(), "what was listed before stays"


@needs_compiler
@pytest.mark.skipif(not dispatch.COMPRESSES, reason="this machine does not compress registers")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("which", [ALL, UP, DOWN])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_register_at_a_time_lists_what_neuron_by_neuron_does(width: int, which: int, dtype: Any) -> None:
    code, emitted = some_codes(1, width)[0], make_thresholds(0.7, 0.3, 8, np.dtype(dtype)).emitted
    for first, last in ((0, width), (width // 2, width), (width // 3, min(width, width // 3 + 2))):
        lists = []
        for way in (vector.list_by_registers, plain.list_codes):
            index, value = np.zeros(width + ROOM, np.uint16), np.zeros(width + ROOM, dtype)
            end = way(code, first, last, which, emitted, SpikeList(index, value), 0)
            lists.append((index[:end].tolist(), value[:end].tolist()))
        assert lists[0] == lists[1]


def test_powers_of_two_are_listed_as_bytes() -> None:
    code = some_codes(1, 197)[0]
    powers = np.array([2.0 ** (abs(k) - 1) if k else 0.0 for k in range(-8, 9)], np.float32)
    index, value = np.zeros(197 + ROOM, np.uint16), np.zeros(197 + ROOM, np.uint8)
    end = dispatch.list_codes(code, 0, 197, UP, powers, SpikeList(index, value), 0)
    np.testing.assert_array_equal(value[:end], 2 ** (code[code > 0].astype(int) - 1))


@pytest.mark.parametrize("width", WIDTHS)
def test_spikes_between_two_neurons_are_counted(width: int) -> None:
    code = some_codes(1, width)[0]
    for first, last in ((0, width), (0, width // 2), (width // 2, width), (width // 3, width // 3)):
        assert dispatch.count_between(code, first, last) == np.count_nonzero(code[first:last])


@pytest.mark.parametrize("which", [ALL, UP, DOWN])
@pytest.mark.parametrize("cuts", [[0, 130], [0, 1, 60, 130], [0, 64, 128, 130]])
def test_runs_hold_every_spike_of_every_line_once_and_as_many_fours_side_by_side(which: int, cuts: list[int]) -> None:
    code, emitted = some_codes(9, 130), make_thresholds(0.7, 0.3, 8, np.dtype(np.float32)).emitted
    code[3], code[5] = 0, 1
    runs = some_runs(code, np.array(cuts), emitted, which)
    for b, (left, right) in enumerate(pairwise(cuts)):
        assert sorted(runs.order[b]) == list(range(9))
        lengths = np.diff(runs.starts[b])
        assert (lengths % 4 == 0).all() and (np.diff(lengths) >= 0).all()
        for p, line in enumerate(runs.order[b]):
            held = slice(runs.starts[b, p], runs.starts[b, p + 1])
            levels = code[line, left:right]
            chosen = np.flatnonzero(levels if which == ALL else levels * which > 0)
            row, value = runs.spikes.row[held], runs.spikes.value[held]
            np.testing.assert_array_equal(row[: len(chosen)], chosen)
            np.testing.assert_array_equal(value[: len(chosen)], emitted[8 + levels[chosen].astype(int)])
            assert len(row) - len(chosen) < 4 and not row[len(chosen) :].any() and not value[len(chosen) :].any()
