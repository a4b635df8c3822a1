"""Max pooling, and sums and means over time, positions or the channels of a head."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from synaptile.conversion.graph import MaxPool2d, Port, Reduce
from synaptile.conversion.torch_snn.forms import Both, Pooled, gate, in_order, made, numbers_of, run_of, settled
from synaptile.conversion.torch_snn.layers import pair
from synaptile.conversion.torch_snn.places import Origin, Places, Run, places, plain


def pool_largest(
    run: Run,
    x: Places,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **_: Any,
) -> Places:
    """Max pooling of spikes (an OR, spikes again) or of real values."""
    kernel = pair(kernel_size)
    step = kernel if stride is None or stride == [] else pair(stride)
    if pair(dilation) != (1, 1) or ceil_mode:
        raise run.refuse("max pooling with dilation or ceil_mode has no counterpart: pad instead")
    value = settled(x)
    steps, numbers = numbers_of(value)
    image = tuple(int(extent) for extent in x.shape[-3:])
    port = in_order(run, value.origin.nodes[0], numbers)
    node = MaxPool2d(run.where, (port,), (1, 1), (image[0], image[1], image[2]), kernel, step, pair(padding))
    name = run.builder.add(replace(node, shape=(1, image[0] * prod(node.plane))), node.plane)
    if value.origin.spikes:
        name = gate(run, name, "spikes")
    width = image[0] * prod(node.plane)
    origin = Origin((name,), width, value.origin.spikes, value.origin.timed)
    return made(value, steps, origin, np.arange(width), (*x.shape[:-2], *node.plane))


def pool_mean(run: Run, x: Places, size: Any, *_: Any, **__: Any) -> Places:
    """Adaptive average pooling to one value per channel."""
    if pair(size) != (1, 1):
        raise run.refuse(f"adaptive average pooling to {size} has no counterpart: pool to 1, or take max pooling")
    return summed(run, x, (-2, -1), True, mean=True)


def summed(run: Run, x: Places, dim: Any = None, keepdim: bool = False, *, mean: bool = False, **_: Any) -> Places:
    """A sum or mean: over time (read out), over positions, or over the channels of a head."""
    if dim is None:
        raise run.refuse("a sum or mean over all axes: name the axes")
    axes = sorted(axis % x.dim() for axis in ((dim,) if isinstance(dim, int) else dim))
    if axes == [0] and x.origin.timed and x.shape[0] == run.steps and not keepdim:
        if x.origin.law is not None:
            raise run.refuse("a mean or sum over time twice")
        return places(run, plain(x)[0], replace(x.origin, timed=False, law="mean" if mean else "sum"))
    moved = plain(x).movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))
    value = places(run, moved, x.origin)
    steps, flat = numbers_of(value)
    length = moved.shape[-1]
    table = flat.reshape(-1, length) - flat.min()
    shape = [1 if i in axes else extent for i, extent in enumerate(x.shape) if keepdim or i not in axes]
    stride = int(table[0, 1] - table[0, 0]) if length > 1 else 1
    if (table != table[:, :1] + stride * np.arange(length)).any() or stride < 1:
        raise run.refuse(f"a sum over axes {axes} of {x.origin.nodes[0]!r} is over neither positions nor channels of a head")
    scale, origin = (1.0 / length if mean else 1.0), x.origin
    if stride == 1:
        numbers = table[:, 0] // length
        if mean and origin.spikes and not origin.waiting:
            new = Origin(origin.nodes, len(table), True, origin.timed, Pooled(length), origin.law)
            return made(value, steps, new, numbers, shape)
        heads, depth, positions, over = 1, len(table), length, "positions"
    else:
        numbers = table[:, 0] // (length * stride) * stride + table[:, 0] % stride
        heads, depth, positions, over = len(table) // stride, length, stride, "depth"
    inputs: tuple[Port, ...]
    if isinstance(origin.waiting, Both):
        inputs = (run_of(run, origin.nodes[0], flat), origin.waiting.other)
    else:
        value = settled(value)
        inputs = (run_of(run, value.origin.nodes[0], numbers_of(value)[1]),)
    spiking = value.origin.spikes
    node = Reduce(f"{run.where}.sum", inputs, (1, len(table)), heads, depth, positions, over, scale, spiking)  # type: ignore[arg-type]
    name = run.builder.add(node, (positions, 1) if over == "depth" else (1, 1))
    return made(value, steps, Origin((name,), len(table), False, origin.timed, law=origin.law), numbers, shape)


def averaged(run: Run, x: Places, dim: Any = None, keepdim: bool = False, **_: Any) -> Places:
    """A mean."""
    return summed(run, x, dim, keepdim, mean=True)
