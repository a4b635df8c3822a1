"""From the times of jobs and messages to a Timeline: tables in order, and everything that follows from them."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.analyse import bottleneck, core_cycles, critical_path, used_links
from synaptile.simulator.schedule.columns import fill_jobs, fill_messages
from synaptile.simulator.schedule.loads import Loads
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import JobTable, LinkTable, MessageTable, Timeline
from synaptile.simulator.schedule.times import Outcome, Times
from synaptile.simulator.schedule.work import Work


def assemble(activity: Activity, program: CoreProgram, tables: Tables, work: Work, loads: Loads, outcome: Outcome) -> Timeline:
    """Sort jobs and messages and derive all else; what the caller was asked and told (notes and the like) is left open."""
    times, phases = outcome.times, outcome.phases
    start, rows, steps = times.start, tables.jobs.size, activity.steps
    images = work.duration.shape[0] // steps
    end = start + work.duration.reshape(-1)
    # By core, start, end and number: of the jobs of a core that start at once only the last takes any time.
    last = int(start.max(initial=0)) + 1
    on_core = np.tile(tables.jobs.core * np.int64(last), images * steps)
    order = _in_order(2 * (on_core + start) + (end > start))
    place = np.empty(order.size, np.int32)
    place[order] = np.arange(order.size)
    jobs, made, opened = _job_table(tables, steps, order, place, (times, end, outcome.opened, work))
    makespan = max(int(end.max(initial=0)), 0 if phases is None else int(phases.end_cycles.max()))
    cores = core_cycles(jobs, made, opened, work.unit_busy, makespan)
    links = _link_table(tables, times)
    ends = end.reshape(images, steps, rows)
    sender = (rows * np.arange(images * steps)[:, None] + tables.slots.row).reshape(-1)
    return Timeline(
        activity=activity,
        program=program,
        synchronisation="",
        images=images,
        jobs=jobs,
        messages=message_table(tables, loads, place[sender], (times.injected, times.delivered), times.send_order),
        links=links,
        cores=cores,
        makespan_cycles=makespan,
        step_end_cycles=ends[:, :, _readout_rows(program, tables)].max(axis=2),
        image_start_cycles=start.reshape(images, -1).min(axis=1) if phases is None else phases.image_starts(images),
        critical_path=critical_path(program, jobs),
        bottleneck=bottleneck(program, cores, links, makespan),
        remapped=False,
        notes=(),
        provenance={},
        phases=phases,
    )


def _job_table(
    tables: Tables, steps: int, order: Int64, place: Int32, of: tuple[Times, Int64, Int64, Work]
) -> tuple[JobTable, Int64, Int64]:
    """Jobs in `order`, when the input of each that arrived last was made, and when its step began; `place` is the inverse."""
    times, end, opened, work = of
    words, cycles = np.empty((7, order.size), np.int32), np.empty((4, order.size), np.int64)
    waits, cause = np.empty((2, order.size), np.int64), np.empty(order.size, np.int8)
    issued = work.operations.reshape(-1), work.spikes.reshape(-1)
    fill_jobs(tables.jobs, steps, (order, place), (times, end, opened, *issued), words, cycles, waits, cause)
    part, core, token, step, image, spikes, waited_for = words
    ready, start, ends, operations = cycles
    return JobTable(part, core, token, step, image, ready, start, ends, operations, spikes, cause, waited_for), waits[0], waits[1]


def _readout_rows(program: CoreProgram, tables: Tables) -> Int64:
    """Jobs that end a step: those of the read-out, or of what it reads where the host reads out."""
    readout = program.graph.readout
    last = {port.node for port in readout.inputs} if readout.off_chip else {readout.name}
    nodes = [index for index, name in enumerate(program.node_names) if name in last]
    return np.flatnonzero(np.isin(program.parts.node[tables.jobs.part], nodes))


def message_table(
    tables: Tables, loads: Loads, job: Int32, times: tuple[Int64, Int64], send_order: Int32 | None = None
) -> MessageTable:
    """Messages in the order in which they leave, those of a cycle by step, job and tree.

    Columns are by (step of the stream, slot), flat. job: who sends each, a row of the job table; times: when they leave and
    arrive; send_order: as they leave where absent.
    """
    trees, (injected, delivered) = tables.trees, times
    slots = tables.slots
    by_job = (np.arange(injected.size // max(slots.tree.size, 1))[:, None] * slots.tree.size + slots.by_job).reshape(-1)
    order = by_job[_in_order(injected[by_job])]
    words, cycles = np.empty((7, order.size), np.int32), np.empty((2, order.size), np.int64)
    sent = job, loads.elements.reshape(-1), loads.flits.reshape(-1), injected, delivered
    fill_messages(order, slots.tree, trees, sent, words, cycles)
    leaving = np.arange(order.size, dtype=np.int32) if send_order is None else send_order[order]
    sender, group, target, count, flits, hops, crossings = words
    return MessageTable(sender, group, target, count, flits, hops, crossings, cycles[0], cycles[1], leaving)


def _in_order(keys: Int64) -> Int64:
    """As a stable argsort of keys from 0 up: they are made to differ where 64 bits have room for that, which sorts sooner."""
    if (int(keys.max(initial=0)) + 1) * keys.size < np.iinfo(np.int64).max:
        return np.argsort(keys * keys.size + np.arange(keys.size))
    return np.argsort(keys, kind="stable")


def _link_table(tables: Tables, times: Times) -> LinkTable:
    links = tables.links
    return used_links(LinkTable(links.kind, links.source, links.target, times.flits, times.busy, times.peak))
