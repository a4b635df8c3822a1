"""Do products from events give Eq. 16-18 in two passes, in both forms, and count the pairs of both published accountings?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from conversion.graph import MTNeurons, Port, ProductUnit
from simulator.event.product_unit import ProductEventUnit
from simulator.kernels.fire import Events, empty_events, fire, make_thresholds
from simulator.kernels.product import Operand, add_events, events_by_depth, expect_product, nonzeros_by_depth, regroup, sum_rows
from tests.simulator import twins
from tests.simulator.runs import needs_compiler

STEPS, IMAGES, HEADS, TOKENS, KEYS, WIDTH = 4, 2, 3, 5, 6, 4
THETAS = ((0.5, 0.25, 3), (0.3, 0.7, 4))
Form = Literal["qk", "sv"]


def operands(form: Form) -> tuple[ProductUnit, tuple[MTNeurons, MTNeurons]]:
    channels, maps = HEADS * WIDTH, (HEADS, TOKENS, KEYS)
    first, shape = ((TOKENS, channels), maps) if form == "qk" else (maps, (TOKENS, channels))
    sites = tuple(MTNeurons(name, (), s, *theta) for name, s, theta in zip("ab", (first, (KEYS, channels)), THETAS, strict=True))
    ports = (Port("a", 0, HEADS if form == "sv" else channels), Port("b", 0, channels))
    return ProductUnit("p", ports, shape, form, HEADS, KEYS, WIDTH), sites  # type: ignore[return-value]


def emit(site: MTNeurons, rng: np.random.Generator, dtype: Any) -> tuple[Events, NDArray[Any]]:
    """Sparse spikes of one step as events, and as values of shape (images, *site.shape)."""
    current = rng.standard_normal((IMAGES * site.size // site.shape[-1], site.shape[-1])).astype(dtype)
    current[rng.random(current.shape) < 0.4] = 0
    events = empty_events(len(current), site.shape[-1], 1, np.dtype(dtype))
    thresholds = make_thresholds(site.theta1, site.theta2, site.n, np.dtype(dtype))
    fire(current, 0, np.zeros_like(current), thresholds, np.array([0, site.shape[-1]], np.int64), events)
    return events, thresholds.emitted[site.n + events.code.astype(int)].reshape(IMAGES, *site.shape)


def by_head(form: Form, a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Operands of one step per image and head: (images, heads, rows, d) and (images, heads, d, columns)."""
    keys = b.reshape(IMAGES, KEYS, HEADS, WIDTH).transpose(0, 2, 1, 3)
    if form == "sv":
        return a, keys
    return a.reshape(IMAGES, TOKENS, HEADS, WIDTH).transpose(0, 2, 1, 3), keys.transpose(0, 1, 3, 2)


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["qk", "sv"])
def test_increments_and_counts_of_both_forms(form: Form, dtype: Any) -> None:
    rng = np.random.default_rng(11)
    node, sites = operands(form)
    unit = ProductEventUnit(node, sites, IMAGES, np.dtype(dtype))
    spikes: list[tuple[NDArray[Any], NDArray[Any]]] = []
    found: list[NDArray[Any]] = []
    traffic: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for t in range(1, STEPS + 1):
        (events_a, a), (events_b, b) = (emit(site, rng, dtype) for site in sites)
        spikes.append(by_head(form, a, b))
        found.append(unit.step(t, [events_a, events_b], [0, 0]).reshape(IMAGES, *node.shape))
        assert unit.traffic.eq30 is not None and unit.traffic.released is not None
        traffic.append((unit.traffic.eq30, unit.traffic.released))
        met = unit.traffic.events
        assert met is not None and met.second_pass is (t > 1)
        np.testing.assert_array_equal(met.a, np.count_nonzero(spikes[-1][0], axis=3).ravel())
        np.testing.assert_array_equal(met.b, np.count_nonzero(spikes[-1][1], axis=2).ravel())
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for image in range(IMAGES):
        expected_pairs = np.zeros((2, STEPS), int)
        for head in range(HEADS):
            a, b = (np.stack([step[i][image, head] for step in spikes]) for i in (0, 1))
            increments = twins.product_increments(a, b)
            for t in range(STEPS):
                own = found[t][image]
                block = own[head] if form == "qk" else own.reshape(TOKENS, HEADS, WIDTH)[:, head]
                np.testing.assert_allclose(block, increments[t], rtol=tolerance, atol=tolerance)
            expected_pairs += np.array(twins.product_pairs(a, b))
        for accounting in (0, 1):
            assert [int(step[accounting][image]) for step in traffic] == expected_pairs[accounting].tolist()


