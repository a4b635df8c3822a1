"""A run made by hand: a one-block network, four cores, and operations small enough to bill on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synaptile.conversion.graph import MTNeurons, ProductUnit, SpikingGraph, Synapse
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper.program import CoreProgram, CoreTable, FlowTable, PartTable, Placement, RouteTable
from synaptile.simulator.activity import OPS, Accounting, Activity, OperationTable, SpikeRecord
from tests.graphs import vit_graph

STEPS, IMAGES = 3, 2

ROWS = (
    (0, "blocks.0.attn.qkv", "synapse rows", "ac", (120, 240, 60)),
    (1, "blocks.0.attn.qkv", "synapse rows", "ac", (24, 12, 0)),
    (0, "blocks.0.attn.qkv", "bias", "add", (60, 60, 60)),
    (2, "blocks.0.mlp.fc1", "synapse rows", "ac", (80, 8, 8)),
    (3, "blocks.0.attn.softmax", "softmax", "exp", (50, 50, 50)),
    (3, "blocks.0.attn.qk", "theta combine", "mac", (10, 0, 0)),
    (3, "norm", "layer_norm", "rsqrt", (5, 5, 5)),
)
"""core, node, role, op, count at each step over both images."""


def graph() -> SpikingGraph:
    """One block, 5 tokens, 4 channels, 2 heads, 8 hidden, 3 classes."""
    return vit_graph(1, 5, 4, 2, 8, 3, patch=2)


def program(chip: Chip | None = None, network: SpikingGraph | None = None) -> CoreProgram:
    """Three synapse cores and an EC core around one corner of the mesh."""
    network = network or graph()
    chip = chip or load_chip("ecmt45")
    none32, none64 = np.zeros(0, np.int32), np.zeros(0, np.int64)
    parts = PartTable(*(none32,) * 10, none64, none64, none32, none32)
    cores = CoreTable(
        kind=np.array([0, 0, 0, 1], np.int32),
        x=np.array([0, 1, 0, 1], np.int32),
        y=np.array([0, 0, 1, 1], np.int32),
        slot=np.zeros(4, np.int32),
        weight_bits_used=np.array([1000, 2000, 3000, 500], np.int64),
        state_bits_used=np.array([100, 200, 300, 4000], np.int64),
        neurons_used=np.array([10, 20, 30, 40], np.int64),
        axons_used=np.array([4, 4, 4, 0], np.int64),
    )
    flows = FlowTable(*([none32] * 9))
    routes = RouteTable(none32, np.zeros(1, np.int64), none32, none32, np.array([6, 4], np.int64), np.array([12, 8], np.int64))
    placement = Placement("traffic", 0, 0.3, 150.0, 200.0)
    return CoreProgram(network, chip, tuple(network.nodes), parts, cores, flows, routes, placement, (1, 1), {})


def activity(chip: Chip | None = None, numeric: str = "float32") -> Activity:
    """The run: `ROWS`, and one whole fan-out a step and image at every Linear, one AC at every product."""
    built = program(chip)
    roles = tuple(dict.fromkeys(row[2] for row in ROWS))
    operations = OperationTable(
        core=np.array([row[0] for row in ROWS], np.int32),
        node=np.array([built.node_names.index(row[1]) for row in ROWS], np.int32),
        role=np.array([roles.index(row[2]) for row in ROWS], np.int32),
        op=np.array([OPS.index(row[3]) for row in ROWS], np.int32),
        count=np.array([row[4] for row in ROWS], np.int64),
        roles=roles,
    )
    macs = built.graph.ann_macs
    base = np.array([_spike(built.graph, name) for name in macs], np.int64)
    eq30 = np.broadcast_to(base[:, None, None], (len(macs), STEPS, IMAGES)).copy()
    released = eq30.copy()
    released[[isinstance(built.graph.nodes[name], ProductUnit) for name in macs]] += 1
    accounting = Accounting(tuple(macs), eq30, released, np.array(list(macs.values()), np.int64))
    logits = np.zeros((STEPS, IMAGES, 3))
    logits[0, :, 0] = 1.0
    logits[1:, 0, 1] = 1.0
    logits[1:, 1, 2] = 1.0
    spikes = {site.name: _record(site) for site in built.graph.of_type(MTNeurons)}
    return Activity(built, numeric, STEPS, IMAGES, logits, operations, accounting, spikes, {"seed": 0})


def with_rows(run: Activity, **columns: object) -> Activity:
    """The run with columns of its operation table replaced."""
    return replace(run, operations=replace(run.operations, **columns))  # type: ignore[arg-type]


def with_chip(chip: Chip, **fields: object) -> Chip:
    """The chip with fields replaced."""
    return replace(chip, **fields)  # type: ignore[arg-type]


def _spike(network: SpikingGraph, name: str) -> int:
    node = network.nodes[name]
    return node.width if isinstance(node, Synapse) else 1


def _record(site: MTNeurons) -> SpikeRecord:
    """Every token emits one spike a step: half of all at +theta1, half at -2 theta2."""
    tokens = site.tokens
    events = np.ones((STEPS, IMAGES, tokens, 1), np.int32)
    histogram = np.zeros((STEPS, 2 * site.n), np.int64)
    histogram[:, 0] = tokens
    histogram[:, site.n + 1] = tokens
    return SpikeRecord(events, np.array([0, site.width], np.int64), histogram, site.size)
