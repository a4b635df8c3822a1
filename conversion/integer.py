"""Networks of whole numbers: layers in NumPy arrays, their file format (``.npz``), and the SpikingGraph that they make.

A file holds an array ``network``, JSON, and per layer ``<name>.weight`` and ``<name>.bias`` (docs/integer.md has the fields).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    CurrentSource,
    InputCurrent,
    IntegerConvolution2d,
    IntegerNeurons,
    IntegerReadOut,
    Node,
    Port,
    ReadOut,
    SpikeSource,
    SpikingGraph,
)
from synaptile.conversion.graph.whole import Overflow
from synaptile.foundation.arrays import read_arrays
from synaptile.foundation.errors import FileFormatError, GraphError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.json_text import parse_object
from synaptile.foundation.options import Reset

FORMAT = "synaptile-integer-network"
VERSION = 1


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A layer: weights of whole numbers and the neurons behind them.

    `weight` has shape (channels out, channels in / groups, kh, kw), or (outputs, inputs) of a Linear; `bias` (channels out,),
    zeros where None; both are integers. The synapse is ``2^exponent`` times the weight. `threshold` None, of the last layer only:
    its neurons never fire, and their membranes are the logits. Other fields as of `IntegerConvolution2d` and `IntegerNeurons`.
    """

    name: str
    weight: NDArray[np.integer]
    bias: NDArray[np.integer] | None = None
    threshold: int | None = None
    stride: int = 1
    padding: int = 0
    groups: int = 1
    exponent: int = 0
    reset: Reset = "value"
    decay: int = 0


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Layers in a row, behind input neurons or spike trains.

    `image` is the input, (channels, height, width). With `input_threshold` the input is a current per neuron, added at every
    step to neurons of that threshold, which reset as `input_reset` says; None takes spike trains. `delay` is in steps per layer.
    """

    name: str
    image: tuple[int, int, int]
    layers: Sequence[IntegerLayer]
    input_threshold: int | None = None
    input_reset: Reset = "value"
    delay: int = 1
    membrane_bits: int = 24
    overflow: Overflow = "refuse"
    source: str = ""

    def graph(self) -> SpikingGraph:
        """The graph. Raises GraphError or WeightsError, naming the layer, for what cannot be one."""
        return _graph(self)


T = TypeVar("T", IntegerLayer, IntegerNetwork)


def save_integer_network(network: IntegerNetwork, path: str | Path) -> None:
    """Write a network as one ``.npz`` file."""
    layers = [{k: v for k, v in _plain(layer).items() if k not in ("weight", "bias")} for layer in network.layers]
    about = {k: v for k, v in _plain(network).items() if k != "layers"} | {"layers": layers}
    text = json.dumps({"format": FORMAT, "version": VERSION, **about})
    arrays = {f"{layer.name}.{key}": value for layer in network.layers for key, value in _arrays(layer).items()}
    with atomic_path(path) as temporary, Path(temporary).open("wb") as file:
        np.savez_compressed(file, network=np.array(text), **arrays)  # type: ignore[arg-type]  # names are strings


def load_integer_network(path: str | Path) -> IntegerNetwork:
    """Read a network. Raises FileFormatError, with the file and the field, for a file that is none."""
    where = str(path)
    if not Path(path).is_file():
        raise FileFormatError(f"{where}: no such file of an integer network")
    try:
        arrays = read_arrays(Path(path), texts=("network",))
        about = parse_object(str(arrays.pop("network")))
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(f"{where}: no integer network, an .npz with an array 'network' of JSON ({error})") from error
    if about.pop("format", None) != FORMAT or about.pop("version", None) != VERSION:
        raise FileFormatError(f"{where}: 'network' is not of format {FORMAT!r}, version {VERSION}")
    listed = about.get("layers")
    if not isinstance(listed, list) or not all(isinstance(layer, dict) for layer in listed):
        raise FileFormatError(f"{where}: 'network' has no list of layers")
    layers = []
    for layer in listed:
        name = str(layer.get("name"))
        found = {key: arrays.pop(f"{name}.{key}") for key in ("weight", "bias") if f"{name}.{key}" in arrays}
        layers.append(_checked(IntegerLayer, layer | found, f"{where}: layer {name!r}"))
    if arrays:
        raise FileFormatError(f"{where}: holds arrays that no layer has: {', '.join(sorted(arrays)[:5])}")
    image = about.get("image")
    return _checked(IntegerNetwork, about | {"layers": layers, "image": tuple(image) if isinstance(image, list) else ()}, where)


def from_integer(source: IntegerNetwork | str | Path) -> SpikingGraph:
    """The SpikingGraph of a network, or of its file; raises as `load_integer_network` and `IntegerNetwork.graph`."""
    return (load_integer_network(source) if isinstance(source, str | Path) else source).graph()


def _plain(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _arrays(layer: IntegerLayer) -> dict[str, NDArray[np.integer]]:
    return {"weight": layer.weight} | ({} if layer.bias is None else {"bias": layer.bias})


def _checked(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass of values whose names and plain types are those of its fields."""
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise FileFormatError(f"{where} has unknown fields: {', '.join(unknown)}; known are {', '.join(known)}")
    if missing := [name for name, f in known.items() if f.default is MISSING and name not in values]:
        raise FileFormatError(f"{where} lacks {', '.join(missing)}")
    for name, value in values.items():
        hint = str(known[name].type)
        if ("int" in hint and "NDArray" not in hint and "tuple" not in hint) and not (
            type(value) is int or (value is None and "None" in hint)
        ):
            raise FileFormatError(f"{where}: {name} is {value!r}, needs a whole number{' or null' if 'None' in hint else ''}")
    return kind(**values)


