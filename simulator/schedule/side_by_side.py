"""The schedule of a chip whose cores take steps together: what the event loop of simulator/barrier records, as a Timeline.

A job is a stretch of a core's work on one part within a step, without a wait: of its sweep over the compartments of neurons, or
of receiving spikes for a synapse. What the part issues and sends in a step stands at the last of its stretches. Picoseconds
become cycles of the chip's clock, each instant rounded up on its own, so that no rounding adds up.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from synaptile.foundation.errors import ChipError, InputError
from synaptile.foundation.types import Int64, Progress
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.activity import Activity
from synaptile.simulator.barrier.kernel import BEGIN, FROM, LABEL, SINCE, STOP, WHY, WORKER
from synaptile.simulator.barrier.record import NEVER, Record, record
from synaptile.simulator.barrier.wiring import Wiring, wiring_of
from synaptile.simulator.schedule.analyse import bottleneck, core_cycles, used_links
from synaptile.simulator.schedule.assemble import message_table
from synaptile.simulator.schedule.links import carried
from synaptile.simulator.schedule.loads import Loads
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import UNITS, Cause, Hold, JobTable, LinkTable, MessageTable, Timeline
from synaptile.simulator.schedule.trees import MULTICAST
from synaptile.simulator.schedule.work import ACCUMULATE, NEURON, Work

CAUSES = np.array([Cause.BARRIER, Cause.CORE, Cause.NETWORK, Cause.OUTPUT], np.int8)
"""By `kernel.WHY`."""


def check_side_by_side(activity: Activity, program: CoreProgram, images: int) -> Wiring:
    """How a program is wired. Raises ChipError or InputError where there is no schedule of this kind."""
    chip = program.chip
    assert chip.step_times is not None  # the caller asked
    if chip.step_times.receives_beside_sweep:
        raise ChipError(
            f"chip {chip.name!r}: step_times.receives_beside_sweep is true, a schedule shows one thing at a time per core: set "
            "it to false, or take step_timing, which gives the time of each step"
        )
    if program.phases > 1:
        raise InputError(
            f"chip {chip.name!r} streams its weights in {program.phases} phases, step_times are of networks that stay: "
            "give it more cores or memory, or synchronisation='dataflow'"
        )
    for name in program.node_names:
        node = program.graph.nodes[name]
        if (program.cores.kind[program.parts.core[program.parts_of(name)]] != CoreKind.SYNAPSE).any():
            raise InputError(
                f"{name!r} ({node.kind}) has no step times: chip {chip.name!r} states those of synapses and neurons; schedule "
                "with synchronisation='dataflow', or on a chip without step_times"
            )
    wiring = wiring_of(program)
    kept = min((0 if spikes.masks is None else spikes.masks.shape[1] for spikes in activity.spikes.values()), default=0)
    if images > kept:
        raise InputError(
            f"a step on chip {chip.name!r} is timed spike by spike, the run kept those of {kept} of {images} images: run again "
            f"with keep_spikes={images} (--keep-spikes {images}), or schedule fewer images"
        )
    return wiring


class Measured(NamedTuple):
    """What is scheduled: a program with its tables, and what its jobs and messages take, see `work_of` and `loads_of`."""

    program: CoreProgram
    tables: Tables
    work: Work
    loads: Loads


def side_by_side(activity: Activity, wiring: Wiring, measured: Measured, progress: Progress | None = None) -> Timeline:
    """Schedule as many images as `measured` holds; notes and provenance are left to the caller."""
    program, steps = measured.program, activity.steps
    images = measured.work.duration.shape[0] // steps
    run = record(activity, wiring, images, progress)
    chip = program.chip
    opened, closed = in_cycles(run.opened_ps, chip), in_cycles(run.closed_ps, chip)
    jobs, opened_of_job, job_of_stretch, job_of_row = _jobs(run, wiring, measured, steps)
    makespan = int(closed[-1])
    unit_busy = np.zeros((program.cores.kind.size, len(UNITS)), np.int64)
    receiving = np.zeros(jobs.core.size, np.int64)
    receiving[job_of_stretch[job_of_stretch >= 0]] = run.log[LABEL, job_of_stretch >= 0] & 1
    np.add.at(unit_busy, (jobs.core, np.where(receiving, ACCUMULATE, NEURON)), jobs.end_cycles - jobs.start_cycles)
    sent_by = (jobs.cause == Cause.NETWORK) & (jobs.waited_for >= 0)
    cores = core_cycles(jobs, np.where(sent_by, jobs.end_cycles[jobs.waited_for], 0), opened_of_job, unit_busy, makespan)
    links = _links(measured)
    answered = np.arange(images)[:, None] * (steps + wiring.lag) + np.arange(steps) + wiring.lag
    return Timeline(
        activity=activity,
        program=program,
        synchronisation="barrier",
        images=images,
        jobs=jobs,
        messages=_messages(run, wiring.lags, measured, jobs, job_of_row),
        links=links,
        cores=cores,
        makespan_cycles=makespan,
        step_end_cycles=closed[answered],
        image_start_cycles=opened[:: steps + wiring.lag],
        critical_path=_critical_path(run, program, jobs, job_of_stretch),
        bottleneck=bottleneck(program, cores, links, makespan),
        remapped=False,
        notes=(),
        provenance={},
        opened_cycles=opened_of_job,
        main=np.isin(np.arange(jobs.core.size), job_of_row),
    )


def in_cycles(ps: Int64, chip: Chip) -> Int64:
    """Picoseconds as cycles of the chip's clock, rounded up; exact."""
    clock = Fraction(str(chip.clock_mhz)) / 10**6
    rounded = -(-(ps.astype(object) * clock.numerator) // clock.denominator)
    return np.asarray(rounded, np.int64)


def _jobs(run: Record, wiring: Wiring, measured: Measured, steps: int) -> tuple[JobTable, Int64, Int64, Int64]:
    """Jobs; when the step of each began; the job of each stretch, -1 outside; that of each part's work, (images * steps, parts).

    Sweeps before a layer's first step and after its last, while others work, stand at that step and issue nothing.
    """
    program, work, rows = measured.program, measured.work, measured.tables.jobs
    log, parts, per = run.log, program.parts.core.size, steps + wiring.lag
    shown = np.flatnonzero((log[LABEL] >= 0) & (wiring.core[log[WORKER]] >= 0))
    label, part = log[LABEL, shown], log[LABEL, shown] >> 1
    image, local = np.divmod(run.step[shown], per)
    of_run = local - wiring.lags[label]
    step = np.clip(of_run, 0, steps - 1)
    receives = np.isin(2 * np.arange(parts) + 1, wiring.net.receives)
    main = (of_run == step) & ((label & 1) == receives[part])
    place = np.full((work.duration.shape[0], parts), -1, np.int64)
    place[(image * steps + step)[main], part[main]] = np.flatnonzero(main)  # the last of several stays
    row = rows.row_of[rows.first[:-1]]
    operations, spikes = work.operations[:, row], work.spikes[:, row]
    at, idle = np.nonzero(place < 0)  # where no spike came; a bias all the same
    there = at // steps * per + at % steps + wiring.lags[2 * idle + receives[idle]]
    then = run.ends_ps[there, program.parts.core[idle]]

    part, image, step = np.append(part, idle), np.append(image, at // steps), np.append(step, at % steps)
    core = wiring.core[np.append(log[WORKER, shown], program.parts.core[idle])]
    start, end = (in_cycles(np.append(log[row_of_log, shown], then), program.chip) for row_of_log in (BEGIN, STOP))
    order = np.lexsort((np.arange(part.size), end, start, core))
    position = np.empty(order.size, np.int64)
    position[order] = np.arange(order.size)
    job_of_stretch = np.full(log.shape[1] + 1, -1, np.int64)
    job_of_stretch[shown] = position[: shown.size]
    before = np.append(job_of_stretch[log[FROM, shown]], position[shown.size :] - 1)
    same_core = np.append(False, core[order][1:] == core[order][:-1])[position]
    before[shown.size :][~same_core[shown.size :]] = -1
    cause = np.append(CAUSES[log[WHY, shown]], np.full(at.size, Cause.CORE, np.int8))
    cause[(before < 0) & (cause != Cause.NETWORK)] = Cause.NOTHING
    issued, sent = np.zeros((2, order.size), np.int64)
    place[at, idle] = shown.size + np.arange(at.size)
    issued[place], sent[place] = operations, spikes
    jobs = JobTable(
        part=part[order].astype(np.int32),
        core=core[order].astype(np.int32),
        token=np.zeros(order.size, np.int32),
        step=step[order].astype(np.int32),
        image=image[order].astype(np.int32),
        ready_cycles=start[order],
        start_cycles=start[order],
        end_cycles=end[order],
        operations=issued[order],
        spikes=sent[order].astype(np.int32),
        cause=cause[order],
        waited_for=before[order].astype(np.int32),
    )
    opened = in_cycles(run.opened_ps, program.chip)[np.append(run.step[shown], there)][order]
    return jobs, opened, job_of_stretch[:-1], position[place]


def _messages(run: Record, lags: Int64, measured: Measured, jobs: JobTable, job_of_row: Int64) -> MessageTable:
    """One per sending part, receiving core (or tree) and step: its first spike leaves, its last one arrives."""
    tables, program, slots = measured.tables, measured.program, measured.tables.slots
    part, target = tables.jobs.part[slots.row], tables.trees.target_core[slots.tree]
    images = int(jobs.image.max(initial=0)) + 1
    per, steps = run.opened_ps.size // images, job_of_row.shape[0] // images
    injected, delivered = np.zeros((2, job_of_row.shape[0], slots.row.size), np.int64)
    image, step = np.divmod(np.arange(job_of_row.shape[0]), steps)
    for slot in range(slots.row.size):
        pairs = (run.pair[:, 0] == part[slot]) & ((target[slot] == MULTICAST) | (run.pair[:, 1] == target[slot]))
        there = image * per + step + lags[2 * part[slot]]
        silent = jobs.end_cycles[job_of_row[:, part[slot]]]
        left = run.left_ps[there][:, pairs].min(axis=1, initial=NEVER)
        arrived = run.arrived_ps[there][:, pairs].max(axis=1, initial=-1)
        injected[:, slot] = np.where(arrived < 0, silent, in_cycles(np.where(arrived < 0, 0, left), program.chip))
        delivered[:, slot] = np.where(arrived < 0, silent, in_cycles(np.maximum(arrived, 0), program.chip))
    sender = job_of_row[:, part].reshape(-1).astype(np.int32)
    return message_table(tables, measured.loads, sender, (injected.reshape(-1), delivered.reshape(-1)))


def _links(measured: Measured) -> LinkTable:
    """What each link carries. No message waits before a link: a queue is the one spike that passes."""
    links, slots = measured.tables.links, measured.tables.slots
    core, loads = measured.tables.jobs.core[slots.row], measured.loads
    once = loads.flits.sum(axis=0), loads.busy.sum(axis=0)
    flits, busy = (carried(links, measured.tables.trees, slots.tree, core, each) for each in once)
    return used_links(LinkTable(links.kind, links.source, links.target, flits, busy, (flits > 0).astype(np.int64)))


def _critical_path(run: Record, program: CoreProgram, jobs: JobTable, job_of_stretch: Int64) -> tuple[Hold, ...]:
    """Back from the last stretch of the slowest core in the last step, each to a moment within another one."""
    log, at = run.log, int(run.last[-1]) if run.last.size else -1
    begin, since = in_cycles(log[BEGIN], program.chip).tolist(), in_cycles(log[SINCE], program.chip).tolist()
    until, origin, job_of = int(in_cycles(run.closed_ps[-1:], program.chip)[0]), log[FROM].tolist(), job_of_stretch.tolist()
    path: list[Hold] = []
    while at >= 0:
        job, wait, ran = job_of[at], begin[at] - since[at], until - begin[at]
        if job >= 0:
            path.append(
                Hold(
                    job=job,
                    core=int(jobs.core[job]),
                    node=program.node_names[int(program.parts.node[jobs.part[job]])],
                    token=0,
                    step=int(jobs.step[job]),
                    image=int(jobs.image[job]),
                    cause=Cause(int(jobs.cause[job])),
                    wait_cycles=wait,
                    run_cycles=ran,
                )
            )
        elif path:  # outside the chip: part of the wait for it
            path[-1] = path[-1]._replace(wait_cycles=path[-1].wait_cycles + wait + ran)
        at, until = origin[at], since[at]
    return tuple(reversed(path))
