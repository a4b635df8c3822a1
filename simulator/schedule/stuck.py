"""A schedule that can never finish: which jobs wait, where, and for what."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.errors import ScheduleError
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.schedule.plan import FlowRules, Room, StepJobs
from synaptile.simulator.schedule.timeline import OPERANDS

NAMED = 10
"""Cores that the error names."""


def explain_stuck(program: CoreProgram, jobs: StepJobs, flows: FlowRules, start: Int64) -> ScheduleError:
    """The error for a schedule in which no job can go on; start: (steps * jobs,), -1 where a job never started."""
    waiting = np.flatnonzero(start < 0)
    core = jobs.core[waiting % jobs.size]
    stuck, first = np.unique(core, return_index=True)  # the earliest job of each core: jobs are in order
    lines = []
    for number, job in zip(stuck[:NAMED].tolist(), waiting[first[:NAMED]].tolist(), strict=True):
        waits = _waits(program, jobs, flows, start, job)
        lines.append(f"  - core {number}: {_name(program, jobs, job)} waits for {'; '.join(waits)}")
    name = f"the schedule of {program.graph.name!r} on chip {program.chip.name!r}"
    head = f"{name} can never finish: {waiting.size} of {start.size} jobs"
    remedy = "give cores room for more tokens in flight, or report this program as a defect"
    return ScheduleError("\n".join([f"{head} wait for one another on {stuck.size} cores, the first of them:", *lines, remedy]))


def _waits(program: CoreProgram, jobs: StepJobs, flows: FlowRules, start: Int64, job: int) -> list[str]:
    step, row = divmod(job, jobs.size)
    part = int(jobs.part[row])
    place = int(jobs.place[row])
    inputs, rooms = [], []
    if step and start[job - jobs.size] < 0:
        inputs.append(job - jobs.size)
    if jobs.operands[part] and jobs.token[row] != OPERANDS:
        inputs.append(step * jobs.size + int(jobs.row_of[jobs.first[part]]))
    for flow in np.flatnonzero(program.flows.target == part).tolist():
        offset, tokens = place - int(flows.receiver[flow]), range(int(flows.tokens[flow]))
        landing = [k for k in tokens if k * flows.stride[flow] == offset]
        inputs += [step * jobs.size + int(jobs.row_of[flows.sender[flow] + k]) for k in landing]
    for flow in np.flatnonzero(program.flows.source == part).tolist():
        k, length = place - int(flows.sender[flow]), int(flows.tokens[flow])
        if 0 <= k < length:
            rooms += _receivers(program, jobs, flows, flow, step * length + k)
    missing = [f"the end of {_name(program, jobs, other)}" for other in inputs if start[other] < 0]
    missing += [f"room at {_name(program, jobs, other)}" for other in rooms if start[other] < 0]
    return list(dict.fromkeys(missing))[:3] or ["the barrier before its step"]


def _receivers(program: CoreProgram, jobs: StepJobs, flows: FlowRules, flow: int, ahead: int) -> list[int]:
    """Jobs whose start gives room to the `ahead`-th token of a flow, counted over steps."""
    tokens, target = int(flows.tokens[flow]), int(program.flows.target[flow])
    before = ahead - int(flows.ahead[flow])
    if before < 0:
        return []
    step, k = divmod(before, tokens)
    if flows.room[flow] == Room.ROWS:
        rows = jobs.row_of[jobs.first[target] + 1 : jobs.first[target + 1]]
        return [step * jobs.size + int(row) for row in rows]
    return [step * jobs.size + int(jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]])]


def _name(program: CoreProgram, jobs: StepJobs, job: int) -> str:
    step, row = divmod(job, jobs.size)
    node = program.node_names[int(program.parts.node[jobs.part[row]])]
    token = "operand sums" if jobs.token[row] == OPERANDS else f"token {jobs.token[row]}"
    return f"{node!r} part {jobs.part[row]}, {token}, step {step + 1} of the stream (core {jobs.core[row]})"
