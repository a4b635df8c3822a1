"""A run of the real mapper and simulator on a small board of several chips, and a Timeline for it put together by plain loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from math import ceil, log2
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import MTNeurons
from synaptile.energy import rungs
from synaptile.hwmodels import Chip
from synaptile.mapper import map_graph
from synaptile.mapper.program import CoreProgram
from synaptile.simulator import execute
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.timeline import (
    Cause,
    CoreCycles,
    JobTable,
    LinkKind,
    LinkTable,
    MessageTable,
    Resource,
    Timeline,
)
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

STEPS, IMAGES = 3, 2
STEP_ENDS = np.array([[400, 700, 1000], [900, 1200, 1500]], np.int64)
MAKESPAN = 1510


@cache
def board_chip(*, multicast: bool = True) -> Chip:
    """Chips of 2 x 2 tiles with small memories, so that a tiny network spreads over several of them."""
    chip = small_chip(
        mesh={"width": 2, "height": 2, "max_chips": 64},
        synapse={"weight_memory_bits": 500, "state_memory_bits": 4_000},
        ec={"state_memory_bits": 8_000},
    )
    return replace(chip, noc=replace(chip.noc, multicast=multicast, flit_bits=64))


@cache
def mapped_run(*, multicast: bool = True, numeric: str = "float32") -> Activity:
    """One block of 5 tokens, 8 channels, 2 heads on that board; 3 steps, 2 images."""
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=4)
    program = map_graph(graph, board_chip(multicast=multicast), seed=0, anneal_moves=2000)
    shape = graph.nodes["image"].image_shape  # type: ignore[attr-defined]
    images = 0.3 * np.random.default_rng(0).standard_normal((IMAGES, *shape)).astype(np.float32)
    return execute(program, images, STEPS, numeric)


def naive_messages(activity: Activity) -> list[dict[str, Any]]:
    """Every message of the run, one by one: group, the core it is for (-1: all), part, step, elements, flits, links."""
    program, noc = activity.program, activity.program.chip.noc
    flows, parts = program.flows, program.parts
    found = []
    for group in sorted({int(g) for g in flows.group if g >= 0}):
        members = np.flatnonzero(flows.group == group)
        flow = members[0]
        part = int(flows.source[flow])
        node = program.graph.nodes[program.node_names[parts.node[part]]]
        cores = sorted({int(parts.core[t]) for t in flows.target[members]})
        copies = (
            [(-1, _links(program, group, cores))] if noc.multicast else [(core, _links(program, group, [core])) for core in cores]
        )
        for step in range(activity.steps):
            for image in range(activity.images):
                for token in range(flows.token_start[flow], flows.token_stop[flow]):
                    if flows.spiking[flow]:
                        assert isinstance(node, MTNeurons)
                        record = activity.spikes[node.name]
                        inside = [
                            g
                            for g, (low, high) in enumerate(zip(record.bounds[:-1], record.bounds[1:], strict=True))
                            if low >= flows.start[flow] and high <= flows.stop[flow]
                        ]
                        elements = int(record.events[step, image, token, inside].sum())
                        bits = noc.spike_header_bits + 1 + ceil(log2(node.n))
                    else:
                        sets = 2 if flows.input[flow] == -1 else 1
                        elements = sets * int(flows.stop[flow] - flows.start[flow]) * (node.shape[2] if node.is_map else 1)
                        bits = noc.word_bits
                    flits = max(1, ceil(elements * bits / noc.flit_bits))
                    of = {"group": group, "part": part, "step": step, "elements": elements, "flits": flits}
                    found += [{**of, "target": core, "links": links} for core, links in copies]
    return found


def hand_timeline(activity: Activity) -> Timeline:
    """A Timeline that holds the run's operations and messages; its cycles are made up."""
    program, table = activity.program, activity.operations
    parts = program.parts
    of: dict[tuple[int, int], int] = {}
    for part in range(len(parts.node)):
        of.setdefault((int(parts.core[part]), int(parts.node[part])), part)
    sums: dict[tuple[int, int], int] = {(part, step): 0 for part in of.values() for step in range(activity.steps)}
    for row in range(len(table.op)):
        for step in range(activity.steps):
            sums[of[int(table.core[row]), int(table.node[row])], step] += int(table.count[row, step])
    keys = sorted(sums)
    count = len(keys)
    parts_of_jobs = np.array([key[0] for key in keys], np.int32)
    zero32, zero64 = np.zeros(count, np.int32), np.zeros(count, np.int64)
    operations = np.array([sums[key] for key in keys], np.int64)
    steps_of_jobs = np.array([key[1] for key in keys], np.int32)
    jobs = JobTable(
        parts_of_jobs,
        parts.core[parts_of_jobs],
        zero32,
        steps_of_jobs,
        zero32,
        zero64,
        zero64,
        zero64,
        operations,
        zero32,
        np.full(count, Cause.NOTHING, np.int8),
        np.full(count, -1, np.int32),
    )
    sent = naive_messages(activity)
    job_of = {key: i for i, key in enumerate(keys)}
    load: dict[tuple[int, int], int] = {}
    for message in sent:
        for link in message["links"]:
            load[link] = load.get(link, 0) + message["flits"]

    def column(values: list[int]) -> Any:
        return np.array(values, np.int32)

    none = np.zeros(len(sent), np.int64)
    messages = MessageTable(
        column([job_of[of[int(parts.core[m["part"]]), int(parts.node[m["part"]])], m["step"]] for m in sent]),
        column([m["group"] for m in sent]),
        column([m["target"] for m in sent]),
        column([m["elements"] for m in sent]),
        column([m["flits"] for m in sent]),
        column([len(m["links"]) for m in sent]),
        column([sum(_crosses(program, *link) for link in m["links"]) for m in sent]),
        none,
        none,
        np.arange(len(sent), dtype=np.int32),
    )
    flits = np.array(list(load.values()), np.int64)
    links = LinkTable(
        np.full(len(load), LinkKind.MESH, np.int8),
        column([a for a, _ in load]),
        column([b for _, b in load]),
        flits,
        flits,
        flits,
    )
    idle = np.zeros(len(program.cores.kind), np.int64)
    return Timeline(
        activity,
        program,
        "dataflow",
        activity.images,
        jobs,
        messages,
        links,
        CoreCycles(idle, idle, idle, idle, np.zeros((len(idle), 4), np.int64)),
        MAKESPAN,
        STEP_ENDS,
        np.array([0, 500], np.int64),
        (),
        Resource("nothing", 0, 0.0),
        False,
        (),
        {},
    )


