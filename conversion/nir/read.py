"""A NIR graph as a SpikingGraph: nodes in order, each checked for what it reads; what has no counterpart is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    CubaLIFNeurons,
    CurrentSource,
    IFNeurons,
    InputCurrent,
    LIFNeurons,
    MembraneReadOut,
    Node,
    Port,
    ReadOut,
    SpikeSource,
    SpikingGraph,
    Synapse,
    ValueSource,
)
from synaptile.conversion.nir.back import delay_of, edges_back, neurons_shape
from synaptile.conversion.nir.fold import folded_arrays, folded_kernel
from synaptile.conversion.nir.merge import merged
from synaptile.conversion.nir.nested import laid_open
from synaptile.conversion.nir.order import check_whole, ordered
from synaptile.conversion.nir.package import open_nir
from synaptile.conversion.nir.time import DT, TIME_CONSTANTS, check_time_constants, unit_of_if
from synaptile.conversion.nir.value import Pooling, Value
from synaptile.conversion.nir.whole import in_whole_numbers
from synaptile.conversion.nir.windows import padding_of, pair
from synaptile.foundation.errors import GraphError, InputError
from synaptile.foundation.options import IFUnit, Reset, SpikingInput

FOLDED = "folded_pooling"
"""Key of the metadata that names pooling folded into the convolution before it, and the kernels."""


def from_nir(
    source: Any,
    *,
    dt: float | None = None,
    reset: Reset = "value",
    name: str | None = None,
    integer: bool = False,
    if_unit: IFUnit | None = None,
    input: SpikingInput = "spikes",
) -> SpikingGraph:
    """A SpikingGraph that takes spike trains and counts spikes, or reads membranes where the network ends in LI or a synapse.

    Args:
        source: a `nir.NIRGraph`, or the path of a NIR file.
        dt: length of a step, in the unit of the time constants; None takes the graph's own (``metadata["dt"]``), else 1e-4.
        reset: what a spike does to the membrane: "value" sets it to v_reset, as NIR says; "subtract" takes v_threshold off, as
            some libraries mean it that have no other way to say so in NIR.
        name: of the graph; None takes the file's, else "nir".
        integer: a network of whole numbers, executed in integers: IF with r 1, LIF and LI with r tau/dt, weights, biases and
            thresholds whole. An Input that only neurons read is then a current per neuron, added at every step.
        if_unit: whether r of IF neurons is per "step" (v += r I, as sinabs and Norse write it) or per "second" (v += r dt I, as
            SpikingJelly does). None takes "second" where r dt is 1, else "step"; "second" is noted in ``metadata["if_unit"]``.
        input: "values" where the Input gives real values or event counts: a Linear or Affine multiplies them, on an EC core.

    Pooling and flattening leave no node of their own: they are part of the synapse behind them, or, where pooling stands between
    a convolution and its neurons, of that convolution, whose kernel grows; ``metadata["folded_pooling"]`` then says how. Graphs
    within the graph are laid open. Loops look back by one step, or by the Delay on them (see `back`); `import_report` says what
    the file was taken to mean.

    Raises GraphError, naming the node, for unknown nodes, layers in an order that neurons cannot bridge, a time constant below
    dt, a Delay that is no whole number of steps, and where the unit of r is not clear; FileFormatError for a file that is not
    NIR's; InputError for arguments out of range or without the package nir.
    """
    graph = laid_open(open_nir(source))
    check_whole(graph)
    if reset not in ("value", "subtract"):
        raise InputError(f"reset is {reset!r}, must be 'value' or 'subtract'")
    if input not in get_args(SpikingInput):
        raise InputError(f"input is {input!r}, must be 'spikes' or 'values'")
    if integer and input == "values":
        raise InputError("input is 'values' and integer is true: networks of whole numbers take spikes or whole currents")
    if if_unit not in (None, *get_args(IFUnit)):
        raise InputError(f"if_unit is {if_unit!r}, must be 'step' or 'second'")
    step = float(graph.metadata.get("dt", DT) if dt is None else dt)
    if not 0 < step < np.inf:
        raise InputError(f"dt is {step}, needs a positive and finite length of a step")
    known = name or (Path(source).stem if isinstance(source, str | Path) else "nir")
    unit = unit_of_if(graph.nodes, step, if_unit)
    check_time_constants(graph.nodes, step)
    reader = _Reader(graph, step, reset, integer, step if unit == "second" else 1.0, input == "values")
    facts = {"method": "nir", "dt": step, "reset": reset} | ({"if_unit": unit} if unit == "second" else {})
    if reader.folded:
        facts[FOLDED] = "; ".join(reader.folded)
    if "writer" in graph.metadata:
        facts["writer"] = _text(graph.metadata["writer"])
    nodes, arrays = merged(reader.nodes, reader.arrays)
    return SpikingGraph.build(known, *(in_whole_numbers(nodes, arrays) if integer else (nodes, arrays)), facts)


class _Reader:
    """One pass over the NIR graph in topological order."""

    def __init__(self, graph: Any, dt: float, reset: Reset, integer: bool, if_step: float, real: bool) -> None:
        """`if_step`: what r of IF neurons is multiplied with; `real`: whether the Input gives real values."""
        self.graph, self.dt, self.reset, self.integer, self.if_step, self.real = graph, dt, reset, integer, if_step, real
        self.nodes: list[Node] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        self.values: dict[str, Value] = {}
        said = graph.metadata.get(FOLDED, "")
        self.folded = [_text(said)] if said else []
        self.dtype = _widest(graph)
        self.back = edges_back(graph, dt)
        for name in ordered(graph, self.back):
            before = [self._earlier(a, b) if (a, b) in self.back else self.values[a] for a, b in graph.edges if b == name]
            value = self._read(name, graph.nodes[name], before)
            if value is not None:
                self.values[name] = value

    def _earlier(self, neurons: str, reader: str) -> Value:
        """Spikes of neurons that are still to be read."""
        shape = neurons_shape(self.graph, neurons)
        return Value(neurons, shape, shape, spiking=True, delay=self.back[neurons, reader])

    def _read(self, name: str, node: Any, before: list[Value]) -> Value | None:
        kind = type(node).__name__
        if kind == "Input":
            shape = _shape(name, node.input_type.get("input"))
            readers = {type(self.graph.nodes[b]).__name__ for a, b in self.graph.edges if a == name}
            if self.integer and readers <= {"IF", "LIF"}:
                return self._currents(name, shape)
            source = ValueSource if self.real else SpikeSource
            self._add(source(name, (), (1, int(np.prod(shape))), shape))
            return Value(name, shape, shape, spiking=True, real=self.real)
        if not before:
            raise GraphError(f"NIR node {name!r} ({kind}) reads nothing: connect it to the Input")
        if kind in ("IF", "LIF", "CubaLIF"):
            return self._neurons(name, node, self._sum(name, kind, before))
        if len(before) > 1:
            raise GraphError(f"NIR node {name!r} ({kind}) reads {len(before)} nodes: only neurons sum what they read")
        match kind:
            case "Affine" | "Linear":
                return self._linear(name, node, before[0])
            case "Conv2d":
                return self._convolution(name, node, before[0])
            case "SumPool2d" | "AvgPool2d":
                return self._pool(name, node, before[0])
            case "Flatten":
                return _flatten(name, node, before[0])
            case "Delay":
                if not before[0].spiking:
                    raise GraphError(f"NIR node {name!r} (Delay) reads the currents of {before[0].node!r}: put it before them")
                return replace(before[0], delay=before[0].delay + delay_of(name, node, self.dt))
            case "LI":
                self._leaky_integrator(name, node, before[0])
            case _:
                self._output(name, before[0])
        return None

    def _currents(self, name: str, shape: tuple[int, ...]) -> Value:
        size = int(np.prod(shape))
        self._add(CurrentSource(f"{name}.samples", (), (1, size), shape))
        image = (shape[0], shape[1], shape[2]) if len(shape) == 3 else (size, 1, 1)
        self._add(InputCurrent(name, (Port(f"{name}.samples", 0, size),), (1, size), image))
        return Value(name, shape, shape, spiking=False)

    def _add(self, node: Node, **arrays: Any) -> None:
        self.nodes.append(node)
        for field, array in arrays.items():
            self.arrays[f"{node.name}.{field}"] = np.array(array, self.dtype, order="C")

    def _sum(self, name: str, kind: str, before: list[Value]) -> Value:
        """The current that neurons read: of one synapse, or the sum of several."""
        for value in before:
            if value.spiking:
                raise GraphError(f"NIR node {name!r} ({kind}) reads the spikes of {value.node!r}: put a synapse between them")
        if len(before) == 1:
            return before[0]
        if len({value.shape for value in before}) > 1:
            raise GraphError(f"NIR node {name!r} ({kind}) sums shapes {', '.join(str(value.shape) for value in before)}")
        total = f"{name}.sum"
        self._add(Add(total, tuple(value.port for value in before), (1, before[0].port.width)))
        return replace(before[0], node=total)

    def _neurons(self, name: str, node: Any, value: Value) -> Value:
        inputs, shape = (value.port,), (1, value.port.width)
        match type(node).__name__:
            case "IF":
                site: IFNeurons | LIFNeurons | CubaLIFNeurons = IFNeurons(name, inputs, shape, self.reset)
            case "LIF":
                site = LIFNeurons(name, inputs, shape, self.reset, self.dt)
            case _:
                site = CubaLIFNeurons(name, inputs, shape, self.reset, self.dt)
        self._add(site, **self._parameters(name, node, site.parameters, value.shape))
        return replace(value, node=name, spiking=True)

    def _parameters(self, name: str, node: Any, fields: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        """Parameters of every neuron, flat; one for all is spread over all."""
        found = {}
        for field in fields:
            given = np.asarray(getattr(node, field), np.float64)
            if given.size != 1 and given.shape != shape:
                raise GraphError(f"NIR node {name!r}: {field} has shape {given.shape}, what it reads has {shape}")
            if field in TIME_CONSTANTS and not (given > 0).all():
                raise GraphError(f"NIR node {name!r}: {field} goes down to {given.min():g}, time constants must be positive")
            if field == "r" and type(node).__name__ == "IF":
                given = given * self.if_step
            found[field] = np.broadcast_to(given.reshape(shape if given.size > 1 else (1,) * len(shape)), shape).ravel()
        return found

    def _linear(self, name: str, node: Any, value: Value) -> Value:
        weight = np.asarray(node.weight)
        _spikes(name, value)
        if weight.ndim != 2 or value.shape != weight.shape[1:]:
            raise GraphError(
                f"NIR node {name!r}: weights of shape {weight.shape} on a stream of shape {value.shape}: flatten first"
            )
        plain = type(node).__name__ == "Linear"
        injection: Literal["every", "once"] = "once" if plain else "every"
        bias = np.zeros(len(weight)) if plain else np.asarray(node.bias)
        inputs, shape = (value.port,), (1, len(weight))
        if value.pooling is None:
            synapse = Synapse(name, inputs, shape, weight.shape[1], spiking=not value.real, injection=injection)
            self._add(synapse, weight=weight, bias=bias)
        else:
            folded = Convolution2d(name, inputs, shape, _image(name, value), (1, 1), flat=True, injection=injection)
            folded = replace(_pooled(folded, value), kernel=_pooled(folded, value).pooled)
            self._add(folded, weight=weight.reshape(len(weight), -1, *folded.kernel), bias=bias)
        return Value(name, (len(weight),), (len(weight),), spiking=False)

    def _convolution(self, name: str, node: Any, value: Value) -> Value:
        weight = np.asarray(node.weight)
        _spikes(name, value)
        _no_values(name, value)
        if weight.ndim != 4 or len(value.shape) != 3:
            raise GraphError(f"NIR node {name!r} (Conv2d): weights of shape {weight.shape} on a stream of shape {value.shape}")
        kernel = (weight.shape[2], weight.shape[3])
        stride, dilation = pair(name, "stride", node.stride), pair(name, "dilation", node.dilation)
        padding, groups = padding_of(name, node, kernel, stride, dilation), int(node.groups)
        if weight.shape[1] * groups != value.shape[0]:
            raise GraphError(
                f"NIR node {name!r} (Conv2d): {weight.shape[1]} channels a group in {groups} groups, reads {value.shape}"
            )
        image = _image(name, value)
        said = None if node.input_shape is None else tuple(int(extent) for extent in np.ravel(node.input_shape))
        if said not in (None, value.shape[1:]):
            raise GraphError(
                f"NIR node {name!r} (Conv2d): input_shape says {said}, the stream is {value.shape[1:]} high and wide: correct one"
            )
        conv = Convolution2d(name, (value.port,), (1, 1), image, kernel, stride, padding, dilation, groups)
        conv = _pooled(conv, value)
        if min(*conv.stride, *conv.dilation) < 1 or min(*conv.plane) < 1:
            raise GraphError(f"NIR node {name!r} (Conv2d): its window {kernel} leaves nothing of an image of {value.shape}")
        plane = conv.plane
        conv = replace(conv, shape=(1, len(weight) * plane[0] * plane[1]))
        self._add(conv, weight=weight, bias=np.asarray(node.bias))
        out = (len(weight), *plane)
        return Value(name, out, out, spiking=False)

    def _pool(self, name: str, node: Any, value: Value) -> Value:
        kind: Literal["sum", "mean"] = "sum" if type(node).__name__ == "SumPool2d" else "mean"
        if not value.spiking:
            return self._pool_currents(name, node, kind, value)
        _no_values(name, value)
        if value.pooling is not None or len(value.shape) != 3:
            raise GraphError(f"NIR node {name!r} pools a stream of shape {value.shape}, pooled or flat already: pool spikes once")
        kernel, stride = pair(name, "kernel_size", node.kernel_size), pair(name, "stride", node.stride)
        pooling = Pooling(name, kind, kernel, stride, pair(name, "padding", node.padding))
        trial = _pooled(Convolution2d(name, (), (1, 1), _image(name, value), (1, 1)), replace(value, pooling=pooling))
        if min(*kernel, *stride) < 1 or min(*trial.pooled) < 1:
            raise GraphError(f"NIR node {name!r}: its window {kernel} leaves nothing of an image of {value.shape}")
        return replace(value, shape=(value.shape[0], *trial.pooled), pooling=pooling)

    def _pool_currents(self, name: str, node: Any, kind: Literal["sum", "mean"], value: Value) -> Value:
        """Pooling of a convolution's currents: both are linear, the convolution takes the pooling in."""
        where = f"NIR node {name!r} pools the currents of {value.node!r}"
        if len(value.shape) != 3:
            raise GraphError(f"{where}, which have shape {value.shape}: only an image (channels, height, width) can be pooled")
        before = next(a for a, b in self.graph.edges if b == name)
        if others := [b for a, b in self.graph.edges if a == before and b != name]:
            raise GraphError(f"{where}, which {', '.join(others)} read too, unpooled: give each a convolution of its own")
        kernel, stride = pair(name, "kernel_size", node.kernel_size), pair(name, "stride", node.stride)
        padding = pair(name, "padding", node.padding)
        if padding != (0, 0):
            raise GraphError(f"{where} with padding {padding}: no one convolution does both, pool without or put neurons between")
        place = next(i for i, known in enumerate(self.nodes) if known.name == value.node)
        conv = self.nodes[place]
        assert isinstance(conv, Convolution2d)  # no other synapse has an image
        if min(*kernel, *stride) < 1 or kernel[0] > value.shape[1] or kernel[1] > value.shape[2]:
            raise GraphError(f"NIR node {name!r}: its window {kernel} leaves nothing of an image of {value.shape}")
        folded = folded_kernel(conv, kernel, stride)
        out = (value.shape[0], *folded.plane)
        self.nodes[place] = folded = replace(folded, shape=(1, int(np.prod(out))))
        weight, bias = (self.arrays[f"{conv.name}.{field}"] for field in ("weight", "bias"))
        weight, bias = folded_arrays(conv, folded, weight, bias, kernel, kind)
        self.arrays |= {f"{conv.name}.weight": weight.astype(self.dtype), f"{conv.name}.bias": bias.astype(self.dtype)}
        small, large = (f"{rows} x {columns}" for rows, columns in (conv.kernel, folded.kernel))
        self.folded.append(f"{name} into {conv.name}, kernel {small} -> {large}")
        return replace(value, image=out, shape=out)

    def _leaky_integrator(self, name: str, node: Any, value: Value) -> None:
        if value.spiking:
            raise GraphError(f"NIR node {name!r} (LI) reads the spikes of {value.node!r}: put a synapse between them")
        readers = [type(self.graph.nodes[b]).__name__ for a, b in self.graph.edges if a == name]
        if readers != ["Output"]:
            raise GraphError(
                f"NIR node {name!r} (LI) must be read by the Output alone: a membrane within a network is not supported"
            )
        site = MembraneReadOut(name, (value.port,), (1, value.port.width), law="sum", off_chip=True, dt=self.dt)
        self._add(site, **self._parameters(name, node, site.parameters, value.shape))
        self.values[name] = value

    def _output(self, name: str, value: Value) -> None:
        if any(isinstance(node, MembraneReadOut) for node in self.nodes):
            return
        if value.pooling is not None:
            raise GraphError(f"NIR node {value.pooling.name!r} pools spikes that only the Output reads: put a synapse behind it")
        self._add(ReadOut(name, (value.port,), (1, value.port.width), law="sum", off_chip=True))


