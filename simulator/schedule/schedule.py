"""schedule(): an activity on a chip, in cycles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import SYNCHRONISATIONS
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, as_chip
from synaptile.mapper.lengths import program_at
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.activity import Activity
from synaptile.simulator.arguments import check_held_steps
from synaptile.simulator.barrier.wiring import Wiring
from synaptile.simulator.lengths import by_length
from synaptile.simulator.schedule.assemble import assemble
from synaptile.simulator.schedule.conserve import check_operations, check_recount, check_spikes
from synaptile.simulator.schedule.loads import loads_of
from synaptile.simulator.schedule.phases import simulate_phases
from synaptile.simulator.schedule.plan import list_jobs, preference
from synaptile.simulator.schedule.rates import barrier_cycles, check_figures
from synaptile.simulator.schedule.remap import images_kept, remapped, same_chip, same_counts
from synaptile.simulator.schedule.side_by_side import Measured, check_side_by_side, side_by_side
from synaptile.simulator.schedule.simulate import simulate
from synaptile.simulator.schedule.state import Costs
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.timeline import LinkTable, Timeline
from synaptile.simulator.schedule.times import Outcome
from synaptile.simulator.schedule.transfers import phase_plan
from synaptile.simulator.schedule.work import Work, add_totals, work_of


def schedule(
    activity: Activity,
    chip: Chip | str | Path | None = None,
    *,
    images: int | None = None,
    synchronisation: str | None = None,
    progress: Progress | None = None,
) -> Timeline:
    """Replay a recorded run on a chip in cycles; docs/decisions/0004-schedule.md says what is modelled, and what is not.

    Args:
        activity: from `execute`, or loaded.
        chip: None takes the chip that the run was mapped to. Another one (or its name or file) has the graph mapped anew, with
            the same options; nothing is executed again.
        images: leading images of the run to stream through, one after another as the cores take them; None is 1. Sentences of a
            stream must have one length.
        synchronisation: "dataflow" or "barrier"; None is the chip's own.
        progress: called with (jobs done, jobs in all).

    Raises:
        InputError: `images` or `synchronisation` is out of range, or a new mapping needs spikes that the run did not keep.
        ChipError: a figure of the chip lets no job ever finish, or a unit that a job needs is missing.
        DoesNotFit: the other chip cannot hold the graph.
        ScheduleError: jobs wait for one another.
        ConservationError: the jobs do not add up to what was executed.
    """
    expect(activity, Activity, "activity", "give what execute, synthesise or load_activity returns")
    chip = None if chip is None else as_chip(chip)
    count = _checked_images(activity, images)
    program, moved = activity.program, False
    if chip is not None and not same_chip(chip, program.chip):
        check_figures(chip)
        program, moved = remapped(activity, chip), True
    check_figures(program.chip)
    check_held_steps(program.chip, activity.steps)
    barrier, notes = _barrier(program.chip, synchronisation)
    whole, program = program, _at_streamed_length(activity, program, count)
    tables = tables_of(program)
    _check_size(activity, program, count, tables.jobs.size)
    together = barrier >= 0 and program.chip.step_times is not None
    wiring = check_side_by_side(activity, program, count) if together else None
    work, counts, unchecked = _counted(activity, whole, program, tables, count)
    loads = loads_of(program, tables, counts, (count, activity.steps))
    if wiring is not None:
        timeline = side_by_side(activity, wiring, Measured(program, tables, work, loads), progress)
        notes, phase_notes = [], _together_notes(wiring, count)
    else:
        hold = activity.steps if program.chip.layer_major else 1
        rank, job_at = preference(program, tables.jobs, activity.steps)
        costs = Costs(work.duration, loads.flits, loads.busy, barrier, hold, rank, job_at, activity.steps)
        outcome, phase_notes = _outcome(program, tables, costs, counts, progress)
        timeline = assemble(activity, program, tables, work, loads, outcome)
    notes = [
        *activity.synthetic_notes,
        *_remap_notes(activity, program, moved),
        *unchecked,
        *notes,
        *phase_notes,
        *_load_notes(program, count),
        *_queue_notes(program, timeline.links),
    ]
    return replace(
        timeline,
        synchronisation="barrier" if barrier >= 0 else "dataflow",
        remapped=moved,
        notes=tuple(notes),
        provenance=_provenance(activity, program, count),
    )


def _outcome(
    program: CoreProgram, tables: Tables, costs: Costs, counts: SpikeCounts, progress: Progress | None
) -> tuple[Outcome, list[str]]:
    if program.phases == 1:
        times = simulate(program, tables, costs, progress)
        return Outcome(times, np.repeat(times.released, tables.jobs.size), None), []
    plan, notes = phase_plan(program, counts)
    return Outcome(*simulate_phases(program, tables, costs, plan, progress)), notes


def _checked_images(activity: Activity, images: int | None) -> int:
    count = 1 if images is None else images
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= activity.images:
        raise InputError(f"images is {images}, the run recorded {activity.images}: ask for 1 to {activity.images}")
    return int(count)


def _check_size(activity: Activity, program: CoreProgram, images: int, rows: int) -> None:
    jobs = rows * activity.steps * images
    if jobs > np.iinfo(np.int32).max:
        most = np.iinfo(np.int32).max // (rows * activity.steps)
        raise InputError(
            f"{images} images are {jobs:,} jobs, a schedule holds up to {np.iinfo(np.int32).max:,}: ask for at most {most}"
        )


def _barrier(chip: Chip, synchronisation: str | None) -> tuple[int, list[str]]:
    """Cycles of a barrier, -1 for dataflow, and what to say about it."""
    asked = chip.synchronisation if synchronisation is None else synchronisation
    if asked not in SYNCHRONISATIONS:
        raise InputError(f"synchronisation is {synchronisation!r}, must be one of {', '.join(SYNCHRONISATIONS)}")
    if asked == "dataflow":
        return -1, []
    if chip.layer_major:
        raise InputError(
            f"synchronisation is 'barrier', chip {chip.name!r} works layer-major: no step of all layers ends at once"
        )
    barrier = barrier_cycles(chip)
    if chip.barrier_ns:
        return barrier, []
    return barrier, [f"chip {chip.name!r} gives no time for a barrier: barriers take 0 cycles"]


def _at_streamed_length(activity: Activity, program: CoreProgram, images: int) -> CoreProgram:
    """The program at the length of the sentences that are streamed; a program for images as it is."""
    if activity.lengths is None:
        return program
    streamed = activity.lengths[:images]
    if (streamed != streamed[0]).any():
        raise InputError(
            f"the first {images} sentences have {streamed.min()} to {streamed.max()} tokens: a stream is of one length, schedule "
            f"{int(np.argmax(streamed != streamed[0]))}, or run sentences of one length"
        )
    return program_at(program, int(streamed[0]))


def _counted(
    activity: Activity, whole: CoreProgram, program: CoreProgram, tables: Tables, images: int
) -> tuple[Work, SpikeCounts, list[str]]:
    """Work of every job, checked against the run as far as the run's records reach. `whole` is the program at full length."""
    kept = whole is activity.program or same_counts(activity.program, whole)
    runs = by_length(activity)
    streamed = next(
        run for run in runs if run.lengths is None or activity.lengths is None or run.lengths[0] == activity.lengths[0]
    )
    everything = kept or images_kept(activity) >= activity.images
    covered = streamed.images if everything else images
    counts = SpikeCounts(streamed, covered)
    work = work_of(program, tables.jobs, counts, activity.steps, images)
    if everything:
        for run in runs:
            if run is not streamed:
                other = program_at(whole, int(np.max(run.lengths if run.lengths is not None else 0)))
                add_totals(work, work_of(other, list_jobs(other), SpikeCounts(run, run.images), activity.steps, 1))
    if kept:
        check_operations(activity, program, work)
    if not everything and covered < activity.images:
        counted = f"operations were counted anew for {covered} of {activity.images} images"
        return work, counts, [f"{counted}: the totals of the run, over all of them, cannot check that count"]
    check_spikes(activity, program, work)
    check_recount(activity, program, work)
    return work, counts, []