def test_the_first_step_counts_three_times_its_first_term() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(-1, 2, (1, 4, 3)), rng.integers(-1, 2, (1, 3, 5))
    eq30, released = twins.product_pairs(a, b)
    assert released[0] == 3 * eq30[0] > 0


def operand_of(matrix: NDArray[Any]) -> Operand:
    """Events of (lines, depth) values."""
    lines, depth = matrix.shape
    operand = Operand(np.zeros((lines, depth), np.int32), np.zeros((lines, depth)), np.zeros(lines, np.int32))
    for line, row in enumerate(matrix):
        (found,) = np.nonzero(row)
        operand.depth[line, : len(found)], operand.value[line, : len(found)] = found, row[found]
        operand.spikes[line] = len(found)
    return operand


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [16, 32, 48, 64, 112, 128, 208])
def test_sums_of_rows_are_rounded_as_numpy_rounds_them_in_the_same_order(width: int, dtype: Any) -> None:
    rng = np.random.default_rng(width)
    values = np.where(rng.random((6, 9)) < 0.6, rng.standard_normal((6, 9)), 0).astype(dtype)  # two blocks of three lines
    values[4] = 0
    plain = operand_of(values)
    operand = plain._replace(value=plain.value.astype(dtype))
    total = rng.standard_normal((2, 9, width)).astype(dtype)
    out = np.full((6, width), np.nan, dtype)
    met = sum_rows(operand, total, out)
    assert met.tolist() == np.count_nonzero(values, axis=1).tolist()
    for line in range(6):
        (depths,) = np.nonzero(values[line])
        expected = twins.ordered_rows(total[line // 3], depths.tolist(), values[line, depths].tolist())
        np.testing.assert_array_equal(out[line], expected)


@pytest.mark.parametrize("strides", [(60, 4, 12, 1), (60, 20, 4, 1), (60, 20, 1, 5)])
def test_regroup_collects_lines_at_any_strides(strides: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(0)
    code = rng.integers(-2, 3, 120).astype(np.int8)
    emitted = np.array([-8.0, -4.0, 0.0, 1.0, 2.0])
    shape = (2, 3, 5, 4)
    found = Operand(np.full((30, 4), -1, np.int32), np.zeros((30, 4)), np.zeros(30, np.int32))
    regroup(code, emitted, np.array(strides, np.int64), np.array(shape, np.int64), found)
    job = 0
    for image in range(2):
        for head in range(3):
            for line in range(5):
                at = [image * strides[0] + head * strides[1] + line * strides[2] + d * strides[3] for d in range(4)]
                events = [(d, emitted[2 + code[i]]) for d, i in enumerate(at) if code[i]]
                count = int(found.spikes[job])
                assert list(zip(found.depth[job, :count], found.value[job, :count], strict=True)) == events
                job += 1


def test_sums_and_tallies_by_depth() -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(-2, 3, (2, 3, 4)).astype(float)  # blocks, lines, depth
    operand = operand_of(values.reshape(6, 4))
    total = np.zeros((2, 4, 16))
    add_events(operand, total)
    add_events(operand, total)
    np.testing.assert_array_equal(total[:, :, :3], 2 * values.transpose(0, 2, 1))
    assert not total[:, :, 3:].any()
    nonzero = np.count_nonzero(values, axis=1)
    np.testing.assert_array_equal(events_by_depth(operand, 2, 4), nonzero)
    np.testing.assert_array_equal(nonzeros_by_depth(total), nonzero)


def test_the_expectation_of_a_product_lands_where_its_strides_say() -> None:
    rng = np.random.default_rng(6)
    first, second, total = rng.standard_normal((4, 2, 16)), rng.standard_normal((4, 3, 16)), rng.standard_normal((4, 2, 3))
    before = total.copy()
    strides = np.array([12, 3, 6, 1, 2], np.int64)  # two images of two heads, (tokens, heads * 3) each
    out = np.full(24, np.nan)
    expect_product(first, second, total, out, strides, np.array([1 / 3, 1 / 2]))
    after = before + (first[:, :, :3] + second[:, :, :2].transpose(0, 2, 1))
    np.testing.assert_array_equal(total, after)
    expected = (after * (1 / 3) - before * (1 / 2)).reshape(2, 2, 2, 3).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(out, expected.ravel())
