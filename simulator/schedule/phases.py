"""Phases in time: each loads its weights, takes a group of images through all steps, and hands on through a memory.

The event loop schedules a phase as a program of its own, from cycle 0; what earlier phases stored is at hand when it begins. Its
jobs then stand in the tables of the whole program, moved to where the phase begins. So phases, and groups of images that share a
load, know nothing of one another: their loops run side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import ceil
from typing import NamedTuple

import numpy as np

from synaptile.foundation.types import Int64, Progress
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.parallel import in_threads
from synaptile.simulator.schedule.plan import preference
from synaptile.simulator.schedule.simulate import simulate
from synaptile.simulator.schedule.state import Costs
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.timeline import Cause, PhaseTable
from synaptile.simulator.schedule.times import Times, no_times


class Plan(NamedTuple):
    """Groups of images, and what phases move.

    `weight_bits` (phases,): its weights, `load` (phases,): the cycles that they take, once per group of images. `moved_bits`
    (images, phases): what earlier phases stored for it and what it stores for later ones, at `bits_per_cycle`; `shared`: by way
    of the memory that weights come from. `ahead` (phases,) is 1 where weights fit beside those of the phase before, and load
    while it works.
    """

    steps_per_image: int
    images_per_load: int
    weight_bits: Int64
    load: Int64
    moved_bits: Int64
    bits_per_cycle: float
    shared: bool
    ahead: Int64


@dataclass(frozen=True)
class _Phase:
    """One phase as a program of its own: which job rows, messages, links and cores of the whole program are its own."""

    program: CoreProgram
    tables: Tables
    rows: Int64
    slots: Int64
    links: Int64


def simulate_phases(
    program: CoreProgram, tables: Tables, costs: Costs, plan: Plan, progress: Progress | None
) -> tuple[Times, Int64, PhaseTable]:
    """Schedule every job of a program of several phases; `costs` are those of all images, `per_image` steps each.

    Returns the times of the whole program, and when the phase of each job began, shape (steps * jobs,), with the table of phases.
    """
    steps, rows = costs.duration.shape
    per_image = plan.steps_per_image
    images = steps // per_image
    opened = np.zeros((steps, rows), np.int64)
    phases = [_phase(program, tables, phase) for phase in range(program.phases)]
    whole = no_times(tables, steps)
    columns: dict[str, list[int]] = {field.name: [] for field in fields(PhaseTable)}
    free = finished = sent = done = 0  # `free`: when the memory that weights come from has nothing else to do
    last = -1
    groups = [(first, min(plan.images_per_load, images - first)) for first in range(0, images, plan.images_per_load)]
    spans = [slice(first * per_image, (first + group) * per_image) for first, group in groups]
    found = in_threads(lambda what: _run(what[0], costs, what[1]), ((phase, span) for span in spans for phase in phases))
    for (first, group), span in zip(groups, spans, strict=True):
        for number, phase in enumerate(phases):
            alone = (first > 0 or number > 0) and not plan.ahead[number]
            begin_load = max(free, finished) if alone else free
            loaded = begin_load + int(plan.load[number])
            begin = max(loaded, finished)
            times = next(found)
            done += group * per_image * phase.rows.size
            if progress is not None:
                progress(done, steps * rows)
            _merge(whole, times, phase, (span.start, rows, tables.slots.tree.size), begin, (sent, last))
            sent += int(times.injected.size)
            opened[span.start : span.stop, phase.rows] = begin
            duration = costs.duration[span][:, phase.rows]
            worked = int((times.start + duration.reshape(-1)).max(initial=0))
            bits = int(plan.moved_bits[first : first + group, number].sum())
            moved = ceil(bits / plan.bits_per_cycle)
            last = _last_job(times, duration, phase, span.start, rows)
            finished = begin + max(worked, moved)
            free = begin + moved if plan.shared and moved else loaded
            row = (number, first, group, begin_load, loaded, begin, begin + worked, finished, int(plan.weight_bits[number]), bits)
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    return whole, opened.reshape(-1), PhaseTable(**{name: np.array(column, np.int64) for name, column in columns.items()})


def _phase(program: CoreProgram, tables: Tables, number: int) -> _Phase:
    """The parts, flows and trees of one phase, renumbered in the order that they have."""
    parts, flows, routes, cores = program.parts, program.flows, program.routes, program.cores
    mine = np.flatnonzero(cores.phase == number)
    core = _renumbered(mine, cores.phase.size)
    own = np.flatnonzero(core[parts.core] >= 0)
    part = _renumbered(own, parts.node.size)
    within = np.flatnonzero((part[flows.source] >= 0) & (part[flows.target] >= 0))
    groups = np.flatnonzero(core[routes.source_core] >= 0)
    group = _renumbered(groups, routes.source_core.size)
    lengths = np.diff(routes.offset)[groups]
    at = np.repeat(routes.offset[groups] - np.append(0, np.cumsum(lengths)[:-1]), lengths) + np.arange(lengths.sum())
    columns = {field.name: getattr(parts, field.name)[own] for field in fields(parts)}
    columns |= {"core": core[columns["core"]].astype(np.int32), "owner": part[columns["owner"]].astype(np.int32)}
    sent = {field.name: getattr(flows, field.name)[within] for field in fields(flows)}
    sent |= {"source": part[sent["source"]].astype(np.int32), "target": part[sent["target"]].astype(np.int32)}
    sent["group"] = np.where(sent["group"] < 0, sent["group"], group[sent["group"]]).astype(np.int32)
    small = replace(
        program,
        parts=type(parts)(**columns),
        flows=type(flows)(**sent),
        cores=type(cores)(**{field.name: getattr(cores, field.name)[mine] for field in fields(cores)}),
        routes=type(routes)(
            source_core=core[routes.source_core[groups]].astype(np.int32),
            offset=np.append(0, np.cumsum(lengths)),
            link_from=routes.link_from[at],
            link_to=routes.link_to[at],
            hops=routes.hops[groups],
            unicast_hops=routes.unicast_hops[groups],
        ),
    )
    own_tables = tables_of(small)
    rows = np.flatnonzero(core[tables.jobs.core] >= 0)
    slots = np.flatnonzero(group[tables.trees.group[tables.slots.tree]] >= 0)
    return _Phase(small, own_tables, rows, slots, _links_in(tables, own_tables, mine))


def _links_in(tables: Tables, own: Tables, cores: Int64) -> Int64:
    """The number in the whole program's links of each link of a phase."""
    number = {ends: at for at, ends in enumerate(_ends(tables))}
    mesh = np.array([number[ends] for ends in _ends(own)], np.int64)
    ends = tables.links.mesh + cores
    return np.concatenate([mesh, ends, ends + tables.links.cores])