def _remap_notes(activity: Activity, program: CoreProgram, moved: bool) -> list[str]:
    if not moved:
        return []
    same = same_counts(activity.program, program)
    return [
        f"mapped anew to chip {program.chip.name!r} (the run was mapped to {activity.program.chip.name!r}), not executed again: "
        + ("the same parts on the same cores" if same else "other parts, operations counted anew from the recorded spikes")
    ]


def _together_notes(wiring: Wiring, images: int) -> list[str]:
    notes = ["layers work side by side, a step lasts as long as its slowest core (step_times); links do not hold messages up"]
    if wiring.lag:
        notes.append(f"the answer of a step comes {wiring.lag} steps later: spikes sent in a step arrive for the next")
    if images > 1:
        notes.append("images follow one another: membranes hold one image, input and output between them take no time")
    return notes


def _load_notes(program: CoreProgram, images: int) -> list[str]:
    per_load = program.chip.images_per_load
    if program.phases == 1 or images % per_load == 0:
        return []
    return [
        f"chip {program.chip.name!r} takes {per_load} images per load of weights, the last load scheduled has "
        f"{images % per_load}: schedule a multiple of {per_load} images for the interval of full loads"
    ]


def _queue_notes(program: CoreProgram, links: LinkTable) -> list[str]:
    limit = program.chip.noc.input_queue_flits
    over = int(np.count_nonzero(links.peak_queue_flits > limit))
    if not over:
        return []
    return [
        f"queues before {over} of {links.kind.size} links may have held more than the {limit} flits of noc.input_queue_flits "
        f"(up to {int(links.peak_queue_flits.max())}): the schedule does not bound them, so its network figures are optimistic"
    ]


def _provenance(activity: Activity, program: CoreProgram, images: int) -> dict[str, object]:
    return {
        **activity.provenance,
        "scheduled_chip": program.chip.name,
        "scheduled_chip_digest": program.chip.digest,
        "scheduled_images": images,
    }
