"""What each operator of a spiking model leaves: layers, neurons, pooling, sums, products of spikes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    DiscreteNeurons,
    Mask,
    MaxPool2d,
    PatchEmbedding,
    Planes,
    Port,
    Reduce,
    Source,
    SpikeAttention,
)
from synaptile.conversion.graph.trained import Axis
from synaptile.conversion.torch_snn.check import neurons_of
from synaptile.conversion.torch_snn.places import Origin, Places, Run, places, plain
from synaptile.foundation.types import Int64


class Pooled(NamedTuple):
    """Waiting: the mean of spikes over all positions of each channel, which the next Linear takes in."""

    positions: int


class Both(NamedTuple):
    """Waiting: spikes that come where those of `other` do, element by element."""

    other: Port


class Half(NamedTuple):
    """Waiting: the first of two products of attention; `form` "map" (Q K^T) or "state" (K^T V)."""

    form: str
    left: Port
    right: Port
    heads: int
    depth: int
    positions: int
    scale: float = 1.0


def numbers_of(value: Places) -> tuple[int, Int64]:
    """Steps (1 where nothing changes over them and they are not laid out), and the numbers of one step, flat."""
    run, origin, data = value.run, value.origin, plain(value).reshape(-1).numpy().astype(np.int64)
    steps = run.steps if origin.timed else data.size // np.unique(data).size
    if data.size % steps:
        raise run.refuse(f"a shape of {tuple(value.shape)} does not hold {steps} steps of one sample")
    rows = data.reshape(steps, -1)
    if origin.timed:
        rows = rows - np.arange(steps)[:, None] * origin.size
    if (rows != rows[:1]).any():
        raise run.refuse("mixes elements of several steps: only a mean or sum over time behind the last neurons is read")
    return steps, rows[0]


def made(value: Places, steps: int, origin: Origin, numbers: Int64, shape: Sequence[int]) -> Places:
    """Numbers of a new origin, laid out as a model expects its result."""
    step = np.arange(steps)[:, None] * (origin.size if origin.timed else 0)
    return places(value.run, torch.from_numpy((numbers.reshape(1, -1) + step).astype(np.float64)).reshape(tuple(shape)), origin)


def run_of(port: Port, numbers: Int64, run: Run) -> Port:
    """The port that numbers take, in any order. Raises ModelError unless they are all of a range."""
    low, high = int(numbers.min()), int(numbers.max()) + 1
    if np.unique(numbers).size != numbers.size or high - low != numbers.size:
        raise run.refuse(f"reads a part of {port.node!r} that is no range of its elements, or some of them twice")
    return Port(port.node, low, high)


def in_order(value: Places, numbers: Int64, node: str) -> Port:
    """The port that numbers take in the order of the stream."""
    flat = numbers.reshape(-1)
    if (flat != flat[0] + np.arange(flat.size)).any():
        raise value.run.refuse(f"reads {node!r} in an order in which its elements do not lie: channels first, then positions")
    return Port(node, int(flat[0]), int(flat[0]) + flat.size)


def settled(value: Places) -> Places:
    """The value as the stream of one node: what waits is done, spikes of several sites are added."""
    run, origin = value.run, value.origin
    builder = run.builder
    if isinstance(origin.waiting, Half | Both):
        raise run.refuse("a product of spikes is used otherwise than in attention: multiply it by spikes, or sum it")
    if isinstance(origin.waiting, Pooled):
        spikes, positions = origin.nodes, origin.waiting.positions
        width = origin.size * positions
        source = spikes[0]
        if len(spikes) > 1:
            source = builder.add(Add(f"{run.where}.sum", tuple(map(builder.whole, spikes)), (1, width)))
        node = Reduce(
            f"{run.where}.mean",
            (builder.whole(source),),
            (1, origin.size),
            1,
            origin.size,
            positions,
            "positions",
            1.0 / positions,
            len(spikes) == 1,
        )
        return places(run, plain(value), replace(origin, nodes=(builder.add(node),), spikes=False, waiting=None))
    if len(origin.nodes) > 1:
        node_ = Add(f"{run.where}.sum", tuple(map(builder.whole, origin.nodes)), (1, origin.size))
        name = builder.add(node_, builder.planes[origin.nodes[0]])
        return places(run, plain(value), replace(origin, nodes=(name,), spikes=False))
    return value


def real_port(value: Places) -> Port:
    """All of what a model returns."""
    value = settled(value)
    return in_order(value, numbers_of(value)[1], value.origin.nodes[0])


def fire(run: Run, name: str, module: Any, x: Any) -> Places:
    """A site of neurons."""
    run.path.append(name)
    if not isinstance(x, Places):
        raise run.refuse("neurons see a tensor that does not come from the input")
    if x.origin.law is not None:
        raise run.refuse("neurons stand behind a mean or sum over time: only a Linear may")
    value = settled(x)
    steps, numbers = numbers_of(value)
    multi = getattr(module, "step_mode", "s") == "m"
    if (multi and x.shape[0] != run.steps) or steps != run.steps:
        remedy = "repeat the input over time" if multi else "call functional.set_step_mode(model, 'm')"
        raise run.refuse(
            f"neurons in {'multi' if multi else 'single'}-step mode see shape {tuple(x.shape)}, {steps} steps of one sample, and "
            f"the trace has {run.steps}: {remedy}"
        )
    node = value.origin.nodes[0]
    port = run_of(run.builder.whole(node), numbers, run)
    site = neurons_of(name, module, port, (1, port.width))
    made_site = run.builder.add(site, run.builder.planes[node])
    run.path.pop()
    return made(value, steps, Origin((made_site,), port.width, True, True), numbers - port.start, x.shape)


def gate(run: Run, name: str, what: str) -> str:
    """Values 0 and 1 of a node as spikes again."""
    builder, node = run.builder, run.builder.nodes[name]
    site = DiscreteNeurons(f"{name}.{what}", (builder.whole(name),), node.shape, "value", 1.0, True, 0.5, 0.0)
    return builder.add(site, builder.planes[name])


def convolve(
    run: Run, x: Places, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Places:
    """A convolution of an image."""
    steps, numbers = numbers_of(x)
    shape = tuple(x.shape[-3:])
    if numbers.size != prod(shape):
        raise run.refuse(f"a convolution sees shape {tuple(x.shape)}, which is not {steps} steps of one image")
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    sizes = [pair(each) for each in (stride, padding_of(run, padding, kernel, dilation), dilation)]
    name, plane = layer(run, x, numbers, (shape[0], shape[1], shape[2]), weight, bias, sizes, groups)
    width = len(weight) * prod(plane)
    origin = Origin((name,), width, False, x.origin.timed, law=x.origin.law)
    return made(x, steps, origin, np.arange(width), (*x.shape[:-3], len(weight), *plane))


def convolve_line(
    run: Run, x: Places, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Places:
    """A Conv1d of kernel 1 over positions: a Linear of each."""
    if weight.shape[2] != 1 or pair(stride)[0] != 1 or pair(padding)[0] != 0:
        raise run.refuse(f"Conv1d with kernel {weight.shape[2]} has no counterpart: write it as a Conv2d, or with kernel 1")
    steps, numbers = numbers_of(x)
    channels, positions = x.shape[-2:]
    plane = plane_of(run, x, positions)
    name, _ = layer(run, x, numbers, (channels, *plane), weight[..., None], bias, [(1, 1), (0, 0), (1, 1)], groups)
    width = len(weight) * positions
    origin = Origin((name,), width, False, x.origin.timed, law=x.origin.law)
    return made(x, steps, origin, np.arange(width), (*x.shape[:-2], len(weight), positions))


def linear(run: Run, x: Places, weight: Any, bias: Any = None) -> Places:
    """A Linear of every position."""
    steps, numbers = numbers_of(x)
    inputs, outputs = x.shape[-1], len(weight)
    positions = numbers.size // inputs
    origin = Origin(("",), outputs * positions, False, x.origin.timed, law=x.origin.law)
    table = numbers.reshape(positions, inputs).T
    if isinstance(x.origin.waiting, Pooled):
        name = pooled_head(run, x, table, weight, bias)
    else:
        plane = plane_of(run, x, positions)
        name, _ = layer(run, x, table, (inputs, *plane), weight[..., None, None], bias, [(1, 1), (0, 0), (1, 1)], 1)
    laid = np.arange(outputs * positions).reshape(outputs, positions).T
    return made(x, steps, replace(origin, nodes=(name,)), laid, (*x.shape[:-1], outputs))


def pooled_head(run: Run, x: Places, numbers: Int64, weight: Any, bias: Any) -> str:
    """A Linear behind the mean of spikes over positions: each spike reaches it by itself."""
    assert isinstance(x.origin.waiting, Pooled)
    in_order(x, numbers, x.origin.nodes[0])
    plane = run.builder.planes[x.origin.nodes[0]]
    node = Convolution2d(
        run.where,
        tuple(map(run.builder.whole, x.origin.nodes)),
        (1, len(weight)),
        (numbers.size, *plane),
        (1, 1),
        pooling="mean",
        pool_kernel=plane,
        pool_stride=plane,
        flat=True,
    )
    return run.builder.add(node, weight=array(weight)[..., None, None], bias=bias_of(weight, bias))


def layer(
    run: Run,
    x: Places,
    numbers: Int64,
    image: tuple[int, int, int],
    weight: Any,
    bias: Any,
    sizes: list[tuple[int, int]],
    groups: int,
) -> tuple[str, tuple[int, int]]:
    """A convolution of spikes, or the front end of real pixels; its name, height and width."""
    builder, (stride, padding, dilation) = run.builder, sizes
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    reach = [dilation[i] * (kernel[i] - 1) + 1 for i in range(2)]
    height, width = ((image[i + 1] + 2 * padding[i] - reach[i]) // stride[i] + 1 for i in range(2))
    plane, outputs = (height, width), len(weight)
    if x.origin.waiting or not (x.origin.spikes or isinstance(builder.nodes[x.origin.nodes[0]], Source)):
        raise run.refuse(
            f"a layer reads real values ({x.origin.nodes[0]!r}): cores accumulate spikes, put neurons in front of it"
        )
    ports = [in_order(x, numbers, node) for node in x.origin.nodes]
    for port in ports:
        if port.width != builder.nodes[port.node].width:
            raise run.refuse(f"reads elements {port.start}:{port.stop} of {port.node!r}: a layer reads a whole site")
    own = array(weight)
    if x.origin.spikes:
        node = Convolution2d(
            run.where, tuple(ports), (1, outputs * height * width), image, kernel, stride, padding, dilation, groups
        )
        return builder.add(node, plane, weight=own, bias=bias_of(weight, bias)), plane
    if groups != 1 or dilation != (1, 1):
        raise run.refuse(f"the layer on pixels has {groups} groups and dilation {dilation}: 1 of each is read")
    front = PatchEmbedding(
        f"{run.where}.pixels", tuple(ports), (height * width, outputs), kernel, stride, padding, image_channels=image[0]
    )
    made_front = builder.add(front, weight=own.reshape(outputs, -1), bias=bias_of(weight, bias))
    planes = Planes(run.where, (builder.whole(made_front),), (1, outputs * height * width))
    return builder.add(planes, plane), plane


def normalise(
    run: Run,
    x: Places,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Places:
    """BatchNorm with its running statistics, folded into the layer in front."""
    if training or running_mean is None or running_var is None:
        raise run.refuse("BatchNorm without running statistics: call model.eval(), track_running_stats=True")
    value = x
    if len(x.origin.nodes) > 1 or x.origin.spikes or x.origin.waiting:
        raise run.refuse("BatchNorm reads spikes or sums of spikes: only behind a convolution or Linear is it folded")
    _, numbers = numbers_of(value)
    node = x.origin.nodes[0]
    channels = len(running_mean)
    positions = run.builder.nodes[node].width // channels
    own = numbers.reshape(channels, -1) // positions
    if (own != np.arange(channels)[:, None]).any():
        raise run.refuse(f"BatchNorm over {channels} channels does not see those of {node!r}")
    gain = 1.0 / np.sqrt(array(running_var).astype(np.float64) + eps)
    gain = gain * array(weight) if weight is not None else gain
    offset = (array(bias) if bias is not None else 0.0) - array(running_mean) * gain
    run.builder.normalise(node, gain, offset, f"BatchNorm {run.where!r}")
    return x


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
    port = in_order(value, numbers, value.origin.nodes[0])
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
        inputs = (run_of(run.builder.whole(origin.nodes[0]), flat, run), origin.waiting.other)
    else:
        value = settled(value)
        inputs = (run_of(run.builder.whole(value.origin.nodes[0]), numbers_of(value)[1], run),)
    spiking = value.origin.spikes
    node = Reduce(f"{run.where}.sum", inputs, (1, len(table)), heads, depth, positions, over, scale, spiking)  # type: ignore[arg-type]
    name = run.builder.add(node, (positions, 1) if over == "depth" else (1, 1))
    return made(value, steps, Origin((name,), len(table), False, origin.timed, law=origin.law), numbers, shape)


def averaged(run: Run, x: Places, dim: Any = None, keepdim: bool = False, **_: Any) -> Places:
    """A mean."""
    return summed(run, x, dim, keepdim, mean=True)


def added(run: Run, a: Any, b: Any, *_: Any, alpha: Any = 1) -> Places:
    """Spikes of several sites stay apart; real values meet in a node."""
    if not (isinstance(a, Places) and isinstance(b, Places)) or alpha != 1:
        raise run.refuse("adds a constant to a stream: put it into the bias of a layer")
    if a.shape != b.shape:
        raise run.refuse(f"adds shapes {tuple(a.shape)} and {tuple(b.shape)}")
    if a.origin.law != b.origin.law:
        raise run.refuse("adds a mean over time to what is not one")
    same = a.origin.size == b.origin.size and a.origin.timed == b.origin.timed
    spikes = same and a.origin.spikes and b.origin.spikes and not (a.origin.waiting or b.origin.waiting)
    if spikes and (numbers_of(a)[1] == numbers_of(b)[1]).all():
        return places(run, plain(a), replace(a.origin, nodes=a.origin.nodes + b.origin.nodes))
    left_value, right_value = settled(a), settled(b)
    (steps, left), (others, right) = numbers_of(left_value), numbers_of(right_value)
    ports = [
        run_of(run.builder.whole(value.origin.nodes[0]), numbers, run)
        for value, numbers in ((left_value, left), (right_value, right))
    ]
    if steps != others or (left - ports[0].start != right - ports[1].start).any():
        raise run.refuse(f"adds {ports[0].node!r} and {ports[1].node!r}, whose elements lie in different orders")
    width = ports[0].width
    name = run.builder.add(Add(f"{run.where}.add", tuple(ports), (1, width)), run.builder.planes[ports[0].node])
    origin = Origin((name,), width, False, a.origin.timed or b.origin.timed, law=a.origin.law)
    return made(left_value, steps, origin, left - ports[0].start, a.shape)


def multiplied(run: Run, a: Any, b: Any) -> Places:
    """By a number: a scale. Spikes by spikes: an AND, or a mask."""
    if not (isinstance(a, Places) and isinstance(b, Places)):
        value, factor = (a, b) if isinstance(a, Places) else (b, a)
        if isinstance(factor, torch.Tensor) and factor.numel() != 1:
            raise run.refuse("multiplies a stream by a tensor: put it into the weights of a layer")
        return scaled(run, value, float(factor))
    for value in (a, b):
        if not value.origin.spikes or value.origin.waiting or len(value.origin.nodes) > 1:
            raise run.refuse(f"multiplies {value.origin.nodes[:1]}, which is no single site of spikes")
    full_a, full_b = torch.broadcast_tensors(plain(a), plain(b))
    (_, own_a), (_, own_b) = numbers_of(a), numbers_of(b)
    if own_a.size < own_b.size:
        return multiplied(run, b, a)
    steps, left = numbers_of(places(run, full_a, a.origin))
    _, right = numbers_of(places(run, full_b, b.origin))
    builder = run.builder
    port = run_of(builder.whole(a.origin.nodes[0]), left, run)
    other = run_of(builder.whole(b.origin.nodes[0]), np.unique(right), run)
    left, right = left - port.start, right - other.start
    if own_a.size == own_b.size:
        if (left != right).any():
            raise run.refuse(f"multiplies {port.node!r} and {other.node!r}, whose elements lie in different orders")
        new = Origin(a.origin.nodes, a.origin.size, True, a.origin.timed, Both(other))
        return made(a, steps, new, left + port.start, full_a.shape)
    times, positions = own_a.size // own_b.size, prod(builder.planes[port.node])
    if (right == left // times).all():
        heads, depth, over = 1, own_b.size, "positions"
        positions = times
    elif (right == left // (times * positions) * positions + left % positions).all():
        heads, depth, over = own_b.size // positions, times, "depth"
    else:
        raise run.refuse(f"a mask of {other.node!r} over {port.node!r} is spread over neither positions nor channels of a head")
    node = Mask(f"{run.where}.mask", (port, other), (1, port.width), heads, depth, positions, over)  # type: ignore[arg-type]
    name = gate(run, builder.add(node, builder.planes[port.node]), "spikes")
    return made(a, steps, Origin((name,), port.width, True, a.origin.timed), left, full_a.shape)


def divided(run: Run, a: Any, b: Any) -> Places:
    """By a number."""
    if isinstance(b, Places) or (isinstance(b, torch.Tensor) and b.numel() != 1):
        raise run.refuse("divides by a stream")
    return scaled(run, a, 1.0 / float(b))


def scaled(run: Run, value: Places, factor: float) -> Places:
    """Times a number: of attention its scale, else in the weights of the layer in front."""
    waiting = value.origin.waiting
    if isinstance(waiting, Half):
        return places(run, plain(value), replace(value.origin, waiting=waiting._replace(scale=waiting.scale * factor)))
    node = run.builder.nodes[value.origin.nodes[0]]
    read = any(port.node == node.name for other in run.builder.nodes.values() for port in other.inputs)
    if isinstance(node, SpikeAttention) and not read:
        run.builder.change(node.name, scale=node.scale * factor)
        return value
    if waiting or value.origin.spikes:
        raise run.refuse(f"multiplies spikes of {node.name!r} by {factor}: put it into the weights of the layer behind")
    channels = len(run.builder.arrays.get(f"{node.name}.bias", [0]))
    run.builder.normalise(node.name, np.full(channels, factor), np.zeros(channels), f"a factor {factor} in {run.where!r}")
    return value


def matrices(run: Run, a: Any, b: Any) -> Places:
    """A product of matrices of spikes: a half of attention, or, with a half, the whole."""
    if not (isinstance(a, Places) and isinstance(b, Places)):
        raise run.refuse("multiplies a matrix that is no stream: write it as a Linear")
    steps, left = numbers_of(a)
    _, right = numbers_of(b)
    shape = (*torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    if not (a.origin.waiting or b.origin.waiting):
        (first, first_rows), (second, second_rows) = (spike_matrix(run, v, own) for v, own in ((a, left), (b, right)))
        by_position = "positions" in first_rows and "depth" in second_rows
        if not by_position and not ("depth" in first_rows and "positions" in second_rows):
            raise run.refuse("multiplies two matrices of spikes over an axis that they do not share: needs Q K^T or K^T V")
        positions, depth = (a.shape[-2], a.shape[-1]) if by_position else (a.shape[-1], a.shape[-2])
        heads = left.size // (positions * depth)
        half = Half("map" if by_position else "state", first, second, heads, depth, positions)
        inner = heads * a.shape[-2] * b.shape[-1]
        return made(a, steps, Origin((first.node,), inner, False, a.origin.timed, half), np.arange(inner), shape)
    half, whole, own = (a.origin.waiting, b, right) if isinstance(a.origin.waiting, Half) else (b.origin.waiting, a, left)
    order = numbers_of(a if whole is b else b)[1]
    port, rows = spike_matrix(run, whole, own) if not whole.origin.waiting else (None, frozenset())
    fits = isinstance(half, Half) and (half.form == "map") == (whole is b) and (order == np.arange(order.size)).all()
    if not isinstance(half, Half) or not fits or port is None or "positions" not in rows:
        raise run.refuse("a product of products of spikes is not Q K^T V: needs (Q K^T) V or Q (K^T V)")
    if half.form == "map":
        ports, order_name = (half.left, port, half.right), "qk"
    else:
        ports, order_name = (port, half.left, half.right), "kv"
    size = half.heads * half.depth * half.positions
    node = SpikeAttention(
        f"{run.where}.attention",
        ports,
        (1, size),
        "sv",
        half.heads,
        half.positions,
        half.depth * half.positions,
        "sum",
        half.depth,
        half.scale,
        order_name,  # type: ignore[arg-type]
    )
    name = run.builder.add(node, run.builder.planes[port.node])
    laid = np.arange(size).reshape(half.heads, half.depth, half.positions).transpose(0, 2, 1)
    return made(a, steps, Origin((name,), size, False, a.origin.timed), laid, shape)


def spike_matrix(run: Run, value: Places, numbers: Int64) -> tuple[Port, frozenset[Axis]]:
    """What a matrix of spikes per head takes of a site, and what its rows are: either, where there is one of them."""
    if not value.origin.spikes or len(value.origin.nodes) > 1:
        raise run.refuse(f"attention reads {value.origin.nodes[0]!r}, which is no single site of spikes: put neurons in front")
    port = run_of(run.builder.whole(value.origin.nodes[0]), numbers, run)
    table = numbers.reshape(-1, *value.shape[-2:]) - port.start
    counted = np.arange(table.size)
    rows: list[Axis] = []
    if (table.transpose(0, 2, 1).reshape(-1) == counted).all():
        rows.append("positions")
    if (table.reshape(-1) == counted).all():
        rows.append("depth")
    if rows:
        return port, frozenset(rows)
    raise run.refuse(f"attention reads {port.node!r} in an order that is not heads, channels, positions")


def same(run: Run, x: Places, *_: Any, **__: Any) -> Places:
    """An operator that does nothing in evaluation mode."""
    return x


def plane_of(run: Run, x: Places, positions: int) -> tuple[int, int]:
    """Height and width of so many positions."""
    plane = run.builder.planes[x.origin.nodes[0]]
    return plane if prod(plane) == positions else (positions, 1)


def padding_of(run: Run, padding: Any, kernel: tuple[int, int], dilation: Any) -> Any:
    """Padding in numbers."""
    if not isinstance(padding, str):
        return padding
    reach = [extent * (size - 1) for extent, size in zip(pair(dilation), kernel, strict=True)]
    if padding == "same" and any(extent % 2 for extent in reach):
        raise run.refuse(f"padding 'same' with kernel {kernel} is uneven: give it in numbers")
    return (0, 0) if padding == "valid" else (reach[0] // 2, reach[1] // 2)


def pair(value: Any) -> tuple[int, int]:
    """One number for both axes, or one each."""
    numbers = [int(each) for each in value] if isinstance(value, list | tuple) else [int(value)]
    return numbers[0], numbers[-1]


def array(tensor: Any) -> np.ndarray:
    """A parameter."""
    return np.array(tensor.detach().cpu().numpy())


def bias_of(weight: Any, bias: Any) -> np.ndarray:
    """The bias, zeros where there is none."""
    return np.zeros(len(weight), array(weight).dtype) if bias is None else array(bias)


OPERATORS: dict[str, Callable[..., Places]] = {
    "conv2d": convolve,
    "conv1d": convolve_line,
    "linear": linear,
    "batch_norm": normalise,
    "max_pool2d": pool_largest,
    "adaptive_avg_pool2d": pool_mean,
    "sum": summed,
    "mean": averaged,
    **dict.fromkeys(("add", "__add__", "__radd__", "__iadd__", "add_"), added),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"), multiplied),
    **dict.fromkeys(("div", "__truediv__", "true_divide", "divide"), divided),
    **dict.fromkeys(("matmul", "__matmul__", "bmm"), matrices),
    **dict.fromkeys(("dropout", "dropout_", "dropout2d", "dropout1d", "feature_dropout"), same),
}
"""Operators that leave nodes, by the name that PyTorch gives them."""
