"""Is time in a NIR file read as its writer meant it, or refused where it has no meaning?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import synaptile as sy
from synaptile.conversion.spikes import check_spikes
from synaptile.foundation.errors import GraphError, ImageError, InputError
from tests.nir.networks import recorded

nir = pytest.importorskip("nir", reason="the package nir is not installed (extra `nir`)")


def chain(neurons: Any, weight: float = 0.25) -> Any:
    """One input, one weight, neurons, output."""
    nodes = {
        "i": nir.Input({"input": np.array([1])}),
        "w": nir.Affine(np.array([[weight]]), np.zeros(1)),
        "n": neurons,
        "o": nir.Output({"output": np.array([1])}),
    }
    return nir.NIRGraph(nodes=nodes, edges=list(zip(list(nodes), list(nodes)[1:], strict=False)), type_check=False)


def integrate(r: float, threshold: float = 1.01) -> Any:
    return nir.IF(np.array([r]), np.array([threshold]), np.array([0.0]))


def leak(tau: float) -> Any:
    return nir.LIF(*(np.array([value]) for value in (tau, 1.0, 0.0, 1.0, 0.0)))


def train(graph: Any, steps: int, **how: Any) -> list[int]:
    spiking = sy.from_nir(graph, **how)
    program = sy.map_graph(spiking, sy.load_chip("loihi"), seed=0)
    activity = sy.execute(program, np.ones((steps, 1, 1)), steps, "float64", keep_spikes=1)
    return [int(spike) for spike in recorded(activity, "n")[:, 0, 0]]


def test_an_if_neuron_per_second_integrates_r_dt() -> None:
    """SpikingJelly's way: v += r dt I = 0.25 per step, over 1.01 at the fifth step, reset to 0."""
    graph = chain(integrate(1e4))
    assert train(graph, 10) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert sy.from_nir(graph).metadata["if_unit"] == "second"
    assert train(graph, 3, if_unit="step") == [1, 1, 1]


def test_an_if_neuron_per_step_integrates_r() -> None:
    assert train(chain(integrate(1.0)), 10) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert "if_unit" not in sy.from_nir(chain(integrate(1.0))).metadata


@given(st.floats(1e-5, 1e-2), st.floats(0.05, 0.9))
@settings(max_examples=20, deadline=None)
def test_either_writer_gives_the_same_spikes(dt: float, weight: float) -> None:
    per_second, per_step = chain(integrate(1 / dt), weight), chain(integrate(1.0), weight)
    assert sy.from_nir(per_second, dt=dt).arrays["n.r"] == pytest.approx(sy.from_nir(per_step, dt=dt).arrays["n.r"])


def test_an_unclear_unit_is_asked_for() -> None:
    with pytest.raises(GraphError, match=r"node 'n': r is 5000 and dt 0.0001.*if_unit='step'"):
        sy.from_nir(chain(integrate(5e3)))
    assert sy.from_nir(chain(integrate(5e3)), if_unit="second").arrays["n.r"] == pytest.approx(0.5)
    with pytest.raises(InputError, match="if_unit is 'seconds', must be 'step' or 'second'"):
        sy.from_nir(chain(integrate(5e3)), if_unit="seconds")  # type: ignore[arg-type]


@pytest.mark.parametrize("dt", [None, 1e-3])
def test_a_time_constant_below_a_step_is_refused(dt: float | None) -> None:
    with pytest.raises(GraphError, match=f"node 'n': tau is 6.67e-06, below dt, {dt or 1e-4:g}.*at most that"):
        sy.from_nir(chain(leak(6.67e-6)), dt=dt)


def test_with_the_step_that_the_writer_meant_it_runs() -> None:
    """Steady state 0.25, threshold 1: it never fires."""
    assert train(chain(leak(6.67e-6)), 12, dt=1e-6) == [0] * 12


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16])
def test_spikes_of_any_type_of_0_and_1(dtype: Any) -> None:
    source = sy.from_nir(chain(integrate(1.0))).source
    trains = np.array([[[1]], [[0]], [[1]]], dtype)
    assert check_spikes(trains, source, 3).tolist() == [[[1.0], [0.0], [1.0]]]  # type: ignore[arg-type]


def test_other_values_are_refused_in_any_type() -> None:
    source = sy.from_nir(chain(integrate(1.0))).source
    for trains in (np.full((2, 1, 1), 3, np.uint8), np.full((2, 1, 1), -1, np.int8), np.full((2, 1, 1), 2**62)):
        with pytest.raises(ImageError, match="other than 0 and 1"):
            check_spikes(trains, source, 2)  # type: ignore[arg-type]


def test_a_wrong_input_shape_is_refused() -> None:
    kernel = nir.Conv2d((9, 9), np.ones((2, 1, 3, 3)) / 4, 1, 1, 1, 1, np.zeros(2))
    ones = np.ones((2, 6, 5))
    nodes = {
        "i": nir.Input({"input": np.array([1, 6, 5])}),
        "c": kernel,
        "n": nir.IF(ones, ones, 0 * ones),
        "o": nir.Output({"output": np.array([2, 6, 5])}),
    }
    graph = nir.NIRGraph(nodes=nodes, edges=list(zip(list(nodes), list(nodes)[1:], strict=False)), type_check=False)
    with pytest.raises(GraphError, match=r"'c' \(Conv2d\): input_shape says \(9, 9\), the stream is \(6, 5\)"):
        sy.from_nir(graph)
