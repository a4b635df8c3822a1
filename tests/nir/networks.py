"""Small networks in NIR's own Python API, with random weights and parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import nir
import numpy as np

from synaptile.foundation.types import Array
from synaptile.simulator import Activity


def chain(nodes: dict[str, Any]) -> Any:
    """A NIR graph whose nodes read one another in the order given."""
    return nir.NIRGraph(nodes=nodes, edges=list(pairwise(nodes)), type_check=False)


def io(first: tuple[int, ...], last: tuple[int, ...]) -> tuple[Any, Any]:
    return nir.Input(input_type={"input": np.array(first)}), nir.Output(output_type={"output": np.array(last)})


def linear(rng: np.random.Generator, outputs: int, inputs: int, *, gain: float = 1.0) -> Any:
    weight = gain * rng.standard_normal((outputs, inputs)) / np.sqrt(0.3 * inputs)
    return nir.Affine(weight=weight, bias=0.1 * rng.standard_normal(outputs))


def integrate_and_fire(rng: np.random.Generator, *shape: int) -> Any:
    return nir.IF(r=rng.uniform(0.8, 1.2, shape), v_threshold=rng.uniform(0.6, 1.0, shape), v_reset=rng.uniform(-0.2, 0.1, shape))


def leaky(rng: np.random.Generator, *shape: int) -> Any:
    return nir.LIF(
        tau=rng.uniform(2e-4, 6e-4, shape),
        r=rng.uniform(2.0, 5.0, shape),
        v_leak=rng.uniform(-0.1, 0.1, shape),
        v_threshold=rng.uniform(0.4, 0.8, shape),
        v_reset=rng.uniform(-0.2, 0.1, shape),
    )


def current_based(rng: np.random.Generator, *shape: int) -> Any:
    return nir.CubaLIF(
        tau_syn=rng.uniform(2e-4, 6e-4, shape),
        tau_mem=rng.uniform(2e-4, 6e-4, shape),
        r=rng.uniform(2.0, 5.0, shape),
        v_leak=rng.uniform(-0.1, 0.1, shape),
        v_threshold=rng.uniform(0.4, 0.8, shape),
        v_reset=rng.uniform(-0.2, 0.1, shape),
        w_in=rng.uniform(1.0, 3.0, shape),
    )


def perceptron(seed: int = 0) -> Any:
    """IF, LIF and CubaLIF layers, one behind the other."""
    rng = np.random.default_rng(seed)
    source, sink = io((20,), (7,))
    return chain(
        {
            "input": source,
            "fc1": linear(rng, 30, 20),
            "if": integrate_and_fire(rng, 30),
            "fc2": nir.Linear(weight=rng.standard_normal((25, 30)) / 3),
            "lif": leaky(rng, 25),
            "fc3": linear(rng, 7, 25),
            "cuba": current_based(rng, 7),
            "output": sink,
        }
    )


def convolutional(seed: int = 0, *, pool: Any = nir.SumPool2d, groups: int = 2) -> Any:
    """Two channels of 9 x 7 pixels through strides, padding, dilation, groups, pooling that overlaps, and a leaky read-out."""
    rng = np.random.default_rng(seed)
    source, sink = io((2, 9, 7), (5,))
    first = nir.Conv2d((9, 7), rng.standard_normal((4, 2, 3, 2)) / 2, (1, 2), (1, 1), (2, 1), 1, 0.1 * rng.standard_normal(4))
    second = nir.Conv2d(
        (4, 2), rng.standard_normal((6, 4 // groups, 2, 2)) / 2, 1, (1, 0), 1, groups, 0.1 * rng.standard_normal(6)
    )
    return chain(
        {
            "input": source,
            "conv1": first,
            "lif1": leaky(rng, 4, 7, 4),
            "pool1": pool(np.array([3, 2]), np.array([2, 2]), np.array([1, 0])),
            "conv2": second,
            "if2": integrate_and_fire(rng, 6, 5, 1),
            "pool2": pool(np.array([2, 1]), np.array([2, 1]), np.array([0, 0])),
            "flatten": nir.Flatten(input_type={"input": np.array([6, 2, 1])}, start_dim=0, end_dim=-1),
            "fc": linear(rng, 5, 12),
            "li": nir.LI(tau=rng.uniform(2e-4, 6e-4, 5), r=rng.uniform(2.0, 5.0, 5), v_leak=rng.uniform(-0.1, 0.1, 5)),
            "output": sink,
        }
    )


def lenet(seed: int = 0) -> Any:
    """The layers of LeNet-5 with IF neurons: 28 x 28 pixels, 6 and 16 channels of 5 x 5, sum pooling, 120, 84, 10."""
    rng = np.random.default_rng(seed)
    source, sink = io((1, 28, 28), (10,))

    def conv(size: int, outputs: int, inputs: int) -> Any:
        weight = rng.standard_normal((outputs, inputs, 5, 5)) / np.sqrt(25 * inputs)
        return nir.Conv2d((size, size), weight, 1, 0, 1, 1, 0.05 * rng.standard_normal(outputs))

    def pool() -> Any:
        return nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))

    return chain(
        {
            "input": source,
            "conv1": conv(28, 6, 1),
            "if1": integrate_and_fire(rng, 6, 24, 24),
            "pool1": pool(),
            "conv2": conv(12, 16, 6),
            "if2": integrate_and_fire(rng, 16, 8, 8),
            "pool2": pool(),
            "flatten": nir.Flatten(input_type={"input": np.array([16, 4, 4])}, start_dim=0, end_dim=-1),
            "fc1": linear(rng, 120, 256, gain=0.5),
            "if3": integrate_and_fire(rng, 120),
            "fc2": linear(rng, 84, 120),
            "if4": integrate_and_fire(rng, 84),
            "fc3": linear(rng, 10, 84),
            "if5": integrate_and_fire(rng, 10),
            "output": sink,
        }
    )


def trains(graph: Any, steps: int, samples: int, seed: int = 0, rate: float = 0.3) -> Array:
    """Spike trains for a NIR graph, shape (steps, samples, neurons)."""
    shape = next(node for node in graph.nodes.values() if isinstance(node, nir.Input)).input_type["input"]
    return (np.random.default_rng(seed).random((steps, samples, int(np.prod(shape)))) < rate).astype(np.float64)


def recorded(activity: Activity, site: str) -> Array:
    """Spikes that a run kept of a site, 0 or 1, shape (steps, samples, neurons)."""
    masks, width = activity.spikes[site].masks, activity.program.graph.nodes[site].width
    assert masks is not None and masks.shape[1] == activity.images
    return np.unpackbits(masks[:, :, 0], axis=-1, count=width)
