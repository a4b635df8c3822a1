"""Static tables of a schedule: the jobs of one step, which of them wait for which, and where each has room.

A step has the same jobs every time, so a job is a number: ``step * jobs + row``, rows in order of (node, token, part). That is
also the order in which a core prefers ready jobs. Who waits for whom follows from flows by arithmetic, no edge is listed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Concatenate, Node, SpikingGraph, TokenMean, TokenSelect
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper import footprint
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.schedule.timeline import OPERANDS


class Room(IntEnum):
    """What a flow's sender waits for, so that its receiver has room.

    WINDOW: token k needs the receiver's job for token k - depth of the same flow to have started, counted on over steps.
    TOKEN: the token of the next step needs the receiver's job for it to have started. ROWS: any token of the next step needs
    all row jobs of the receiving product to have started. In layer-major order a receiver holds all steps of an image: "the next
    step" is then the same step of the next image, and tokens of a WINDOW are counted on over images, step by step.
    """

    WINDOW = 0
    TOKEN = 1
    ROWS = 2


class StepJobs(NamedTuple):
    """The jobs of one step. Columns of shape (jobs,) are indexed by row.

    `row_of` has shape (jobs,) too: the rows of part p, its OPERANDS job first where it gathers all tokens, then token by token,
    are ``row_of[first[p]:first[p + 1]]``; `place` is its inverse. `operands` has shape (parts,): 1 where a part has that job;
    `core_of` (parts,) its core.
    """

    part: Int32
    token: Int32
    core: Int32
    place: Int32
    row_of: Int32
    first: Int64
    operands: Int32
    core_of: Int32

    @property
    def size(self) -> int:
        """Jobs of one step."""
        return self.part.size


class FlowRules(NamedTuple):
    """How tokens of each flow meet jobs. Columns have shape (flows,).

    Token k of flow f (k from 0) leaves job ``row_of[sender[f] + k]`` of part `source` and goes to job
    ``row_of[receiver[f] + k * stride[f]]`` of part `target`: the stride is 0 where all tokens go to one job. `room` is a Room:
    the sender's token k + `ahead`, counted on over steps, waits for the receiver to have started token k, or all its rows.
    Tokens are read `delay` steps later, by no job where that is beyond an image's last; until then they wait beside that room.
    """

    source: Int32
    target: Int32
    sender: Int64
    receiver: Int64
    stride: Int32
    tokens: Int32
    token_start: Int32
    room: Int32
    ahead: Int32
    delay: Int32


def list_jobs(program: CoreProgram) -> StepJobs:
    """Every job of one step: one per token of a part, and one more where all tokens are gathered first."""
    parts = program.parts
    nodes = [_node(program, n) for n in range(len(program.node_names))]
    gathering = np.array([any(node.gathers(i) for i in range(len(node.inputs))) for node in nodes], np.int32)
    operands = gathering[parts.node]
    length = (parts.token_stop - parts.token_start).astype(np.int64) + operands
    first = np.append(0, np.cumsum(length))
    part = np.repeat(np.arange(parts.node.size, dtype=np.int32), length)
    local = np.arange(first[-1]) - first[part]
    token = np.where(local < operands[part], OPERANDS, parts.token_start[part] + local - operands[part]).astype(np.int32)
    order = np.lexsort((part, token, parts.node[part]))
    row_of = np.empty(order.size, np.int32)
    row_of[order] = np.arange(order.size)
    core = parts.core[part[order]]
    return StepJobs(part[order], token[order], core, order.astype(np.int32), row_of, first, operands, parts.core)


def flow_rules(program: CoreProgram, jobs: StepJobs) -> FlowRules:
    """Turn flows into arithmetic between jobs. Raises ConservationError for a flow that misses its receiver's tokens."""
    parts, flows = program.parts, program.flows
    source, target = flows.source.astype(np.int64), flows.target.astype(np.int64)
    tokens = flows.token_stop - flows.token_start
    gathers, shift = _gathers_and_shift(program)
    landing = np.where(gathers, 0, flows.token_start + shift - parts.token_start[target])
    extent = parts.token_stop[target] - parts.token_start[target]
    if missed := np.flatnonzero(~gathers & ((landing < 0) | (landing + tokens > extent))).tolist():
        raise ConservationError(f"flow {missed[0]} sends tokens that its target, part {flows.target[missed[0]]}, does not have")
    gathered_rows = gathers & (jobs.operands[target] == 1) & (extent > 0)  # rows give room, where a sentence has any there
    window = (program.cores.kind[parts.core[target]] == CoreKind.SYNAPSE) & ~gathered_rows
    received = zip(parts.node[target].tolist(), flows.input.tolist(), strict=True)
    return FlowRules(
        source=flows.source,
        target=flows.target,
        sender=jobs.first[source] + jobs.operands[source] + flows.token_start - parts.token_start[source],
        receiver=jobs.first[target] + np.where(gathers, 0, jobs.operands[target] + landing),
        stride=(~gathers).astype(np.int32),
        tokens=tokens,
        token_start=flows.token_start,
        room=np.where(gathered_rows, Room.ROWS, np.where(window, Room.WINDOW, Room.TOKEN)).astype(np.int32),
        ahead=np.where(window, footprint.DOUBLE_BUFFERS * _block(program, CoreKind.SYNAPSE), tokens).astype(np.int32),
        delay=np.array([0 if n < 0 else _node(program, at).inputs[n].delay for at, n in received], np.int32),
    )


