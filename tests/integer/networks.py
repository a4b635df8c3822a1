"""Networks of whole numbers for the tests, and what they do, neuron by neuron in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.integer import IntegerLayer, IntegerNetwork


def small(seed: int = 0, **choices: Any) -> IntegerNetwork:
    """A convolution at stride 2 with padding, a grouped one, and a Linear whose membranes are read."""
    rng = np.random.default_rng(seed)
    first = IntegerLayer("a", rng.integers(-90, 127, (4, 2, 3, 3)), rng.integers(-9, 40, 4), 300, stride=2, padding=1)
    second = IntegerLayer("b", rng.integers(-90, 127, (6, 2, 2, 2)), None, 250, groups=2, exponent=1, reset="subtract", decay=100)
    last = IntegerLayer("c", rng.integers(-90, 127, (3, 24)), rng.integers(-9, 9, 3), decay=256)
    return IntegerNetwork("small", (2, 5, 5), [first, second, last], **({"input_threshold": 200} | choices))


def currents(samples: int, seed: int = 1) -> np.ndarray:
    """Inputs of `small`."""
    return np.random.default_rng(seed).integers(0, 256, (samples, 2, 5, 5))


def by_hand(network: IntegerNetwork, sample: np.ndarray, steps: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """One sample: spikes of each site, (steps, neurons) each; logits, (steps, classes); accumulates, (steps, layers)."""
    reach = [_connections(layer, shape) for layer, shape in zip(network.layers, _shapes(network), strict=False)]
    size = int(np.prod(network.image))
    membranes = [[0] * size, *([0] * len(edges) for edges in reach)]
    sent: list[list[int]] = [[0] * len(m) for m in membranes]
    spikes: list[list[list[int]]] = [[] for _ in membranes]
    logits, issued = [], []
    for _ in range(steps):
        before, sent = sent, []
        for site, membrane in enumerate(membranes):
            layer = network.layers[site - 1] if site else None
            fired = []
            for neuron in range(len(membrane)):
                if layer is None:
                    x = int(sample.ravel()[neuron])
                    threshold, soft, decay = network.input_threshold, network.input_reset == "subtract", 0
                else:
                    source = before[site - 1] if network.delay else sent[site - 1]
                    bias = 0 if layer.bias is None else int(layer.bias[_channel(layer, neuron, len(membrane))])
                    x = bias + sum(weight << layer.exponent for index, weight in reach[site - 1][neuron] if source[index])
                    threshold, soft, decay = layer.threshold, layer.reset == "subtract", layer.decay
                v = membrane[neuron]
                kept = abs(v) * (4096 - decay) // 4096
                v = (kept if v > 0 else -kept) + x
                half = 1 << (network.membrane_bits - 1)
                v = (v + half) % (2 * half) - half
                spike = threshold is not None and v > threshold
                membrane[neuron] = (v - threshold if soft and threshold is not None else 0) if spike else v
                fired.append(int(spike))
            sent.append(fired)
        for site, fired in enumerate(sent):
            spikes[site].append(fired)
        logits.append(list(membranes[-1]))
        issued.append([sum(sent[i][index] for edges in reach[i] for index, _ in edges) for i in range(len(reach))])
    return [np.array(rows) for rows in spikes[:-1]], np.array(logits), np.array(issued)


def _channel(layer: IntegerLayer, neuron: int, size: int) -> int:
    return neuron // (size // len(layer.weight))


def _shapes(network: IntegerNetwork) -> list[tuple[int, int, int]]:
    shapes = [network.image]
    for layer in network.layers:
        _, height, width = shapes[-1]
        if layer.weight.ndim == 2:
            shapes.append((len(layer.weight), 1, 1))
        else:
            kh, kw = layer.weight.shape[2:]
            grown = height + 2 * layer.padding, width + 2 * layer.padding
            shapes.append((len(layer.weight), (grown[0] - kh) // layer.stride + 1, (grown[1] - kw) // layer.stride + 1))
    return shapes


def _connections(layer: IntegerLayer, shape: tuple[int, int, int]) -> list[list[tuple[int, int]]]:
    """Of each output, its (input, weight) pairs."""
    _, height, width = shape
    if layer.weight.ndim == 2:
        return [[(i, int(w)) for i, w in enumerate(row)] for row in layer.weight]
    outputs, inside, kh, kw = layer.weight.shape
    rows = (height + 2 * layer.padding - kh) // layer.stride + 1
    columns = (width + 2 * layer.padding - kw) // layer.stride + 1
    found = []
    for o in range(outputs):
        first = o // (outputs // layer.groups) * inside
        for y in range(rows):
            for x in range(columns):
                edges = []
                for c in range(inside):
                    for i in range(kh):
                        for j in range(kw):
                            row, column = y * layer.stride + i - layer.padding, x * layer.stride + j - layer.padding
                            if 0 <= row < height and 0 <= column < width:
                                edges.append((((first + c) * height + row) * width + column, int(layer.weight[o, c, i, j])))
                found.append(edges)
    return found
