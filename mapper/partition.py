"""A mapping as a file that can be edited: how each layer is cut, on which core each piece lies, where each core sits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from ruamel.yaml import YAML

from synaptile.conversion.graph import Convolution2d, InputCurrent, IntegerConvolution2d, Neurons, Node
from synaptile.foundation.documents import FileKind, Strict, read_mapping, validated
from synaptile.foundation.files import atomic_path
from synaptile.foundation.types import Int64
from synaptile.mapper.cuts import even
from synaptile.mapper.footprint import off_chip, part_extents, part_footprint, units_of
from synaptile.mapper.program import CoreProgram

Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]
Pieces = Size | Annotated[list[Size], Field(min_length=1)]
"""Pieces along an axis: so many of nearly equal size, or their sizes in order."""

Axis = Literal["channels", "rows", "columns"]
AXES: tuple[Axis, ...] = ("channels", "rows", "columns")

_KIND = FileKind("partition file", start="give `layers:` and the cores of each", most_bytes=64 << 20)


class Level(Strict):
    """One level of an order: blocks along an axis, from one of the positions `at` to the next."""

    axis: Axis
    at: list[Size]


class LayerPartition(Strict):
    """How one layer is cut, and the core of every piece, the last axis changing fastest.

    A layer of an image (a convolution, an input) is cut into blocks of `channels`, `rows` and `columns`, or into `outputs` in the
    order of its stream, which `order` changes where the network is one of whole numbers. Other layers are cut over `tokens`,
    `outputs` (heads of a map or product) and `inputs`, the fan-in. `replica` numbers the copy of the weights that each piece of
    the tokens uses. `compartments` are the neurons that each piece is counted and updated for, where these are more than it has.
    """

    cores: Annotated[list[Count], Field(min_length=1)]
    channels: Pieces | None = None
    rows: Pieces | None = None
    columns: Pieces | None = None
    tokens: Pieces | None = None
    outputs: Pieces | None = None
    inputs: Pieces | None = None
    order: list[Level] | None = None
    replica: list[Count] | None = None
    compartments: list[Size] | None = None


class Partition(Strict):
    """A whole mapping. `layers` names every node that a core holds, but for neurons, which lie with what feeds them.

    `seats` gives tile x, tile y and, where a tile has several cores of a kind, the slot of each core, by number; cores are placed
    where it is missing. `phases` numbers the load of weights that each core belongs to; `board` is the grid of chips, columns and
    rows. `graph` and `chip` say what it was made for, and are not read.
    """

    layers: Annotated[dict[str, LayerPartition], Field(min_length=1)]
    seats: list[Annotated[list[Count], Field(min_length=2, max_length=3)]] | None = None
    phases: list[Count] | None = None
    board: Annotated[list[Size], Field(min_length=2, max_length=2)] | None = None
    graph: str | None = None
    chip: str | None = None


def load_partition(path: str | Path) -> Partition:
    """Read a partition. Raises InputError, naming file, key and remedy, for a file that is none."""
    return validated(Partition, read_mapping(path, _KIND), str(path))


def save_partition(partition: Partition, path: str | Path) -> None:
    """Write a partition as YAML, lists on one line each."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 1 << 20
    with atomic_path(path) as temporary, Path(temporary).open("w", encoding="utf-8") as file:
        yaml.dump(partition.model_dump(exclude_none=True), file)


def partition_of(program: CoreProgram) -> Partition:
    """The partition that a program lies in: mapping its graph by it gives the same parts, cores, flows and routes."""
    graph, cores = program.graph, program.cores
    layers = {
        node.name: _layer_of(program, node) for node in graph.nodes.values() if not (off_chip(node) or isinstance(node, Neurons))
    }
    seats = np.stack([cores.x, cores.y, cores.slot], axis=1).tolist()
    phases = cores.phase.tolist() if program.phases > 1 else None
    return Partition(
        layers=layers, seats=seats, phases=phases, board=list(program.board), graph=graph.name, chip=program.chip.name
    )


def _layer_of(program: CoreProgram, node: Node) -> LayerPartition:
    parts, chosen = program.parts, program.parts_of(node.name).astype(np.int64)
    bounds = {
        axis: np.unique(np.concatenate([getattr(parts, f"{column}_{end}")[chosen] for end in ("start", "stop")]))
        for axis, column in (("tokens", "token"), ("outputs", "out"), ("inputs", "in"))
    }
    scale = node.width // units_of(node)
    sizes = {axis: np.diff(cuts).tolist() for axis, cuts in bounds.items()}
    found: dict[str, Any] = {"cores": parts.core[chosen].tolist()}
    if isinstance(node, Convolution2d | InputCurrent):
        found |= _image_cuts(node, sizes["outputs"])
        needed = part_footprint(program.graph, program.chip, node, part_extents(parts, chosen)).neurons
        if (parts.neurons[chosen] != needed).any():
            found["compartments"] = parts.neurons[chosen].tolist()
        return LayerPartition(**found)
    found["outputs"] = [size // scale for size in sizes["outputs"]]
    found |= {axis: sizes[axis] for axis in ("tokens", "inputs") if len(sizes[axis]) > 1}
    if len(sizes["tokens"]) > 1:
        found["replica"] = parts.replica[chosen].reshape(len(sizes["tokens"]), -1)[:, 0].tolist()
    return LayerPartition(**found)


def _image_cuts(node: Convolution2d | InputCurrent, sizes: list[int]) -> Mapping[str, Any]:
    """Whole channels where the pieces are that, else ranges of the stream, whose order is told unless it is the usual one."""
    if isinstance(node, IntegerConvolution2d | InputCurrent) and node.order:
        order = [Level(axis=AXES[axis], at=list(cuts)) for axis, *cuts in node.order]
        return {"outputs": sizes, "order": order}
    plane = node.plane[0] * node.plane[1] if isinstance(node, Convolution2d) else node.image[1] * node.image[2]
    if any(size % plane for size in sizes):
        return {"outputs": sizes}
    return {"channels": [size // plane for size in sizes]}


def cut_points(extent: int, pieces: Pieces | None) -> Int64:
    """Cut points from 0 to the last one, which is the extent unless sizes add up to something else."""
    if pieces is None or isinstance(pieces, int):
        return even(extent, pieces or 1)
    return np.append(0, np.cumsum(pieces)).astype(np.int64)