def preference(program: CoreProgram, jobs: StepJobs, steps: int) -> tuple[Int32, Int32]:
    """In which order a core takes ready jobs, as the rank of each job of a span and its inverse, shape (span,) each.

    Step-major: in order of number, without a table. Layer-major: a span is the `steps` of an image, in order of node, block of
    tokens, step, token and part.
    """
    if not program.chip.layer_major:
        none = np.zeros(0, np.int32)
        return none, none
    blocks = np.array([_block(program, kind) for kind in CoreKind])[program.cores.kind[jobs.core]]
    block = np.where(jobs.token < 0, -1, jobs.token // blocks)  # operand sums of a step come before the rows that need them
    step = np.repeat(np.arange(steps), jobs.size)
    columns = (jobs.part, jobs.token, block, program.parts.node[jobs.part])
    part, token, block, node = (np.tile(column, steps) for column in columns)
    job_at = np.lexsort((part, token, step, block, node)).astype(np.int32)
    rank = np.empty_like(job_at)
    rank[job_at] = np.arange(job_at.size, dtype=np.int32)
    return rank, job_at


def _block(program: CoreProgram, kind: CoreKind) -> int:
    """Tokens that a core of a kind takes together in layer-major order, 1 in step-major order."""
    core = program.chip.synapse_core if kind is CoreKind.SYNAPSE else program.chip.ec_core
    return core.dataflow.token_block if core is not None and program.chip.layer_major else 1


def offsets(ordered: np.ndarray, size: int) -> Int64:
    """Where each value below `size` begins in an ordered column, shape (size + 1,)."""
    return np.searchsorted(ordered, np.arange(size + 1)).astype(np.int64)


def _gathers_and_shift(program: CoreProgram) -> tuple[np.ndarray, np.ndarray]:
    """Whether all tokens of a flow go to one job, and else how far its tokens are renumbered; shape (flows,) each."""
    flows, node_of = program.flows, program.parts.node
    gathers, shift = np.zeros(flows.source.size, bool), np.zeros(flows.source.size, np.int64)
    key = node_of[flows.target] * (int(flows.input.max(initial=0)) + 2) + flows.input
    for first in np.unique(key, return_index=True)[1]:
        number = int(flows.input[first])
        node = _node(program, int(node_of[flows.target[first]]))
        if number != PARTIAL_SUMS:
            of_input = key == key[first]
            gathers[of_input] = isinstance(node, TokenMean) or node.gathers(number)
            shift[of_input] = _shift(program.graph, node, number)
    return gathers, shift


def _shift(graph: SpikingGraph, node: Node, number: int) -> int:
    """What is added to a token's number on its way through an input (the inverse of `synaptile.mapper.regions.required`)."""
    match node:
        case Concatenate():
            return sum(graph.nodes[port.node].tokens for port in node.inputs[:number])
        case TokenSelect():
            return -node.start
        case _:
            return 0


def _node(program: CoreProgram, index: int) -> Node:
    return program.graph.nodes[program.node_names[index]]
