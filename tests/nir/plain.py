"""NIR graphs run as NIR's equations read, by forward Euler, with loops: what every other execution is held against."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import nir
import numpy as np

from synaptile.foundation.types import Array


def run(
    graph: Any, spikes: Array, dt: float = 1e-4, *, subtract: bool = False, back: Collection[tuple[str, str]] = ()
) -> tuple[dict[str, Array], Array]:
    """Spikes of every neuron node, (steps, samples, neurons), and logits, (steps, samples, classes): counts or membranes.

    Edges `back` are read one step later; a Delay hands on what it read so many steps before.
    """
    steps, samples, _ = spikes.shape
    order = _order(graph, back)
    fired: dict[str, list[Array]] = {}
    logits = []
    for sample in range(samples):
        state: dict[str, Array] = {}
        total: Any = 0.0
        seen: dict[str, list[Array]] = {}
        answers = []
        past: list[dict[str, Array]] = []
        for t in range(steps):
            values: dict[str, Array] = {}
            for name in order:
                node = graph.nodes[name]
                if isinstance(node, nir.Input):
                    values[name] = spikes[t, sample].reshape(node.input_type["input"])
                    continue
                if isinstance(node, nir.Delay):
                    ago, before = round(float(node.delay.flat[0]) / dt), next(a for a, b in graph.edges if b == name)
                    values[name] = past[t - ago][before] if t >= ago else np.zeros(node.delay.shape)
                    continue
                x: Any = sum(
                    values[a] if (a, b) not in back else past[-1][a] if past else np.zeros(graph.nodes[a].v_threshold.shape)
                    for a, b in graph.edges
                    if b == name
                )
                values[name] = step(node, name, x, state, dt, subtract)
                if isinstance(node, nir.IF | nir.LIF | nir.CubaLIF):
                    seen.setdefault(name, []).append(values[name].ravel())
                if isinstance(node, nir.Output):
                    before = next(graph.nodes[a] for a, b in graph.edges if b == name)
                    total = values[name] if isinstance(before, nir.LI) else total + values[name]
                    answers.append(np.asarray(total).ravel())
            past.append(values)
        for name, rows in seen.items():
            fired.setdefault(name, []).append(np.array(rows))
        logits.append(np.array(answers))
    return {name: np.stack(rows, axis=1) for name, rows in fired.items()}, np.stack(logits, axis=1)


def step(node: Any, name: str, x: Array, state: dict[str, Array], dt: float, subtract: bool) -> Array:
    """What a node hands on at one step."""
    match node:
        case nir.Affine():
            return np.asarray(np.asarray(node.weight) @ x + np.asarray(node.bias))
        case nir.Linear():
            return np.asarray(node.weight) @ x
        case nir.Conv2d():
            return convolve(node, x)
        case nir.SumPool2d() | nir.AvgPool2d():
            (kh, kw), (sh, sw), (ph, pw) = (np.broadcast_to(v, 2) for v in (node.kernel_size, node.stride, node.padding))
            wide = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
            rows, columns = (wide.shape[1] - kh) // sh + 1, (wide.shape[2] - kw) // sw + 1
            pooled = np.zeros((len(x), rows, columns))
            for i in range(rows):
                for j in range(columns):
                    pooled[:, i, j] = wide[:, i * sh : i * sh + kh, j * sw : j * sw + kw].sum(axis=(1, 2))
            return pooled / (kh * kw) if isinstance(node, nir.AvgPool2d) else pooled
        case nir.Flatten():
            return x.ravel()
        case nir.Output():
            return x
        case nir.LI():
            v = state.get(name, np.zeros_like(x))
            state[name] = v + dt / node.tau * (node.v_leak - v + node.r * x)
            return state[name]
    v = state.get(name, np.zeros(x.shape))
    if isinstance(node, nir.IF):
        v = v + node.r * x
    elif isinstance(node, nir.LIF):
        v = v + dt / node.tau * (node.v_leak - v + node.r * x)
    else:
        current = state.get(name + "/i", np.zeros(x.shape))
        current = current + dt / node.tau_syn * (node.w_in * x - current)
        state[name + "/i"] = current
        v = v + dt / node.tau_mem * (node.v_leak - v + node.r * current)
    z = v > node.v_threshold
    state[name] = np.where(z, v - node.v_threshold if subtract else node.v_reset, v)
    return np.asarray(z.astype(float))


def convolve(node: Any, x: Array) -> Array:
    """A convolution, output by output."""
    weight, bias = np.asarray(node.weight), np.asarray(node.bias)
    (sh, sw), (ph, pw), (dh, dw) = (np.broadcast_to(v, 2) for v in (node.stride, node.padding, node.dilation))
    outputs, inside, kh, kw = weight.shape
    wide = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
    rows, columns = (wide.shape[1] - dh * (kh - 1) - 1) // sh + 1, (wide.shape[2] - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((outputs, rows, columns))
    for o in range(outputs):
        group = o // (outputs // node.groups)
        seen = wide[group * inside : (group + 1) * inside]
        for i in range(rows):
            for j in range(columns):
                window = seen[:, i * sh : i * sh + dh * (kh - 1) + 1 : dh, j * sw : j * sw + dw * (kw - 1) + 1 : dw]
                out[o, i, j] = (weight[o] * window).sum() + bias[o]
    return out


def _order(graph: Any, back: Collection[tuple[str, str]]) -> list[str]:
    delays = [name for name, node in graph.nodes.items() if isinstance(node, nir.Delay)]
    edges = [edge for edge in graph.edges if edge not in back and edge[1] not in delays]
    done: list[str] = []
    while len(done) < len(graph.nodes):
        done += [n for n in graph.nodes if n not in done and all(a in done for a, b in edges if b == n)]
    return done
