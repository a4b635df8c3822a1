"""Which job each message wakes: the arrows of a trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Concatenate, ProductUnit, TokenMean, TokenSelect
from synaptile.foundation.errors import ConservationError
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram, Int32, Int64
from synaptile.simulator.schedule.timeline import OPERANDS, Timeline


@dataclass(frozen=True)
class Arrows:
    """From a sending to a receiving job. Columns have shape (arrows,): rows of the message table and of the job table."""

    message: Int32
    source: Int32
    target: Int32


def arrows(timeline: Timeline, messages: NDArray[np.int64]) -> Arrows:
    """The receiving jobs of some messages, one for each part that a message reaches.

    A token's message wakes the receiver's job of that token (shifted where streams are joined or cut); the second operand of
    a product wakes its OPERANDS job, a mean of tokens its one job. Raises ConservationError where there is no such job.
    """
    program, jobs, table = timeline.program, timeline.jobs, timeline.messages
    flows = program.flows
    leaving = np.flatnonzero(flows.group >= 0)
    leaving = leaving[np.argsort(flows.group[leaving], kind="stable")]
    bounds = np.searchsorted(flows.group[leaving], np.arange(len(program.routes.source_core) + 1))
    group = table.group[messages]
    repeats = bounds[group + 1] - bounds[group]
    message = np.repeat(messages, repeats)
    nth = np.arange(message.size) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    flow = leaving[bounds[table.group[message]] + nth]
    target_core = table.target_core[message]
    reached = (target_core < 0) | (target_core == program.parts.core[flows.target[flow]])
    message, flow = message[reached], flow[reached]
    source = table.job[message]
    shift, fixed = _token_rules(program)
    token = np.where(fixed[flow] == _FOLLOWS, jobs.token[source] + shift[flow], fixed[flow])
    place = _places(timeline, flows.target[flow], jobs.image[source], jobs.step[source], token)
    every = _places(timeline, jobs.part, jobs.image, jobs.step, jobs.token)
    order = np.argsort(every)
    at = np.searchsorted(every[order], place)
    found = at < order.size
    found[found] = every[order[at[found]]] == place[found]
    if not found.all():
        lost = int(np.flatnonzero(~found)[0])
        node = program.node_names[int(program.parts.node[flows.target[flow[lost]]])]
        raise ConservationError(
            f"message {message[lost]} reaches {node!r}, which has no job of token {token[lost]} to receive it"
        )
    return Arrows(message.astype(np.int32), source, order[at].astype(np.int32))


_FOLLOWS = -2
"""In `fixed`: the receiving token follows from the sending one."""


def _token_rules(program: CoreProgram) -> tuple[Int64, Int64]:
    """For each flow, what to add to the sending token, and the receiving token where it is always the same (else _FOLLOWS)."""
    graph, flows, parts = program.graph, program.flows, program.parts
    shift = np.zeros(flows.source.size, np.int64)
    fixed = np.full(flows.source.size, _FOLLOWS, np.int64)
    target_node = parts.node[flows.target]
    for index in np.unique(target_node).tolist():
        node = graph.nodes[program.node_names[index]]
        own = (target_node == index) & (flows.input != PARTIAL_SUMS)
        match node:
            case ProductUnit():
                fixed[own & (flows.input == 1)] = OPERANDS
            case Concatenate():
                before = np.cumsum([0, *(graph.nodes[port.node].tokens for port in node.inputs)])
                shift[own] = before[flows.input[own]]
            case TokenSelect():
                shift[own] = -node.start
            case TokenMean():
                fixed[own] = parts.token_start[flows.target[own]]
            case _:
                pass
    return shift, fixed


def _places(timeline: Timeline, part: NDArray[np.int32], image: Int32, step: Int32, token: NDArray[np.integer]) -> Int64:
    """One number for each (part, image, step, token)."""
    tokens = 2 + int(max(timeline.program.parts.token_stop.max(initial=0), token.max(initial=0)))
    place: Int64 = (part.astype(np.int64) * timeline.images + image) * timeline.activity.steps + step
    return place * tokens + token + 1