def _ends(tables: Tables) -> list[tuple[int, int]]:
    """Both tiles of each mesh link."""
    links = tables.links
    return list(zip(links.source[: links.mesh].tolist(), links.target[: links.mesh].tolist(), strict=True))


def _run(phase: _Phase, costs: Costs, span: slice) -> Times:
    rank, job_at = preference(phase.program, phase.tables.jobs, costs.hold)
    own = costs._replace(
        duration=np.ascontiguousarray(costs.duration[span][:, phase.rows]),
        flits=np.ascontiguousarray(costs.flits[span][:, phase.slots]),
        busy=np.ascontiguousarray(costs.busy[span][:, phase.slots]),
        rank=rank,
        job_at=job_at,
    )
    return simulate(phase.program, phase.tables, own, None)


def _merge(whole: Times, times: Times, phase: _Phase, place: tuple[int, int, int], begin: int, before: tuple[int, int]) -> None:
    """Put the jobs and messages of a phase where they belong.

    place: first step, jobs and messages per step of the whole program; before: messages sent by earlier phases, and the job that
    ended last in the phase before (-1: none).
    """
    first_step, rows, messages = place
    sent, last = before
    steps = times.start.size // max(phase.rows.size, 1)
    step = first_step + np.arange(steps)
    job = (step[:, None] * rows + phase.rows).reshape(-1)
    message = (step[:, None] * messages + phase.slots).reshape(-1)
    for name in ("ready", "start", "made"):
        getattr(whole, name)[job] = getattr(times, name) + begin
    alone = times.waited_for < 0
    whole.cause[job] = np.where(alone & (last >= 0), np.int8(Cause.PHASE), times.cause)
    whole.waited_for[job] = np.where(alone, last, job[times.waited_for])
    whole.injected[message], whole.delivered[message] = times.injected + begin, times.delivered + begin
    whole.send_order[message] = times.send_order + sent
    np.add.at(whole.flits, phase.links, times.flits)
    np.add.at(whole.busy, phase.links, times.busy)
    np.maximum.at(whole.peak, phase.links, times.peak)


def _last_job(times: Times, duration: Int64, phase: _Phase, first_step: int, rows: int) -> int:
    """The whole program's number of the job of a phase that ended last."""
    at = int(np.argmax(times.start + duration.reshape(-1)))
    return int((first_step + at // phase.rows.size) * rows + phase.rows[at % phase.rows.size])


def _renumbered(chosen: Int64, size: int) -> Int64:
    """New numbers of what is chosen, -1 for the others, shape (size,)."""
    number = np.full(size, -1, np.int64)
    number[chosen] = np.arange(chosen.size)
    return number
