"""What holds for every schedule: one job a core, inputs first, cycles that add up, counts that agree."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from synaptile.conversion.graph import MTNeurons
from synaptile.foundation.errors import ConservationError
from synaptile.simulator import Activity, Timeline, schedule
from synaptile.simulator.schedule.timeline import Cause
from tests.schedule.naive import Naive
from tests.schedule.test_against_naive import keys


@pytest.fixture(scope="module", params=[("dataflow", 3), ("barrier", 2)], ids=lambda param: param[0])
def timeline(request: pytest.FixtureRequest, activity: Activity) -> Timeline:
    synchronisation, images = request.param
    return schedule(activity, images=images, synchronisation=synchronisation)


def test_no_core_runs_two_jobs_at_once(timeline: Timeline) -> None:
    jobs = timeline.jobs
    same = jobs.core[1:] == jobs.core[:-1]
    assert (np.diff(jobs.core) >= 0).all()
    assert (jobs.start_cycles[1:][same] >= jobs.end_cycles[:-1][same]).all()
    assert (jobs.ready_cycles <= jobs.start_cycles).all() and (jobs.start_cycles <= jobs.end_cycles).all()


def test_every_job_starts_after_its_inputs_and_every_message_after_its_job(timeline: Timeline) -> None:
    names = keys(timeline)
    naive = Naive(timeline.activity, 1, False)
    naive.needs()
    end = dict(zip(names, timeline.jobs.end_cycles.tolist(), strict=True))
    start = dict(zip(names, timeline.jobs.start_cycles.tolist(), strict=True))
    assert naive.result.inputs
    for job, producers in naive.result.inputs.items():
        assert all(end[producer] <= start[job] for producer in producers)
    messages = timeline.messages
    assert (np.diff(messages.injected_cycles) >= 0).all()
    assert (messages.injected_cycles >= timeline.jobs.end_cycles[messages.job]).all()
    assert (messages.delivered_cycles > messages.injected_cycles + messages.flits).all()


def test_the_makespan_covers_the_busiest_resource_and_is_made_of_the_critical_path(timeline: Timeline) -> None:
    path, makespan = timeline.critical_path, timeline.makespan_cycles
    assert makespan == timeline.jobs.end_cycles.max()
    assert sum(hold.wait_cycles + hold.run_cycles for hold in path) == makespan
    assert all(hold.wait_cycles >= 0 and hold.run_cycles >= 0 for hold in path)
    assert path[0].cause is Cause.NOTHING and path[0].wait_cycles == 0
    for before, after in pairwise(path):
        assert timeline.jobs.waited_for[after.job] == before.job
    busiest = max(timeline.cores.busy.max(), timeline.cores.unit_busy.max(), timeline.links.busy_cycles.max())
    assert timeline.bottleneck.busy_cycles == busiest <= makespan
    assert timeline.bottleneck.share == busiest / makespan


def test_the_cycles_of_every_core_add_up_to_the_makespan(timeline: Timeline) -> None:
    cores = timeline.cores
    columns = np.stack([cores.busy, cores.stalled_input, cores.stalled_network, cores.idle])
    assert (columns >= 0).all() and (columns.sum(axis=0) == timeline.makespan_cycles).all()
    assert (cores.unit_busy <= cores.busy[:, None]).all() and (cores.unit_busy.max(axis=1) > 0).any()
    if timeline.synchronisation == "barrier":
        ends = np.sort(timeline.jobs.end_cycles)
        assert cores.idle.min() >= 10 * (timeline.images * timeline.activity.steps - 1), "each barrier takes 20 ns at 500 MHz"
        assert ends[-1] == timeline.makespan_cycles


def test_operations_spikes_and_tokens_are_those_of_the_run(activity: Activity) -> None:
    timeline = schedule(activity, images=activity.images)
    jobs, parts, table = timeline.jobs, timeline.program.parts, activity.operations
    node = parts.node[jobs.part]
    assert jobs.operations.sum() == table.count.sum()
    for core, name, step in {(int(c), int(n), s) for c, n in zip(table.core, table.node, strict=True) for s in range(3)}:
        executed = table.count[(table.core == core) & (table.node == name), step].sum()
        assert jobs.operations[(jobs.core == core) & (node == name) & (jobs.step == step)].sum() == executed
    for site, record in activity.spikes.items():
        mine = node == timeline.program.node_names.index(site)
        for step in range(3):
            assert jobs.spikes[mine & (jobs.step == step)].sum() == record.histogram[step].sum() == record.events[step].sum()
    sites = [isinstance(timeline.program.graph.nodes[name], MTNeurons) for name in timeline.program.node_names]
    assert not jobs.spikes[~np.array(sites)[node]].any()


def test_a_count_that_was_altered_is_found(activity: Activity) -> None:
    table = activity.operations
    count = table.count.copy()
    row = int(np.flatnonzero(table.role == table.roles.index("synapse rows"))[3])
    count[row, 1] += 1
    damaged = replace(activity, operations=replace(table, count=count))
    mine = (table.core == table.core[row]) & (table.node == table.node[row])
    executed, name = int(count[mine, 1].sum()), activity.program.node_names[table.node[row]]
    with pytest.raises(ConservationError, match=f"core {table.core[row]}, node '{name}', step 2: {executed} .* {executed - 1} "):
        schedule(damaged)


def test_a_spike_that_was_altered_is_found(activity: Activity) -> None:
    site = "blocks.0.mlp.fc2.in"
    record = activity.spikes[site]
    histogram = record.histogram.copy()
    histogram[2, 0] += 1
    damaged = replace(activity, spikes=dict(activity.spikes) | {site: replace(record, histogram=histogram)})
    with pytest.raises(ConservationError, match=f"site '{site}', step 3"):
        schedule(damaged)


def test_barriers_never_make_a_schedule_shorter_here_and_images_overlap_without_them(activity: Activity) -> None:
    free, held = (schedule(activity, images=3, synchronisation=name) for name in ("dataflow", "barrier"))
    assert free.makespan_cycles < held.makespan_cycles
    assert (free.image_start_cycles[1:] < free.step_end_cycles[:-1, -1]).all(), "an image starts before the last one has ended"
    assert (held.image_start_cycles[1:] > held.step_end_cycles[:-1, -1]).all()
    assert (np.diff(free.step_end_cycles.ravel()) > 0).all()
