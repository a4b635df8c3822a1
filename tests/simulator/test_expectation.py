"""Do EC units emit t F(S(t)/t) - (t-1) F(S(t-1)/(t-1)) (Eq. 15) for every function, and F to the last bit of the reference?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy.special import erf as library_erf

from synaptile.conversion.graph.units import ECFunction
from synaptile.simulator.dense import arithmetic
from synaptile.simulator.kernels import functions
from synaptile.simulator.kernels.expectation import Function, expect, make_clock, make_constants
from tests import bounds
from tests.simulator import twins
from tests.simulator.runs import needs_compiler

STEPS, ROWS, WIDTH, START = 4, 5, 7, 3
FUNCTIONS: tuple[ECFunction, ...] = get_args(ECFunction)


def run_unit(
    function: ECFunction, dtype: Any, scale: float, arrays: dict[str, NDArray[Any]], inputs: NDArray[Any]
) -> NDArray[Any]:
    """The kernel over all steps; inputs (steps, rows, START + width or more)."""
    steps, rows, width = *inputs.shape[:2], next((array.shape[-1] for array in arrays.values()), WIDTH)
    constants = make_constants(function, scale, 1e-5, width, np.dtype(dtype), arrays)
    out = np.full((steps * rows, width), np.nan, dtype)
    expect(inputs.reshape(steps * rows, -1), START, out, constants, make_clock("mean", steps, np.dtype(dtype)))
    return out.reshape(steps, rows, width)


def twin_function(
    function: str, scale: float, arrays: dict[str, NDArray[Any]], row: int
) -> Callable[[twins.Scalars], list[float]]:
    if function == "layer_norm":
        return lambda x: twins.layer_norm([v * scale for v in x], arrays["weight"].tolist(), arrays["bias"].tolist(), 1e-5)
    if function == "rms_norm":
        return lambda x: twins.rms_norm([v * scale for v in x], arrays["weight"].tolist(), 1e-5)
    if function == "softmax":
        bias = arrays["map_bias"][row % len(arrays["map_bias"])].tolist() if "map_bias" in arrays else [0.0] * WIDTH
        return lambda x: twins.softmax([v * scale + b for v, b in zip(x, bias, strict=True)])
    return lambda x: [twins.ACTIVATIONS[function](v * scale) for v in x]


def arrays_of(function: str, rng: np.random.Generator, *, biased: bool) -> dict[str, NDArray[Any]]:
    if function == "layer_norm":
        return {"weight": rng.standard_normal(WIDTH), "bias": rng.standard_normal(WIDTH)}
    if function == "rms_norm":
        return {"weight": rng.standard_normal(WIDTH)}
    return {"map_bias": rng.standard_normal((2, WIDTH))} if biased else {}


def error_of_function(
    function: str, mean: NDArray[np.float64], off: NDArray[np.float64], arrays: dict[str, NDArray[Any]], row: int, dtype: Any
) -> NDArray[np.float64]:
    """How far F may be off at `mean` (scaled, float64) where what it reads is already `off`."""
    u = bounds.unit_roundoff(dtype)
    if function == "layer_norm":  # slope of the normalised row <= 1/sigma in the Euclidean norm; width + 6 roundings behind it
        weight, bias = np.abs(arrays["weight"]), np.abs(arrays["bias"])
        centred, sigma = mean - mean.mean(), math.sqrt(mean.var())
        moved = np.linalg.norm(off + bounds.gamma(WIDTH + 2, dtype) * np.abs(mean).max()) / sigma
        return np.asarray(weight * (moved + np.abs(centred) / sigma * (WIDTH + 6) * u) + u * bias)
    if function == "rms_norm":  # slope of the normalised row <= 1/root in the Euclidean norm; width + 6 roundings behind it
        root = math.sqrt(np.square(mean).mean() + 1e-5)
        return np.asarray(np.abs(arrays["weight"]) * (np.linalg.norm(off) + np.abs(mean) * (WIDTH + 6) * u) / root)
    if function == "softmax":  # an input off by e moves a share by 2 e of itself; exp, sum and quotient round WIDTH + 8 times
        if "map_bias" in arrays:
            mean = mean + arrays["map_bias"][row % len(arrays["map_bias"])]
        shares = np.asarray(twins.softmax(mean.tolist()))
        return np.asarray(shares * 2 * (off.max() + u * (2 * np.abs(mean).max() + np.ptp(mean) + WIDTH + 8)))
    # No slope is above 1.13, of hard swish 1.5, in front of its bend. erf errs by 1.5e-7 < 3 u of float32 (Abramowitz and Stegun)
    # in that format, tanh doubles a sigmoid: with what stands around them 24 u of 1, or of |x| where F is a product with x.
    return (1.5 if function == "hard_swish" else 1.13) * off + 24 * u * np.maximum(1.0, np.abs(mean))


def error_of_increments(
    function: str, inputs: NDArray[Any], scale: float, arrays: dict[str, NDArray[Any]], row: int, dtype: Any
) -> NDArray[np.float64]:
    """Bound of t F(S(t)/t) - (t-1) F(S(t-1)/(t-1)) for inputs (steps, width): errors of S, of both F, and 4 roundings around."""
    sums, magnitudes = inputs.astype(np.float64).cumsum(axis=0), np.abs(inputs).astype(np.float64).cumsum(axis=0)
    evaluate, before, errors = twin_function(function, scale, arrays, row), np.zeros(inputs.shape[1]), []
    for t, (total, magnitude) in enumerate(zip(sums, magnitudes, strict=True), 1):
        off = bounds.gamma(t + 3, dtype) * scale * magnitude / t
        own = t * error_of_function(function, scale * total / t, off, arrays, row, dtype)
        own += bounds.gamma(4, dtype) * t * np.abs(evaluate((total / t).tolist()))
        errors.append(own + before)
        before = own
    return np.stack(errors)


def test_every_function_of_the_graph_has_a_kernel() -> None:
    known = {"layer_norm", "rms_norm", "softmax", *twins.ACTIVATIONS}
    assert {function.name.lower() for function in Function} == set(FUNCTIONS) == known


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1.0, 0.35])
@pytest.mark.parametrize(("function", "biased"), [*((f, False) for f in FUNCTIONS), ("softmax", True)])
def test_increments_follow_eq_15(function: ECFunction, biased: bool, scale: float, dtype: Any) -> None:
    rng = np.random.default_rng(7)
    arrays = arrays_of(function, rng, biased=biased)
    inputs = (2 * rng.standard_normal((STEPS, ROWS, START + WIDTH + 1))).astype(dtype)
    outputs = run_unit(function, dtype, scale, arrays, inputs)
    for row in range(ROWS):
        read = inputs[:, row, START : START + WIDTH]
        expected = twins.expectation(read.astype(np.float64).tolist(), twin_function(function, scale, arrays, row))
        within = error_of_increments(function, read, scale, arrays, row, dtype)
        bounds.assert_within(outputs[:, row], expected, within, f"{function}, row {row}")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [7, 16, 37])
@pytest.mark.parametrize("function", ["layer_norm", "rms_norm", "softmax"])
def test_rows_summed_sixteen_at_once_give_what_each_gives_alone(function: ECFunction, width: int, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    names = {"layer_norm": ("weight", "bias"), "rms_norm": ("weight",), "softmax": ("map_bias",)}[function]
    arrays = {name: rng.standard_normal((1, width) if function == "softmax" else width) for name in names}
    inputs = (2 * rng.standard_normal((STEPS, 16 + 16 + 5, START + width))).astype(dtype)
    together = run_unit(function, dtype, 0.35, arrays, inputs)
    alone = [run_unit(function, dtype, 0.35, arrays, np.ascontiguousarray(inputs[:, r : r + 1])) for r in range(inputs.shape[1])]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_increments_add_up_to_t_times_f_of_the_mean(function: ECFunction, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    arrays = arrays_of(function, rng, biased=False)
    inputs = rng.standard_normal((STEPS, ROWS, START + WIDTH)).astype(dtype)
    total = run_unit(function, dtype, 1.0, arrays, inputs).sum(axis=0, dtype=np.float64)
    for row in range(ROWS):
        mean = inputs[:, row, START:].mean(axis=0, dtype=np.float64).tolist()
        expected = [STEPS * value for value in twin_function(function, 1.0, arrays, row)(mean)]
        within = error_of_increments(function, inputs[:, row, START:], 1.0, arrays, row, dtype).sum(axis=0)
        bounds.assert_within(total[row], expected, within, f"{function}, row {row}")


def grid() -> NDArray[np.float32]:
    """Float32 from the smallest to the largest, both signs, boundaries of the range reduction and clamps among them."""
    # The range reduction changes its power of two at odd multiples of ln(2)/2.
    turns = np.concatenate([np.arange(1, 256) * (math.log(2) / 2) * (1 + shift) for shift in np.linspace(-1e-4, 1e-4, 101)])
    magnitudes = np.concatenate([10.0 ** np.linspace(-44, 38.5, 20_000), np.linspace(0, 100, 50_001), turns])
    bits = np.random.default_rng(0).integers(0, 0x7F800000, 20_000, dtype=np.uint32)
    values = np.concatenate([magnitudes.astype(np.float32), bits.view(np.float32)])
    edges = np.array([0.0, 87.0, 88.0, np.finfo(np.float32).tiny, 1e-45], np.float32)
    largest = np.array([np.finfo(np.float32).max, np.inf], np.float32)
    near = np.concatenate([np.nextafter(edges, np.float32(0)), edges, np.nextafter(edges, np.float32(1e3))])
    both = np.concatenate([values, near, largest])
    return np.concatenate([both, -both])


@needs_compiler
@pytest.mark.parametrize("name", ["exp", "erf"])
def test_float32_functions_equal_the_reference_to_the_last_bit(name: str) -> None:
    scalar = getattr(functions, name)

    @njit
    def evaluate(x: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = scalar(x[i])

    x = grid()
    out = np.empty_like(x)
    evaluate(x, out)
    with np.errstate(over="ignore"):  # x*x of the largest float32 is infinite on both sides
        reference = getattr(arithmetic, name)(x)
    assert reference.dtype == np.float32
    np.testing.assert_array_equal(out.view(np.uint32), reference.view(np.uint32))


def test_float32_polynomials_are_accurate() -> None:
    x = np.linspace(-80, 80, 100_001).astype(np.float32)
    # exp: its last three roundings, p * r^2 + r + 1 and half of one for the reduced argument: 3.5 u. erf: its own 1.5e-7, and
    # 6 roundings of a polynomial whose terms stay below 1. Only + - * /, each correctly rounded: the same on every machine.
    u, at = bounds.unit_roundoff(np.float32), (x / 16).astype(np.float64)
    exact = np.exp(x.astype(np.float64))
    bounds.assert_within(arithmetic.exp(x), exact, 3.5 * u * exact, "exp")
    bounds.assert_within(arithmetic.erf(x / 16), library_erf(at), 1.5e-7 + 6 * u, "erf")
    ends = np.array([-1e30, -30, 0, 30, 1e30], np.float32)
    assert np.isfinite(arithmetic.exp(ends)).all() and arithmetic.exp(ends)[2] == 1.0
    np.testing.assert_array_equal(arithmetic.erf(ends[[1, 3]]), [-1.0, 1.0])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_float32_unit_equals_the_reference_unit_to_the_last_bit(function: ECFunction) -> None:
    from synaptile.conversion.graph import ECUnit, Port
    from synaptile.simulator.dense.units import ExpectationUnit
    from tests.graphs import vit_graph

    graph = vit_graph(1, 5, WIDTH, 1, 4, 2)
    names = {"layer_norm": ("weight", "bias"), "rms_norm": ("weight",)}.get(function, ())
    arrays = {name: graph.array("norm", name) for name in names}
    node = ECUnit("norm", (Port("x", 0, WIDTH),), (ROWS, WIDTH), function, eps=1e-5, input_scale=0.3)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scale = 10 ** rng.uniform(-2, 1.5, (STEPS, ROWS, 1))
        inputs = (rng.standard_normal((STEPS, ROWS, START + WIDTH)) * scale).astype(np.float32)
        found = run_unit(function, np.float32, 0.3, arrays, inputs)
        unit = ExpectationUnit(lambda x: arithmetic.evaluate(graph, node, x))
        for t, x in enumerate(inputs, 1):
            np.testing.assert_array_equal(found[t - 1], unit.step(t, [x[:, START:]]))
