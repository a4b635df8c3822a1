"""Do the units do what the paper's laws say, and what follows from them in closed form?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import DifferentialNeurons, Port, ProductUnit
from synaptile.simulator.dense.reference import reference
from synaptile.simulator.dense.units import DifferenceUnit, DifferentialSite, Product
from synaptile.simulator.kernels.differential import fire_differential, make_levels
from synaptile.simulator.kernels.fire import empty_events
from tests.differential.networks import differential_vit
from tests.simulator.runs import some_images

WIDTH = 6


def site(n: int) -> DifferentialNeurons:
    return DifferentialNeurons("site", (Port("in", 0, WIDTH),), (1, WIDTH), n)


def published(inputs: NDArray[np.float64], theta: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """The neuron as published, with both running means; what it emits, (steps, width)."""
    m, e_in, e_out = np.zeros(WIDTH), np.zeros(WIDTH), np.zeros(WIDTH)
    emitted = []
    for t, x in enumerate(inputs):
        m = m + x + e_in - e_out
        s = np.zeros(WIDTH)
        for c in range(WIDTH):
            reached = [k for k in range(n) if abs(m[c]) >= 0.75 * theta[c] / 2**k]
            s[c] = np.sign(m[c]) * theta[c] / 2 ** reached[0] if reached else 0.0
        m, e_in, e_out = m - s, e_in + x / (t + 1), e_out + s / (t + 1)
        emitted.append(s)
    return np.array(emitted)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 10))
def test_one_membrane_does_what_the_published_neuron_does_with_two_means(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, theta = rng.standard_normal((9, WIDTH)), rng.uniform(0.2, 3.0, WIDTH)
    unit = DifferentialSite(site(n), theta)
    found = np.array([unit.step(t, [x[None]])[0] * theta for t, x in enumerate(inputs, 1)])
    np.testing.assert_allclose(found, published(inputs, theta, n), rtol=0, atol=1e-12)
    events = empty_events(len(inputs), WIDTH, 1)
    histogram = fire_differential(inputs, 0, len(inputs), make_levels(theta, n, 0, WIDTH), np.array([0, WIDTH]), events)
    codes = events.codes.astype(int)
    np.testing.assert_array_equal(np.sign(codes) * 2.0 ** (np.abs(codes) - n) * (codes != 0) * theta, found)
    assert histogram.sum() == np.count_nonzero(found) == events.counts.sum()


def test_attention_maps_take_the_threshold_of_their_head() -> None:
    rng = np.random.default_rng(0)
    node = DifferentialNeurons("maps", (Port("in", 0, 2),), (2, 3, 4), 5)
    theta, inputs = np.array([0.5, 2.0]), rng.standard_normal((4, 2, 3, 4))
    unit = DifferentialSite(node, theta)
    expected = np.array([unit.step(t, [x]) for t, x in enumerate(inputs, 1)])
    events = empty_events(4 * 6, 4, 1)
    fire_differential(inputs.reshape(24, 4), 0, 4, make_levels(theta, 5, 3, 4), np.array([0, 4]), events)
    codes = events.codes.astype(int).reshape(expected.shape)
    np.testing.assert_array_equal(np.sign(codes) * 2.0 ** (np.abs(codes) - 5.0) * (codes != 0), expected)


@given(value=st.floats(-1.4, 1.4), n=st.integers(2, 9))
def test_a_constant_is_represented_exactly_in_the_limit(value: float, n: int) -> None:
    """|e_in - e_out| = |m|/t, and a membrane grows by t/(t-1), to no more than what the smallest threshold leaves."""
    theta, steps = np.ones(WIDTH), 200
    unit, mean = DifferentialSite(site(n), theta), np.zeros(WIDTH)
    for t in range(1, steps + 1):
        mean += unit.step(t, [np.full((1, WIDTH), value if t == 1 else 0.0)])[0] / t
        assert abs(mean[0] - value) == pytest.approx(abs(unit.membrane[0, 0]) / t, abs=1e-12)
    assert abs(mean - value).max() <= 0.76 * 2.0 ** (1 - n) / (steps - 1) + 1e-12


def test_a_function_of_a_running_mean_telescopes() -> None:
    """The running mean of what a unit sends is F of the running mean that it was sent."""
    rng = np.random.default_rng(1)
    unit, read, sent = DifferenceUnit(np.tanh), np.zeros(4), np.zeros(4)
    for t in range(1, 9):
        x = rng.standard_normal(4)
        read, sent = read + x / t, sent + unit.step(t, [x]) / t
        np.testing.assert_allclose(sent, np.tanh(read), atol=1e-14)


@pytest.mark.parametrize("form", ["qk", "sv"])
def test_a_product_of_running_means_telescopes(form: str) -> None:
    heads, tokens, keys, width = 2, 3, 3, 4
    rows, maps = (tokens, heads * width), (heads, tokens, keys)
    node = ProductUnit("p", (), maps if form == "qk" else rows, form, heads, keys, width, law="difference")  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    gain = rng.uniform(0.5, 2.0, heads * width)
    unit = Product(node, ordered=True, gain=gain)
    mean_a, mean_b, sent = np.zeros(rows if form == "qk" else maps), np.zeros((keys, heads * width)), np.zeros(node.shape)
    for t in range(1, 7):
        a, b = rng.standard_normal(mean_a.shape), rng.standard_normal(mean_b.shape)
        mean_a, mean_b = mean_a + a / t, mean_b + b / t
        sent = sent + unit.step(t, [a, b]) / t
    right = (mean_b * gain).reshape(keys, heads, width)
    if form == "qk":
        expected = np.einsum("ihd,jhd->hij", mean_a.reshape(tokens, heads, width), right)
    else:
        expected = np.einsum("hij,jhd->ihd", mean_a, right).reshape(rows)
    np.testing.assert_allclose(sent, expected, atol=1e-13)


def test_a_network_tends_to_its_ann() -> None:
    """The error of every neuron's mean falls as 1/t: so does that of the logits."""
    graph = differential_vit(2)
    images = some_images(graph, 3, seed=4).astype(np.float64)
    run, ann = reference(graph, images, 256), ann_forward(graph, images)
    errors = np.abs(run.logits - ann).max(axis=(1, 2))
    assert errors[-1] < 0.02 and errors[-1] * 256 < 4 * errors[63] * 64
    assert run.settled is None
