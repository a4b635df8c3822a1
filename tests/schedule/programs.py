"""Small programs placed by hand: every part on the core, and every core on the tile, that a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from synaptile.conversion.graph import (
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Node,
    PatchEmbedding,
    Port,
    ReadOut,
    SpikingGraph,
    Synapse,
)
from synaptile.hwmodels import Chip
from synaptile.mapper.flows import connect
from synaptile.mapper.placement import Seats
from synaptile.mapper.program import CoreKind, CoreProgram, CoreTable, Placement
from synaptile.mapper.routing import route
from synaptile.mapper.tiling import tile
from synaptile.mapper.topology import topology_of
from synaptile.simulator import Activity, execute
from tests.mapper.chips import small_chip

SEED = 3


def plain_chip(**noc: Any) -> Chip:
    """One flit a cycle, two cycles a hop, one word a flit; one operation a cycle of every unit."""
    chip = small_chip(
        mesh={"width": 8, "height": 8, "ec_cores_per_tile": 4},
        synapse={"lanes_per_cycle": 1, "neuron_updates_per_cycle": 1},
        ec={"multipliers_per_cycle": 1, "special_functions_per_cycle": 1, "neuron_updates_per_cycle": 1},
    )
    figures = {"flit_bits": 32, "word_bits": 32, "cycles_per_hop": 2, "link_flits_per_cycle": 1, "multicast": True} | noc
    return replace(chip, noc=replace(chip.noc, **figures))


def place(graph: SpikingGraph, chip: Chip, tiles: Mapping[str, tuple[int, int]]) -> CoreProgram:
    """Give every node that `tiles` names a core of its own on that tile; other nodes share the core of what feeds them first."""
    tiling = tile(graph, chip)
    parts, names = tiling.parts, tiling.node_names
    core_of = {name: number for number, name in enumerate(tiles)}
    for name in names:
        if name not in core_of and graph.nodes[name].inputs:
            core_of[name] = core_of.get(graph.nodes[name].inputs[0].node, -1)
    core = np.array([core_of[names[node]] for node in parts.node], np.int32)
    kind = np.array([int(tiling.kind[np.flatnonzero(core == number)[0]]) for number in range(len(tiles))], np.int32)
    assert (kind[core] == tiling.kind).all() and (core >= 0).all()
    x, y = (np.array(axis, np.int32) for axis in zip(*tiles.values(), strict=True))
    slot = np.array([sum(1 for other in range(n) if (x[other], y[other]) == (x[n], y[n])) for n in range(len(tiles))], np.int32)
    placed = replace(parts, core=core)
    flows = connect(graph, tiling, placed, np.zeros_like(kind))
    routes = route(placed, flows, Seats(x, y, slot), topology_of(chip, (1, 1)))
    none = np.zeros(len(tiles), np.int64)
    cores = CoreTable(kind, x, y, slot, none, none, none, none, np.zeros_like(kind))
    return CoreProgram(graph, chip, names, placed, cores, flows, routes, Placement("hand", 0, 0.0, 0.0, 0.0), (1, 1), {})


def build(nodes: Sequence[Node], pixels: tuple[int, int] = (1, 1)) -> SpikingGraph:
    """A graph with random weights around `nodes`, which read the image source "image" (3 channels of `pixels`)."""
    rng = np.random.default_rng(SEED)
    arrays: dict[str, np.ndarray] = {}
    for node in nodes:
        if isinstance(node, PatchEmbedding | Synapse):
            arrays[f"{node.name}.weight"] = rng.standard_normal((node.width, node.fan_in)).astype(np.float32)
            arrays[f"{node.name}.bias"] = rng.standard_normal(node.width).astype(np.float32)
        if isinstance(node, ConstantStream):
            arrays[f"{node.name}.value"] = rng.standard_normal(node.shape).astype(np.float32)
    size = 3 * pixels[0] * pixels[1]
    return SpikingGraph.build("by-hand", [ImageSource("image", (), (1, size), (3, *pixels)), *nodes], arrays)


def patches(name: str, tokens: int, width: int) -> PatchEmbedding:
    """A front end of fan-in 3: one pixel a token. It issues 4 * width operations a token, at the first step only."""
    return PatchEmbedding(name, (Port("image", 0, 3 * tokens),), (tokens, width), (1, 1), (1, 1))


def relu(name: str, source: str, tokens: int, width: int) -> ECUnit:
    """A unit that issues 5 * width operations a token: accumulate, mean, compare, and two of the expectation."""
    return ECUnit(name, (Port(source, 0, width),), (tokens, width), "relu")


def neurons(name: str, source: str, tokens: int, width: int, start: int = 0) -> MTNeurons:
    """Neurons: `width` updates a token."""
    return MTNeurons(name, (Port(source, start, start + width),), (tokens, width), 0.25, 0.25, 2)


def readout(source: str, width: int) -> ReadOut:
    """The read-out of one token: 2 * width operations."""
    return ReadOut("readout", (Port(source, 0, width),), (1, width))


def executed(program: CoreProgram, steps: int = 1, images: int = 1) -> Activity:
    """A run on random images."""
    source = next(node for node in program.graph.nodes.values() if isinstance(node, ImageSource))
    batch = np.random.default_rng(SEED).standard_normal((images, *source.image_shape)).astype(np.float32)
    return execute(program, batch, steps, keep_spikes=images)


def synapse_kind(program: CoreProgram, core: int) -> bool:
    """Whether a core is a synapse core."""
    return bool(program.cores.kind[core] == CoreKind.SYNAPSE)
