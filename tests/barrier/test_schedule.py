"""Is the schedule of a chip with step times that of its cores side by side: jobs, messages, links, cores and path?"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.integer import from_integer
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report.trace.conserve import check_against_activity
from synaptile.report.trace.stalls import INPUT, NETWORK, stalls
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.barrier import step_timing, wiring_of
from synaptile.simulator.barrier.measure import fired
from synaptile.simulator.barrier.record import record
from synaptile.simulator.schedule import relief
from synaptile.simulator.schedule.replay import handovers, passages
from synaptile.simulator.schedule.timeline import Cause, LinkKind
from tests.barrier.naive import naive_run, stretches
from tests.barrier.test_timing import CHIP, run, timed
from tests.graphs import vit_graph
from tests.integer.networks import currents, small
from tests.nir.networks import convolutional


def cycle(ps: int) -> int:
    return math.ceil(Fraction(ps, 10**6) * Fraction(str(CHIP.clock_mhz)))


def on(activity: Activity, **times: Any) -> Activity:
    return replace(activity, program=replace(activity.program, chip=timed(activity.program.chip, **times)))


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("buffer", [1, 16])
def test_jobs_messages_and_step_ends_are_those_of_the_naive_twin(delay: int, buffer: int) -> None:
    """Step after step in plain Python: a step ends with its slowest core, then comes the barrier, then the next."""
    activity = on(run(delay=delay), buffer_messages=buffer)
    timeline, wiring = schedule(activity, images=2), wiring_of(activity.program)
    net, jobs, parts = wiring.net, timeline.jobs, activity.program.parts
    begun, ends, starts = 0, [], []
    opened, closings = [], []
    did: dict[int, list[tuple[int, int]]] = {core: [] for core in range(5)}
    crossed: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    sender = np.repeat(net.sweeps, np.diff(net.message)) // 2
    for image in range(2):
        starts.append(cycle(begun))
        for at, mask in enumerate(fired(activity, wiring, image)):
            workers, arrived = naive_run(net, mask)
            for core in range(5):
                did[core] += [(cycle(begun + b), cycle(begun + e)) for b, e, _ in stretches(net, workers[core])]
            for when, message in arrived:
                left = begun + when - int(net.flight_ps[message])
                step = image * 9 + at - int(wiring.lags[2 * sender[message]])
                crossed.setdefault((step, sender[message], net.to[message]), []).append((left, begun + when))
            closed = begun + max(worker.end for worker in workers)
            ends.append(cycle(closed))
            opened.append(begun)
            closings.append(closed)
            begun = closed + wiring.barrier_ps
    found = record(activity, wiring, 2)
    assert (found.opened_ps.tolist(), found.closed_ps.tolist()) == (opened, closings)  # to the picosecond
    assert timeline.image_start_cycles.tolist() == starts
    assert timeline.step_end_cycles.ravel().tolist() == [
        ends[image * (9 + wiring.lag) + step + wiring.lag] for image in range(2) for step in range(9)
    ]
    assert timeline.makespan_cycles == ends[-1] and timeline.synchronisation == "barrier"
    for core in range(5):
        mine = jobs.core == core
        spans = [(int(s), int(e)) for s, e in zip(jobs.start_cycles[mine], jobs.end_cycles[mine], strict=True)]
        assert [span for span in spans if span[0] < span[1]] == [span for span in did[core] if span[0] < span[1]]
    table = timeline.messages
    for row in range(table.job.size):
        job = int(table.job[row])
        key = (int(jobs.image[job]) * 9 + int(jobs.step[job]), int(jobs.part[job]), int(table.target_core[row]))
        assert jobs.core[job] == parts.core[key[1]]
        if times := crossed.pop(key, []):
            assert table.injected_cycles[row] == cycle(min(left for left, _ in times))
            assert table.delivered_cycles[row] == cycle(max(there for _, there in times))
            assert table.elements[row] == len(times)
        else:
            assert table.elements[row] == 0
    assert not crossed


@pytest.mark.parametrize("delay", [0, 1])
def test_a_schedule_adds_up(delay: int) -> None:
    activity = on(run(delay=delay), buffer_messages=1)
    timeline = schedule(activity, images=2)
    cores, jobs = timeline.cores, timeline.jobs
    check_against_activity(timeline)
    assert sum(chunk.link.size for chunk in passages(timeline)) > 0 and handovers(timeline, np.arange(3)).target.size
    assert np.bincount(jobs.core, jobs.end_cycles - jobs.start_cycles).tolist() == cores.busy.tolist()
    assert cores.unit_busy.sum(axis=1).tolist() == cores.busy.tolist()
    waits = stalls(timeline)
    for kind, column in ((INPUT, cores.stalled_input), (NETWORK, cores.stalled_network)):
        took = np.where(waits.kind == kind, waits.end_cycles - waits.start_cycles, 0)
        assert np.bincount(waits.core, took, minlength=5).tolist() == column.tolist()
    assert (cores.busy + cores.stalled_input + cores.stalled_network + cores.idle == timeline.makespan_cycles).all()
    assert (cores.idle >= 0).all() and cores.stalled_network.sum() > 0
    assert sum(hold.wait_cycles + hold.run_cycles for hold in timeline.critical_path) == timeline.makespan_cycles
    assert min(min(hold.wait_cycles, hold.run_cycles) for hold in timeline.critical_path) >= 0
    barriers = [hold for hold in timeline.critical_path if hold.cause == Cause.BARRIER]
    assert len(barriers) == 2 * (9 + (0 if delay else 3)) - 1
    mesh = timeline.links.flits[timeline.links.kind == LinkKind.MESH].sum()
    assert (timeline.messages.flits * timeline.messages.hops).sum() == mesh > 0


def test_the_schedule_is_the_timing_that_is_held_against_silicon() -> None:
    activity = run()
    timing, timeline = step_timing(activity), schedule(activity, images=2)
    assert timeline.makespan_cycles == cycle(int(timing.step_ps.sum()) - timing.barrier_ps)  # none behind the last step
    one = schedule(activity)
    assert one.latency_cycles == cycle(int(timing.step_ps[0].sum()) - timing.barrier_ps)
    twice = schedule(on(activity, compartment_ns=2 * 9.7))
    assert twice.latency_cycles > one.latency_cycles


def test_several_layers_on_a_core_and_trains_from_outside_have_a_schedule_too() -> None:
    network = small()
    activity = execute(map_graph(from_integer(network), CHIP, anneal_moves=0), currents(2), 9, keep_spikes=2)
    shared = schedule(activity, images=2)
    assert np.unique(activity.program.parts.core).size < 4  # layers share cores
    check_against_activity(shared)
    assert shared.makespan_cycles == cycle(int(step_timing(activity).step_ps.sum()) - wiring_of(activity.program).barrier_ps)
    program = map_graph(from_nir(convolutional()), CHIP, anneal_moves=0)
    node = program.graph.sites[0]
    trains = (np.random.default_rng(0).random((5, 1, *node.shape[1:])) < 0.3).astype(np.float32)
    outside = schedule(execute(program, trains, 5, keep_spikes=1))
    check_against_activity(outside)
    assert sum(hold.wait_cycles + hold.run_cycles for hold in outside.critical_path) == outside.makespan_cycles


def test_relief_halves_step_times_where_a_chip_states_them() -> None:
    rows = {row.resource: row for row in relief(run()).rows}
    assert rows["step_times.sparse_synop_ns"].after == 2.35
    assert rows["step_times.sparse_synop_ns"].latency_cycles < schedule(run()).latency_cycles
    assert "synapse_core.lanes_per_cycle" not in rows


def test_what_has_no_schedule_of_steps_is_refused() -> None:
    activity = run()
    bare = execute(activity.program, currents(2), 9, keep_spikes=1)
    with pytest.raises(InputError, match=r"the run kept those of 1 of 2 images: run again with keep_spikes=2"):
        schedule(bare, images=2)
    assert schedule(bare, images=2, synchronisation="dataflow").images == 2
    with pytest.raises(ChipError, match="receives_beside_sweep is true"):
        schedule(on(activity, receives_beside_sweep=True))
    # multi-threshold neurons, many tokens, EC units: on a chip that can hold them
    chip = replace(load_chip("ecmt45"), synchronisation="barrier", step_times=CHIP.step_times)
    program = map_graph(vit_graph(1, 5, 8, 2, 16, 3), chip)
    with pytest.raises(InputError, match=r"has no step times|step times are of"):
        schedule(execute(program, np.zeros((1, 3, 8, 8), np.float32), 2, keep_spikes=1))