@pytest.fixture(scope="module", autouse=True)
def no_arrivals() -> Iterator[None]:
    """Such a Timeline has no job per token, so nothing that spikes could reach: that is left to test_scheduled_memory.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "check_scheduled_memory", lambda *_: None)
        yield


def _links(program: CoreProgram, group: int, targets: list[int]) -> list[tuple[int, int]]:
    """Links of a message: the tree's own, or the XY paths to all receiving cores, one after another."""
    routes, cores = program.routes, program.cores
    if program.chip.noc.multicast:
        span = slice(int(routes.offset[group]), int(routes.offset[group + 1]))
        return list(zip(routes.link_from[span].tolist(), routes.link_to[span].tolist(), strict=True))
    width = program.board[0] * program.chip.mesh.width
    found = []
    for target in targets:
        source = int(routes.source_core[group])
        x, y = int(cores.x[source]), int(cores.y[source])
        while (x, y) != (cores.x[target], cores.y[target]):
            here = y * width + x
            if x != cores.x[target]:
                x += 1 if cores.x[target] > x else -1
            else:
                y += 1 if cores.y[target] > y else -1
            found.append((here, y * width + x))
    return found


def _crosses(program: CoreProgram, a: int, b: int) -> bool:
    mesh = program.chip.mesh
    width = program.board[0] * mesh.width
    chips = [(tile % width // mesh.width, tile // width // mesh.height) for tile in (a, b)]
    return chips[0] != chips[1]
