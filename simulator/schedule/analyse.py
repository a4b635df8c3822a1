"""What a schedule says: where each core's cycles went, what the makespan was made of, and what was busiest."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.mapper.topology import router_name, topology_of
from synaptile.simulator.schedule.timeline import (
    UNITS,
    Cause,
    CoreCycles,
    Hold,
    JobTable,
    LinkKind,
    LinkTable,
    Resource,
)


def core_cycles(jobs: JobTable, made: Int64, released: Int64, unit_busy: Int64, makespan: int) -> CoreCycles:
    """Split the makespan of every core.

    made, released: (jobs,), when the producer of a job's last input had ended, and when a barrier let its step begin (0 without).
    Before a barrier opens a waiting core is idle; then it waits for an input to be made, then for the network or for room.
    """
    cores = unit_busy.shape[0]
    first = np.append(True, jobs.core[1:] != jobs.core[:-1])[: jobs.core.size]
    before = np.where(first, jobs.start_cycles, np.roll(jobs.end_cycles, 1))
    opened = np.clip(released, before, jobs.start_cycles)
    input_made = np.clip(made, opened, jobs.start_cycles)

    begins = np.flatnonzero(first)

    def total(cycles: Int64) -> Int64:
        column = np.zeros(cores, np.int64)
        if begins.size:
            column[jobs.core[begins]] = np.add.reduceat(cycles, begins)
        return column

    busy = total(jobs.end_cycles - jobs.start_cycles)
    stalled_input, stalled_network = total(input_made - opened), total(jobs.start_cycles - input_made)
    return CoreCycles(busy, stalled_input, stalled_network, makespan - busy - stalled_input - stalled_network, unit_busy)


def critical_path(program: CoreProgram, jobs: JobTable) -> tuple[Hold, ...]:
    """From cycle 0 to the end of the last job: each job, with what kept it from starting earlier; see `Hold`."""
    if not jobs.core.size:
        return ()
    backwards, before = [int(np.argmax(jobs.end_cycles))], jobs.waited_for.item
    while (at := before(backwards[-1])) >= 0:
        backwards.append(at)
    path = np.array(backwards[::-1])
    cause, start, end = jobs.cause[path], jobs.start_cycles[path], jobs.end_cycles[path]
    for_room = cause == Cause.OUTPUT
    until = np.append(0, np.where(for_room[1:], start[:-1], end[:-1]))
    runs = np.where(np.append(for_room[1:], False), 0, end - start)
    columns = (
        path,
        jobs.core[path],
        np.array(program.node_names, object)[program.parts.node[jobs.part[path]]],
        *(column[path] for column in (jobs.token, jobs.step, jobs.image)),
        np.array(list(Cause), object)[cause],
        start - until,
        runs,
    )
    return tuple(map(Hold._make, zip(*(column.tolist() for column in columns), strict=True)))


def bottleneck(program: CoreProgram, cores: CoreCycles, links: LinkTable, makespan: int) -> Resource:
    """The busiest unit, core or link; the first of these where several are as busy."""
    candidates: list[tuple[int, str]] = []
    core, unit = np.unravel_index(int(np.argmax(cores.unit_busy)), cores.unit_busy.shape)
    candidates.append((int(cores.unit_busy[core, unit]), f"{UNITS[unit]} unit of {core_name(program, int(core))}"))
    core = np.argmax(cores.busy)
    candidates.append((int(cores.busy[core]), core_name(program, int(core))))
    if links.kind.size:
        link = int(np.argmax(links.busy_cycles))
        candidates.append((int(links.busy_cycles[link]), link_name(program, links, link)))
    busy, name = max(candidates, key=lambda entry: entry[0])
    return Resource(name, busy, busy / makespan if makespan else 0.0)


def core_name(program: CoreProgram, core: int) -> str:
    """A core with its kind and place."""
    cores = program.cores
    kind = "synapse" if cores.kind[core] == CoreKind.SYNAPSE else "EC"
    return f"{kind} core {core} at tile ({cores.x[core]}, {cores.y[core]})"


def link_name(program: CoreProgram, links: LinkTable, link: int) -> str:
    """A link with its ends."""
    source, target = int(links.source[link]), int(links.target[link])
    match LinkKind(int(links.kind[link])):
        case LinkKind.INJECTION:
            return f"injection link of {core_name(program, source)}"
        case LinkKind.EJECTION:
            return f"ejection link of {core_name(program, target)}"
        case _:
            topology = topology_of(program.chip, program.board)
            return f"link from {router_name(topology, source)} to {router_name(topology, target).removeprefix('tile ')}"


def used_links(table: LinkTable) -> LinkTable:
    """The links that carried something."""
    used = table.flits > 0
    return LinkTable(*(getattr(table, f.name)[used] for f in fields(table)))