def _graph(network: IntegerNetwork) -> SpikingGraph:
    extents = [extent for extent in network.image if isinstance(extent, int | np.integer) and extent > 0]
    if len(network.image) != 3 or len(extents) != 3 or not network.layers:
        raise GraphError(f"network {network.name!r} has an input of {network.image} and {len(network.layers)} layers: needs both")
    nodes: list[Node] = []
    arrays: dict[str, NDArray[Any]] = {}

    def add(node: Node, **given: Any) -> Port:
        nodes.append(node)
        for key, value in given.items():
            array = np.asarray(value)
            wide = array.dtype.itemsize > 2 or not np.issubdtype(array.dtype, np.integer)
            arrays[f"{node.name}.{key}"] = array.astype(np.float64 if wide else np.float32)
        return Port(node.name, 0, node.shape[1])

    size = int(np.prod(network.image))
    bits, overflow = network.membrane_bits, network.overflow
    if network.input_threshold is None:
        port = add(SpikeSource("input", (), (1, size), network.image))
    else:
        port = add(CurrentSource("samples", (), (1, size), network.image))
        port = add(InputCurrent("input.current", (port,), (1, size), network.image))
        site = IntegerNeurons("input", (port,), (1, size), network.input_reset, 0, bits, overflow)
        port = add(site, threshold=np.full(size, network.input_threshold))
    image = network.image
    for layer in network.layers:
        conv = _synapse(layer, port, image, network.delay)
        bias = np.zeros(conv.channels, np.int16) if layer.bias is None else layer.bias
        weight = np.asarray(layer.weight)
        port = add(conv, weight=weight.reshape(len(weight), -1, *conv.kernel), bias=bias)
        image = (conv.channels, *conv.plane)
        last = layer is network.layers[-1]
        if layer.threshold is None and not last:
            raise GraphError(f"layer {layer.name!r} has no threshold: only the last layer's membranes are read out")
        if layer.threshold is not None:
            site = IntegerNeurons(f"{layer.name}.neurons", (port,), conv.shape, layer.reset, layer.decay, bits, overflow)
            port = add(site, threshold=np.full(conv.width, layer.threshold))
    final = network.layers[-1]
    if final.threshold is None:
        add(IntegerReadOut("output", (port,), (1, port.width), law="sum", off_chip=True, decay=final.decay))
    else:
        add(ReadOut("output", (port,), (1, port.width), law="sum", off_chip=True))
    facts = {"method": "integer", "delay": network.delay} | ({"source": network.source} if network.source else {})
    return SpikingGraph.build(network.name, nodes, arrays, facts)


def _synapse(layer: IntegerLayer, port: Port, image: tuple[int, int, int], delay: int) -> IntegerConvolution2d:
    """The layer's synapse, its width from its windows; a Linear is a kernel as large as what it reads."""
    weight = np.asarray(layer.weight)
    where = f"layer {layer.name!r}"
    if not np.issubdtype(weight.dtype, np.integer):
        raise GraphError(f"{where}: weights are {weight.dtype}, needs integers")
    if weight.ndim == 2 and weight.shape[1] == np.prod(image):
        kernel = (image[1], image[2])
    elif weight.ndim == 4 and weight.shape[1] * layer.groups == image[0]:
        kernel = (weight.shape[2], weight.shape[3])
    else:
        raise GraphError(
            f"{where}: weights of shape {weight.shape} in {layer.groups} groups on an input of {image}: give (outputs, "
            f"{np.prod(image)}) or (channels, {image[0]} / groups, kernel height, kernel width)"
        )
    conv = IntegerConvolution2d(
        layer.name,
        (port,),
        (1, 1),
        image,
        kernel,
        (layer.stride,) * 2,
        (layer.padding,) * 2,
        groups=layer.groups,
        flat=weight.ndim == 2,
        exponent=layer.exponent,
        delay=delay,
    )
    if layer.stride < 1 or min(conv.plane) < 1:
        raise GraphError(f"{where}: its window {kernel} at stride {layer.stride} leaves nothing of an input of {image}")
    return replace(conv, shape=(1, len(weight) * conv.plane[0] * conv.plane[1]))
