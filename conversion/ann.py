"""The ANN that a SpikingGraph stands for, run densely in NumPy: calibration, the table's first column, agreement figures.

MT sites pass their input on unchanged and ST-BIF sites quantise it, EC units apply F once, products multiply once. For a
SpikeZIP graph this is the QANN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from synaptile.conversion.functions import evaluate
from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    Convolution2d,
    DifferentialNeurons,
    ECUnit,
    Gate,
    ImageSource,
    Neurons,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    Rearrange,
    Rotation,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
    TokenSelect,
    TokenSource,
    at_length,
    takes_text,
)
from synaptile.conversion.images import source_of
from synaptile.conversion.text.tokens import Tokens, check_tokens, text_source
from synaptile.foundation.types import Array

Observer = Callable[[str, Array], None]


def ann_forward(
    graph: SpikingGraph, images: Array | Tokens, observe: Observer | None = None, *, dtype: DTypeLike | None = None
) -> Array:
    """Logits of the ANN, shape (images, classes), in the dtype of `images` (float32 or float64).

    `images` are preprocessed, shape (images, channels, H, W), or `Tokens`, which run in `dtype` (the graph's own by default).
    `observe(site, values)` sees what stands in front of each neuron site, shape (images, tokens, channels) or (images, heads,
    tokens, keys); of sentences, whose lengths differ, the values of all real tokens in one row, shape (values,).
    """

    def pass_on(site: Neurons, values: Array) -> Array:
        if observe is not None:
            observe(site.name, values)
        if isinstance(site, STBIFNeurons):
            return np.asarray(quantised_levels(site, values) * values.dtype.type(site.step_size))
        return values

    return forward(graph, images, pass_on, dtype=dtype)


def forward(
    graph: SpikingGraph,
    images: Array | Tokens,
    at_site: Callable[[Neurons, Array], Array],
    *,
    dtype: DTypeLike | None = None,
) -> Array:
    """Logits as of `ann_forward`, `at_site` deciding what every neuron site makes of the values in front of it."""
    if takes_text(graph):
        return forward_text(graph, images, at_site, dtype)
    source_of(graph)  # a graph that takes spike trains is refused
    assert isinstance(images, np.ndarray)
    streams: dict[str, Array] = {}
    for node in graph.nodes.values():
        inputs = [take(streams[port.node], port) for port in node.inputs]
        if isinstance(node, Neurons):
            streams[node.name] = in_units(graph, node, at_site(node, inputs[0]))
        else:
            streams[node.name] = images if isinstance(node, ImageSource) else _dense(graph, node, inputs, images)
        for name in graph.read_last(node.name):
            del streams[name]
    return streams[graph.readout.name][:, 0]


def forward_text(
    graph: SpikingGraph, tokens: Any, at_site: Callable[[Neurons, Array], Array], dtype: DTypeLike | None = None
) -> Array:
    """Embeddings of sentences, each at its own length; `at_site` sees a site's values of all sentences together, shape (values,).

    All lengths advance node by node, so that what `at_site` learns at one site may serve at those behind it.
    """
    checked = check_tokens(tokens, text_source(graph))
    real = np.dtype(graph.dtype if dtype is None else dtype)
    groups = [(chosen, ids, at_length(graph, ids.shape[1])) for chosen, ids in checked.by_length()]
    streams: dict[str, list[Array]] = {}
    for name, node in graph.nodes.items():
        inputs = [[take(streams[port.node][i], port) for port in node.inputs] for i in range(len(groups))]
        if isinstance(node, Neurons):
            values = at_site(node, np.concatenate([read[0].reshape(-1) for read in inputs]))
            cuts = np.cumsum([read[0].size for read in inputs])[:-1]
            pieces = np.split(values, cuts)
            pieces = [piece.reshape(read[0].shape) for piece, read in zip(pieces, inputs, strict=True)]
            streams[name] = [in_units(graph, node, piece) for piece in pieces]
        else:
            streams[name] = [
                embedded(sub, sub.nodes[name], ids, real)
                if isinstance(node, TokenEmbedding)
                else ids[..., None]
                if isinstance(node, TokenSource)
                else _dense(sub, sub.nodes[name], read, read[0])
                for (_, ids, sub), read in zip(groups, inputs, strict=True)
            ]
        for before in graph.read_last(name):
            del streams[before]
    logits = np.empty((len(checked), graph.readout.width), real)
    for (chosen, _, _), found in zip(groups, streams[graph.readout.name], strict=True):
        logits[chosen] = found[:, 0]
    return logits


def embedded(graph: SpikingGraph, node: Node, ids: NDArray[np.int64], dtype: np.dtype[Any]) -> Array:
    """Word plus position embedding of sentences of one length, shape (sentences, tokens, channels)."""
    word, position = (graph.array(node.name, field) for field in ("word", "position"))
    return np.asarray(word[ids].astype(dtype, copy=False) + position.astype(dtype, copy=False))


def normalised(logits: Array) -> Array:
    """Rows divided by their Euclidean norm; rows of zeros stay."""
    norm = np.sqrt(np.square(logits).sum(axis=-1, keepdims=True))
    return np.asarray(logits / np.where(norm > 0, norm, logits.dtype.type(1)))


def quantised_levels(site: STBIFNeurons, values: Array) -> Array:
    """The quantiser of an ST-BIF site: clamp(floor(x / step + 0.5), low, high), whole numbers in the dtype of `values`."""
    real = values.dtype.type
    return np.asarray(np.clip(np.floor(values / real(site.step_size) + real(0.5)), site.low, site.high))


def in_units(graph: SpikingGraph, site: Neurons, values: Array) -> Array:
    """Values in what spikes of a site are worth: of differential neurons units of theta, which is in the weights behind."""
    if not isinstance(site, DifferentialNeurons):
        return values
    theta = graph.array(site.name, "theta").astype(values.dtype, copy=False)
    return np.asarray(values / (theta[:, None, None] if site.is_map else theta))


def rotated(graph: SpikingGraph, node: Rotation, x: Array) -> Array:
    """Pairs of channels turned, x: (..., tokens, channels)."""
    times = x.shape[-1] // node.period
    cos, *sin = (np.tile(graph.array(node.name, name).astype(x.dtype, copy=False), times) for name in node.array_shapes())
    turned = x * cos
    return np.asarray(turned + x[..., node.partners(x.shape[-1])] * sin[0] if sin else turned)


def take(stream: Array, port: Port) -> Array:
    """The channels (heads of an attention map) of a batched stream that a port reads."""
    if stream.ndim == 4 and port.start == 0 and port.stop == stream.shape[1]:
        return stream
    return stream[:, port.start : port.stop] if stream.ndim == 4 else stream[..., port.start : port.stop]


def split_heads(rows: Array, heads: int) -> Array:
    """(images, tokens, heads*d) as (images, heads, tokens, d)."""
    images, tokens, channels = rows.shape
    return rows.reshape(images, tokens, heads, channels // heads).transpose(0, 2, 1, 3)


def join_heads(split: Array) -> Array:
    """(images, heads, tokens, d) as (images, tokens, heads*d)."""
    images, heads, tokens, depth = split.shape
    return split.transpose(0, 2, 1, 3).reshape(images, tokens, heads * depth)


def patches_of(node: PatchEmbedding, images: Array) -> Array:
    """The pixels under each patch, shape (images, patches, fan_in), in the order of the weight's columns."""
    (kh, kw), (sh, sw), (ph, pw) = node.kernel, node.stride, node.padding
    (more_h, more_w), (rows, columns) = (max(more, 0) for more in node.surplus), node.plane_of(images.shape[2:])
    padded = np.pad(images, ((0, 0), (0, 0), (ph, ph + more_h), (pw, pw + more_w)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    return windows[:, :, :rows, :columns].transpose(0, 2, 3, 1, 4, 5).reshape(images.shape[0], -1, node.fan_in)


def convolved(node: Convolution2d, x: Array, weight: Array, bias: Array) -> Array:
    """A convolution without pooling, kernel element by kernel element; x: (images, 1, channels * H * W), the output alike."""
    (sy, sx), (dy, dx), (height, width) = node.stride, node.dilation, node.plane
    ends = [(pad, pad + max(more, 0)) for pad, more in zip(node.padding, node.surplus, strict=True)]
    grown = np.pad(x.reshape(len(x), *node.image), ((0, 0), (0, 0), *ends))
    kernel = weight.reshape(node.groups, -1, *weight.shape[1:])
    out = np.zeros((len(x), node.groups, kernel.shape[1], height * width), x.dtype)
    for i, j in np.ndindex(node.kernel):
        seen = grown[:, :, i * dy :, j * dx :][:, :, ::sy, ::sx][:, :, :height, :width]
        out += kernel[None, ..., i, j] @ seen.reshape(len(x), node.groups, -1, height * width)
    return (out.reshape(len(x), node.channels, -1) + bias[:, None]).reshape(len(x), 1, -1)


def _dense(graph: SpikingGraph, node: Node, inputs: list[Array], images: Array) -> Array:
    dtype = images.dtype
    match node:
        case ConstantStream():
            value = graph.array(node.name, "value").astype(dtype, copy=False)
            return np.broadcast_to(value, (images.shape[0], *value.shape))
        case PatchEmbedding() | Synapse():
            rows = patches_of(node, images) if isinstance(node, PatchEmbedding) else inputs[0]
            weight, bias = (graph.array(node.name, field).astype(dtype, copy=False) for field in ("weight", "bias"))
            out = np.asarray(rows @ weight.T)
            out += bias
            return out
        case Convolution2d(pooling="none"):
            weight, bias = (graph.array(node.name, field).astype(dtype, copy=False) for field in ("weight", "bias"))
            return convolved(node, inputs[0], weight, bias)
        case ECUnit():
            return evaluate(graph, node, inputs[0])
        case ProductUnit(form="qk"):
            left = inputs[0] * graph.array(node.name, "gain").astype(dtype) if node.law == "difference" else inputs[0]
            return np.asarray(split_heads(left, node.heads) @ split_heads(inputs[1], node.heads).swapaxes(-1, -2))
        case ProductUnit():
            joined = join_heads(inputs[0] @ split_heads(inputs[1], node.heads))
            return joined * graph.array(node.name, "gain").astype(dtype) if node.law == "difference" else joined
        case Add():
            return np.asarray(sum(inputs[1:], start=inputs[0]))
        case Gate():
            return inputs[0] * inputs[1]
        case Rotation():
            return rotated(graph, node, inputs[0])
        case Rearrange():
            return inputs[0].reshape(len(images), -1)[:, node.places]
        case Concatenate():
            return np.concatenate(inputs, axis=1)
        case TokenSelect():
            return inputs[0][:, node.start : node.stop]
        case TokenMean():
            return np.asarray(inputs[0][:, node.start : node.stop].mean(axis=1, keepdims=True))
        case ReadOut():
            scaled = np.asarray(inputs[0] * dtype.type(node.scale))
            return normalised(scaled) if node.normalised else scaled
        case _:
            return inputs[0]
