"""Layers: convolutions and Linears of spikes or pixels, BatchNorm folded into them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from synaptile.conversion.graph import Convolution2d, PatchEmbedding, Rearrange, Source
from synaptile.conversion.torch_snn.forms import Pooled, in_order, made, numbers_of, plane_of
from synaptile.conversion.torch_snn.places import Origin, Places, Run
from synaptile.foundation.types import Int64


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
    table = numbers.reshape(positions, inputs).T
    if isinstance(x.origin.waiting, Pooled):
        name = pooled_head(run, x, table, weight, bias)
    else:
        plane = plane_of(run, x, positions)
        name, _ = layer(run, x, table, (inputs, *plane), weight[..., None, None], bias, [(1, 1), (0, 0), (1, 1)], 1)
    origin = Origin((name,), outputs * positions, False, x.origin.timed, law=x.origin.law)
    laid = np.arange(outputs * positions).reshape(outputs, positions).T
    return made(x, steps, origin, laid, (*x.shape[:-1], outputs))


def pooled_head(run: Run, x: Places, numbers: Int64, weight: Any, bias: Any) -> str:
    """A Linear behind the mean of spikes over positions: each spike reaches it by itself."""
    assert isinstance(x.origin.waiting, Pooled)
    in_order(run, x.origin.nodes[0], numbers)
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
    ports = [in_order(run, node, numbers) for node in x.origin.nodes]
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
    extents = height * width, outputs
    planes = Rearrange(run.where, (builder.whole(made_front),), (1, outputs * height * width), extents, (1, 0))
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
    if len(x.origin.nodes) > 1 or x.origin.spikes or x.origin.waiting:
        raise run.refuse("BatchNorm reads spikes or sums of spikes: only behind a convolution or Linear is it folded")
    _, numbers = numbers_of(x)
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
