"""What the event loop reads and writes, side by side in memory: a record per job, message, part, flow and tree.

The loop meets a job or a message from several sides, each time in need of a few of its figures; those of one lie together here,
so that a cache line brings all of them. What is read of flows stands once for each order in which it is read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int64
from synaptile.mapper.program import WITHIN, CoreProgram
from synaptile.simulator.schedule.plan import FlowRules, StepJobs, offsets
from synaptile.simulator.schedule.trees import Links, Slots, Trees
from synaptile.simulator.schedule.ways import TREE, table_of, ways_of

JOB = np.dtype(
    [("ready", "i8"), ("arrived", "i8"), ("waited_for", "i4"), ("producer", "i4"), ("need", "i4"), ("cause", "i4")], align=True
)
"""A job, two to a line of the cache. `need` counts what it still waits for; `ready`, `cause` and `waited_for` follow the latest
of it so far. `arrived` is the latest arrival of an input, `producer` the job that made it, -1 without."""

MESSAGE = np.dtype([("injected", "i8"), ("delivered", "i8"), ("flits", "i4"), ("busy", "i4"), ("order", "i4")], align=True)
"""A message: its size in flits and cycles of a link, when it left and was there, its place in the order of sending."""

ROW = np.dtype([("place", "i4"), ("part", "i4")])
"""A job of a step by its row: where its records stand, and its part."""

PART = np.dtype(
    [
        (name, "i4")
        for name in (
            *("first", "stop", "operands", "core"),
            *("arriving", "arriving_stop", "inside", "inside_stop", "leaving", "leaving_stop", "sends", "sends_stop"),
        )
    ]
)
"""A part: its jobs by place, 1 in `operands` where the first of them gathers a product's operand, its core, and where its records
stand in the tables of those names."""

FLOW = np.dtype(
    [(name, "i4") for name in ("sender", "receiver", "stride", "tokens", "source", "target", "ahead", "room", "delay")]
)
"""A flow, as in `FlowRules`."""

SEND = np.dtype([*((name, "i4") for name in ("place", "tokens", "message")), *TREE.descr])
"""A TREE, the jobs that send over it, by place, and the first one's message."""


class Records(NamedTuple):
    """Static tables of one program in the order of reading.

    `rows` (jobs,), `parts` (parts,). Part by part: flows that are `arriving`, that stay `inside` the core, all that are
    `leaving`, and the trees of `sends`. Tree by tree: `hops`, `leaves`. Leaf by leaf: the flows that are `reached`. A job's
    number is ``step << bits | row``.
    """

    rows: Any
    parts: Any
    arriving: Any
    inside: Any
    leaving: Any
    sends: Any
    hops: Any
    leaves: Any
    reached: Any
    bits: int


def records_of(program: CoreProgram, jobs: StepJobs, flows: FlowRules, network: tuple[Links, Trees, Slots]) -> Records:
    """Lay the tables of a program out as the loop reads them."""
    links, trees, slots = network
    inside = np.flatnonzero(program.flows.group == WITHIN)
    sent = trees.flow[trees.leaf_flow_offset[trees.leaf_offset[:-1]]]  # one of each tree's flows, alike in what they carry
    by_part = {
        "arriving": flows.target,
        "inside": flows.source[inside],
        "leaving": flows.source,
        "sends": flows.source[sent],
    }
    order = {name: np.argsort(part, kind="stable") for name, part in by_part.items()}
    columns = {"first": jobs.first[:-1], "stop": jobs.first[1:], "operands": jobs.operands, "core": jobs.core_of}
    for name, part in by_part.items():
        columns[name], columns[f"{name}_stop"] = _spans(part[order[name]], jobs.operands.size)
    flow = table_of(FLOW, **{name: getattr(flows, name) for name in FLOW.names or ()})
    ways = ways_of(links, trees, program.routes.source_core)
    tree = {name: ways.trees[name] for name in TREE.names or ()}
    tree |= {"place": flows.sender[sent], "tokens": np.diff(slots.first), "message": slots.first[:-1]}
    return Records(
        rows=table_of(ROW, place=jobs.place, part=jobs.part),
        parts=table_of(PART, **columns),
        arriving=flow[order["arriving"]],
        inside=flow[inside[order["inside"]]],
        leaving=flow[order["leaving"]],
        sends=table_of(SEND, **tree)[order["sends"]],
        hops=ways.hops,
        leaves=ways.leaves,
        reached=flow[trees.flow],
        bits=max(jobs.size - 1, 0).bit_length(),
    )


def _spans(ordered: np.ndarray, size: int) -> tuple[Int64, Int64]:
    """Where each value below `size` begins and ends in an ordered column."""
    offset = offsets(ordered, size)
    return offset[:-1], offset[1:]
