"""Do products from events give Eq. 16-18 in two passes, in both forms, and count the pairs of both published accountings?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.conversion.graph import MTNeurons, Port, ProductUnit
from synaptile.simulator.event.product_unit import ProductEventUnit
from synaptile.simulator.kernels.fire import Events, empty_events, fire, make_thresholds
from synaptile.simulator.kernels.machine import PANEL
from synaptile.simulator.kernels.product import sum_rows
from tests import bounds
from tests.simulator import twins
from tests.simulator.runs import some_runs

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
    """Sparse spikes of all steps as events, and as values of shape (steps, images, *site.shape)."""
    width = site.shape[-1]
    current = rng.standard_normal((STEPS * IMAGES * site.size // width, width)).astype(dtype)
    current[rng.random(current.shape) < 0.4] = 0
    events = empty_events(len(current), width, 1)
    thresholds = make_thresholds(site.theta1, site.theta2, site.n, np.dtype(dtype))
    fire(current, 0, np.zeros_like(current), thresholds, np.array([0, width], np.int64), events)
    return events, thresholds.emitted[site.n + events.codes.astype(int)].reshape(STEPS, IMAGES, *site.shape)


def by_head(form: Form, a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Operands of one step per image and head: (images, heads, rows, d) and (images, heads, d, columns)."""
    keys = b.reshape(IMAGES, KEYS, HEADS, WIDTH).transpose(0, 2, 1, 3)
    if form == "sv":
        return a, keys
    return a.reshape(IMAGES, TOKENS, HEADS, WIDTH).transpose(0, 2, 1, 3), keys.transpose(0, 1, 3, 2)


def increment_bounds(a: NDArray[Any], b: NDArray[Any], dtype: Any) -> NDArray[np.float64]:
    """Per step: K(t) sums 3 d terms in each of t steps, operands sum t spikes; K(t)/t - K(t-1)/(t-1) rounds thrice more."""
    spikes_a, spikes_b = (np.abs(x).astype(np.float64).cumsum(axis=0) for x in (a, b))
    terms, means = 3 * a.shape[-1] + 2, [x / t for t, x in enumerate(spikes_a @ spikes_b, 1)]
    before = [np.zeros_like(means[0]), *means]
    return np.stack([bounds.gamma(terms * t + 3, dtype) * (means[t - 1] + before[t - 1]) for t in range(1, STEPS + 1)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["qk", "sv"])
def test_increments_and_counts_of_both_forms(form: Form, dtype: Any) -> None:
    rng = np.random.default_rng(11)
    node, sites = operands(form)
    unit = ProductEventUnit(node, sites, IMAGES, np.dtype(dtype))
    (events_a, values_a), (events_b, values_b) = (emit(site, rng, dtype) for site in sites)
    spikes = [by_head(form, a, b) for a, b in zip(values_a, values_b, strict=True)]
    found = unit.run(STEPS, [events_a, events_b], [0, 0]).reshape(STEPS, IMAGES, *node.shape)
    met, pairs = unit.traffic.events, (unit.traffic.eq30, unit.traffic.released)
    assert met is not None and pairs[0] is not None and pairs[1] is not None
    np.testing.assert_array_equal(met.a.ravel(), np.concatenate([np.count_nonzero(a, axis=3).ravel() for a, _ in spikes]))
    np.testing.assert_array_equal(met.b.ravel(), np.concatenate([np.count_nonzero(b, axis=2).ravel() for _, b in spikes]))
    for image in range(IMAGES):
        expected_pairs = np.zeros((2, STEPS), int)
        for head in range(HEADS):
            a, b = (np.stack([step[i][image, head] for step in spikes]) for i in (0, 1))
            increments, within = twins.product_increments(a, b), increment_bounds(a, b, dtype)
            for t in range(STEPS):
                own = found[t][image]
                block = own[head] if form == "qk" else own.reshape(TOKENS, HEADS, WIDTH)[:, head]
                bounds.assert_within(block, increments[t], within[t])
            expected_pairs += np.array(twins.product_pairs(a, b))
        for counted, expected in zip(pairs, expected_pairs, strict=True):
            assert counted is not None
            np.testing.assert_array_equal(counted[:, image], expected)


def test_the_first_step_counts_three_times_its_first_term() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(-1, 2, (1, 4, 3)), rng.integers(-1, 2, (1, 3, 5))
    eq30, released = twins.product_pairs(a, b)
    assert released[0] == 3 * eq30[0] > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("width", [16, 32, 48, 64, 112, 128, 208])
def test_sums_of_rows_are_rounded_as_numpy_rounds_them_in_the_same_order(width: int, blocks: int, dtype: Any) -> None:
    rng = np.random.default_rng(width)
    lines, depth = 6, 9
    emitted = make_thresholds(0.7, 0.3, 4, np.dtype(dtype)).emitted
    code = np.where(rng.random((lines, depth)) < 0.6, rng.integers(-4, 5, (lines, depth)), 0).astype(np.int8)
    code[4] = 0
    cuts = np.linspace(0, depth, blocks + 1).astype(np.int64)
    total, out = rng.standard_normal((depth, width)).astype(dtype), np.full((lines, width), np.nan, dtype)
    runs = some_runs(code, cuts, emitted)
    sum_rows(runs, cuts, total, np.empty(depth * PANEL, dtype), out)
    for line in range(lines):
        (depths,) = np.nonzero(code[line])
        values = emitted[4 + code[line, depths].astype(int)]
        np.testing.assert_array_equal(out[line], twins.ordered_rows(total, depths.tolist(), values.tolist()))
