"""Pooling between a convolution and its neurons: one larger convolution, the same currents and the same spikes."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import Convolution2d
from synaptile.conversion.nir import from_nir, to_nir, write_nir
from synaptile.foundation.errors import GraphError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from tests.nir import plain
from tests.nir.networks import chain, integrate_and_fire, io, leaky, linear, recorded, trains
from tests.nir.test_counts import pairs, reached
from tests.nir.test_execution import CHIPS
from tests.simulator.runs import needs_compiler

POOLS = {"sum": nir.SumPool2d, "mean": nir.AvgPool2d}


def pooling(kind: str, kernel: Any, stride: Any, padding: Any = (0, 0)) -> Any:
    return POOLS[kind](np.array(kernel), np.array(stride), np.array(padding))


def conv_then_pool(kind: str = "sum", seed: int = 0) -> Any:
    """A strided, padded, dilated convolution, pooled twice before its neurons; a pooled one behind pooled spikes; a Linear."""
    rng = np.random.default_rng(seed)
    source, sink = io((2, 15, 12), (4,))
    gain = 4.0 if kind == "mean" else 0.5
    first = nir.Conv2d((15, 12), gain * rng.standard_normal((4, 2, 3, 2)) / 4, (2, 1), (1, 1), (1, 2), 1, 0.1 * np.ones(4))
    second = nir.Conv2d((3, 5), gain * rng.standard_normal((6, 2, 2, 2)) / 2, 1, 1, 1, 2, 0.1 * rng.standard_normal(6))
    return chain(
        {
            "input": source,
            "conv1": first,  # 8 x 12
            "pool1": pooling(kind, (2, 3), (1, 2)),  # 7 x 5
            "again": pooling(kind, (2, 1), (1, 1)),  # 6 x 5
            "lif1": leaky(rng, 4, 6, 5),
            "before": pooling("mean", (2, 1), (2, 1)),  # 3 x 5, of spikes
            "conv2": second,  # 4 x 6
            "pool2": pooling(kind, (2, 2), (2, 2)),  # 2 x 3
            "if2": integrate_and_fire(rng, 6, 2, 3),
            "flatten": nir.Flatten(input_type={"input": np.array([6, 2, 3])}, start_dim=0, end_dim=-1),
            "fc": linear(rng, 4, 36),
            "if3": integrate_and_fire(rng, 4),
            "output": sink,
        }
    )


@st.composite
def poolings(draw: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """A Conv2d, the pooling behind it, and the shape of what it reads."""
    groups = draw(st.integers(1, 2))
    shape = (groups * draw(st.integers(1, 2)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outputs = groups * draw(st.integers(1, 2))
    weight = rng.standard_normal((outputs, shape[0] // groups, *draw(pairs(1, 3))))
    stride, padding, dilation = draw(pairs(1, 3)), draw(pairs(0, 2)), draw(pairs(1, 3))
    conv = nir.Conv2d(shape[1:], weight, stride, padding, dilation, groups, rng.standard_normal(outputs))
    pool = pooling(draw(st.sampled_from(list(POOLS))), draw(pairs(1, 3)), draw(pairs(1, 3)))
    assume(min(plane_behind(conv, pool, shape)) > 0)
    return conv, pool, shape


def plane_behind(conv: Any, pool: Any, shape: tuple[int, ...]) -> list[int]:
    found = []
    for axis in range(2):
        extent = shape[1 + axis] + 2 * conv.padding[axis] - conv.dilation[axis] * (conv.weight.shape[2 + axis] - 1) - 1
        behind = extent // conv.stride[axis] + 1 if extent >= 0 else 0
        found.append((behind - pool.kernel_size[axis]) // pool.stride[axis] + 1 if behind >= pool.kernel_size[axis] else 0)
    return found


@settings(max_examples=80, deadline=None)
@given(poolings())
def test_one_convolution_does_what_convolution_and_pooling_do(case: Any) -> None:
    conv, pool, shape = case
    rng = np.random.default_rng(0)
    out = (len(conv.weight), *plane_behind(conv, pool, shape))
    source, sink = io(shape, out)
    graph = from_nir(chain({"input": source, "conv": conv, "pool": pool, "if": integrate_and_fire(rng, *out), "output": sink}))
    folded = graph.nodes["conv"]
    assert isinstance(folded, Convolution2d) and "pool" not in graph.nodes
    assert (folded.channels, *folded.plane) == out
    one = nir.Conv2d(
        None,
        graph.array("conv", "weight"),
        folded.stride,
        folded.padding,
        folded.dilation,
        folded.groups,
        graph.array("conv", "bias"),
    )
    image = rng.standard_normal(shape)
    both = plain.step(pool, "pool", plain.convolve(conv, image), {}, 1.0, False)
    np.testing.assert_allclose(plain.convolve(one, image), both, rtol=0, atol=1e-12)
    for axis in range(2):  # no coarser step would do, and no row or column of the kernel is spare
        reach = folded.dilation[axis] * (folded.kernel[axis] - 1)
        window, taps = pool.kernel_size[axis] - 1, conv.weight.shape[2 + axis] - 1
        assert reach == window * conv.stride[axis] + taps * conv.dilation[axis]
        assert folded.dilation[axis] == (gcd(conv.stride[axis] * bool(window), conv.dilation[axis] * bool(taps)) or 1)


@pytest.mark.parametrize("kind", POOLS)
def test_the_reference_spikes_as_plain_loops_do(kind: str) -> None:
    network = conv_then_pool(kind)
    spikes = trains(network, 10, 2)
    fired, logits = plain.run(network, spikes)
    found = reference(from_nir(network), spikes, 10)
    for site, values in fired.items():
        assert 0.02 < values.mean() < 0.9, f"{site} tests nothing"
        assert np.array_equal(found.spikes[site][:, :, 0], values)
    assert np.array_equal(found.logits, logits)


@needs_compiler
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", POOLS)
def test_events_spike_as_plain_loops_do(kind: str, chip: str) -> None:
    network = conv_then_pool(kind)
    spikes = trains(network, 8, 2)
    fired, logits = plain.run(network, spikes)
    activity = execute(map_graph(from_nir(network), CHIPS[chip](), anneal_moves=0), spikes, 8, "float64", keep_spikes=2)
    for site, values in fired.items():
        assert np.array_equal(recorded(activity, site), values)
    assert np.array_equal(activity.logits, logits)


@needs_compiler
def test_int8_of_the_folded_weights_is_the_same_as_the_references() -> None:
    network = conv_then_pool()
    graph, spikes = from_nir(network), trains(network, 6, 2).astype(np.float32)
    expected = reference(graph, spikes, 6, "int8")
    activity = execute(map_graph(graph, load_chip("loihi"), anneal_moves=0), spikes, 6, "int8")
    assert np.array_equal(activity.logits, expected.logits)


def test_currents_that_only_the_output_reads_are_pooled_too() -> None:
    rng = np.random.default_rng(4)
    source, sink = io((1, 6, 6), (2, 2, 2))
    conv = nir.Conv2d((6, 6), rng.standard_normal((2, 1, 3, 3)), 1, 0, 1, 1, rng.standard_normal(2))
    network = chain({"input": source, "conv": conv, "pool": pooling("sum", (2, 2), (2, 2)), "output": sink})
    spikes = trains(network, 4, 2)
    np.testing.assert_allclose(reference(from_nir(network), spikes, 4).logits, plain.run(network, spikes)[1], rtol=0, atol=1e-12)


def test_the_folded_kernel_is_counted_and_said() -> None:
    rng = np.random.default_rng(0)
    figures = {}
    for window, stride in ((1, 1), (2, 2), (3, 1)):
        side = (8 - window) // stride + 1
        source, sink = io((2, 10, 10), (4, side, side))
        conv = nir.Conv2d((10, 10), rng.standard_normal((4, 2, 3, 3)), 1, 0, 1, 1, np.zeros(4))
        nodes = {"input": source, "conv": conv, "pool": pooling("sum", (window, window), (stride, stride))}
        graph = from_nir(chain(nodes | {"if": integrate_and_fire(rng, 4, side, side), "output": sink}))
        node = graph.nodes["conv"]
        assert isinstance(node, Convolution2d)
        centre = reached(node, 5 * 10 + 5).sum()
        figures[window, stride] = (graph.array("conv", "weight").size, int(centre), graph.ann_macs["conv"])
    # weights, accumulates of a spike in mid-plane, MACs of a dense pass: more weights; accumulates by how far the windows overlap
    assert figures == {
        (1, 1): (8 * 9, 4 * 9, 4 * 64 * 18),
        (2, 2): (8 * 16, 4 * 4, 4 * 16 * 32),
        (3, 1): (8 * 25, 4 * 25, 4 * 36 * 50),
    }
    assert graph.metadata["folded_pooling"] == "pool into conv, kernel 3 x 3 -> 5 x 5"
    assert "pool into conv, kernel 3 x 3 -&gt; 5 x 5" in graph._repr_html_()


def test_folded_weights_survive_nir_and_keep_the_precision_of_the_file(tmp_path: Path) -> None:
    graph = from_nir(conv_then_pool(), name="net")
    assert from_nir(to_nir(graph), name="net").digest == graph.digest
    write_nir(graph, tmp_path / "net.nir")
    assert from_nir(tmp_path / "net.nir").digest == graph.digest
    source, sink = io((1, 4, 4), (1, 1, 1))
    third = np.full((1, 1, 3, 3), 1 / 3, np.float32)
    conv = nir.Conv2d((4, 4), third, 1, 0, 1, 1, np.ones(1, np.float32))
    single = from_nir(chain({"input": source, "conv": conv, "pool": pooling("mean", (2, 2), (1, 1)), "output": sink}))
    assert single.array("conv", "weight").dtype == single.array("conv", "bias").dtype == np.float32
    assert single.array("conv", "weight")[0, 0, 1, 1] == third[0, 0, 0, 0] and single.array("conv", "bias") == 1.0


def small(pool: Any, shape: tuple[int, ...] = (2, 2, 2)) -> Any:
    rng = np.random.default_rng(0)
    source, sink = io((2, 6, 6), shape)
    conv = nir.Conv2d((6, 6), rng.standard_normal((2, 2, 3, 3)), 1, 0, 1, 1, np.zeros(2))
    return chain({"input": source, "conv": conv, "pool": pool, "if": integrate_and_fire(rng, *shape), "output": sink})


def flat() -> Any:
    graph = small(pooling("sum", (2, 2), (2, 2)))
    graph.nodes["conv"] = nir.Flatten(input_type={"input": np.array([2, 6, 6])}, start_dim=0, end_dim=-1)
    graph.nodes["fc"] = nir.Linear(weight=np.ones((8, 72)))
    graph.edges[1:2] = [("conv", "fc"), ("fc", "pool")]
    return graph


def shared() -> Any:
    graph = small(pooling("sum", (2, 2), (2, 2)))
    graph.nodes["other"] = integrate_and_fire(np.random.default_rng(0), 2, 4, 4)
    graph.edges.append(("conv", "other"))
    return graph


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (small(pooling("mean", (2, 2), (2, 2), (1, 0))), r"'pool' pools the currents of 'conv' with padding \(1, 0\): no one"),
        (small(pooling("sum", (5, 1), (1, 1))), r"'pool': its window \(5, 1\) leaves nothing of an image of \(2, 4, 4\)"),
        (small(pooling("sum", (2, 2), (0, 1))), r"'pool': its window \(2, 2\) leaves nothing"),
        (flat(), r"'pool' pools the currents of 'fc', which have shape \(8,\)"),
        (shared(), "'pool' pools the currents of 'conv', which other read too, unpooled"),
        (small(pooling("sum", (2.5, 2), (2, 2))), "'pool': kernel_size is .*needs one or two integers"),
        (small(pooling("sum", (2, 2), (2, 2)), (2, 3, 3)), r"'if': r has shape \(2, 3, 3\), what it reads has \(2, 2, 2\)"),
    ],
)
def test_what_no_one_convolution_does_is_refused(network: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        from_nir(network)