def _text(said: Any) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)  # bytes where it comes from a file


def _widest(graph: Any) -> np.dtype[Any]:
    """float64 where any array has it, else float32."""
    arrays = [value for node in graph.nodes.values() for value in vars(node).values() if hasattr(value, "dtype")]
    wide = any(np.asarray(array).dtype == np.float64 for array in arrays)
    return np.dtype(np.float64 if wide else np.float32)


def _shape(name: str, given: Any) -> tuple[int, ...]:
    shape = () if given is None else tuple(int(extent) for extent in np.asarray(given).ravel())
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise GraphError(f"NIR node {name!r} has shape {shape}, needs (neurons,) or (channels, height, width)")
    return shape


def _image(name: str, value: Value) -> tuple[int, int, int]:
    if len(value.image) != 3:
        raise GraphError(f"NIR node {name!r} needs an image (channels, height, width), reads a stream of shape {value.image}")
    return value.image[0], value.image[1], value.image[2]


def _spikes(name: str, value: Value) -> None:
    if not value.spiking:
        raise GraphError(f"NIR node {name!r} reads the currents of {value.node!r}: put neurons between two synapses")


def _no_values(name: str, value: Value) -> None:
    if value.real:
        raise GraphError(f"NIR node {name!r} reads real values of {value.node!r}: only a Linear or Affine multiplies them")


def _pooled(conv: Convolution2d, value: Value) -> Convolution2d:
    pooling = value.pooling
    if pooling is None:
        return conv
    return replace(
        conv, pooling=pooling.kind, pool_kernel=pooling.kernel, pool_stride=pooling.stride, pool_padding=pooling.padding
    )


def _flatten(name: str, node: Any, value: Value) -> Value:
    rank = len(value.shape)
    start, stop = (int(dim) % rank if -rank <= dim < rank else -1 for dim in (node.start_dim, node.end_dim))
    if rank > 1 and (start, stop) != (0, rank - 1):
        raise GraphError(
            f"NIR node {name!r} flattens axes {node.start_dim} to {node.end_dim} of {value.shape}: flatten all of them"
        )
    return replace(value, shape=(int(np.prod(value.shape)),))
