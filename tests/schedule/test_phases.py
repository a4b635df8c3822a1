"""Are phases what the naive scheduler gives each of them by itself, one after another?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from synaptile.foundation.errors import DoesNotFit
from synaptile.hwmodels import Chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, schedule
from synaptile.simulator.schedule.replay import passages
from synaptile.simulator.schedule.timeline import Cause
from tests.graphs import vit_graph
from tests.schedule.naive import Job, Naive, first_image
from tests.schedule.test_against_naive import chips, keys


def streamed(chip: Chip, width: int, height: int) -> Chip:
    """The chip with fewer tiles, and weights from outside."""
    return replace(chip, mesh=replace(chip.mesh, width=width, height=height, max_chips=1), weights="streamed")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(chips(), st.data())
def test_each_phase_takes_the_cycles_that_the_naive_scheduler_gives_it(chip: Chip, data: st.DataObject) -> None:
    chip = streamed(chip, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    graph = vit_graph(depth=1, tokens=3, width=4, heads=2, hidden=6, classes=3, n=3, patch=1, seed=data.draw(st.integers(0, 99)))
    try:
        program = map_graph(graph, chip, anneal_moves=50)
    except DoesNotFit:
        return
    images = np.random.default_rng(1).standard_normal((2, *first_image(graph))).astype(np.float32)
    activity = execute(program, images, 2, keep_spikes=2)
    timeline = schedule(activity, images=2)
    phases = timeline.phases
    event(f"{program.phases} phases")
    if phases is None:
        assert program.phases == 1
        return
    names = keys(timeline)
    found = dict(zip(names, timeline.jobs.start_cycles.tolist(), strict=True))
    expected: dict[Job, int] = {}
    for row in range(phases.phase.size):
        first, begin = int(phases.first_image[row]), int(phases.start_cycles[row])
        twin = Naive(
            activity, int(phases.images[row]), timeline.synchronisation == "barrier", first=first, phase=int(phases.phase[row])
        )
        for job, start in twin.run().start.items():
            expected[job._replace(step=job.step + first * activity.steps)] = begin + start
    assert found == expected
    assert sum(hold.wait_cycles + hold.run_cycles for hold in timeline.critical_path) == timeline.makespan_cycles
    assert (timeline.jobs.cause == Cause.PHASE).any()
    for _ in passages(timeline):
        pass  # the replay of links checks itself


def test_results_do_not_know_of_phases() -> None:
    """Spikes and logits of a chip that holds all, and of one that holds a part at a time."""
    from tests.mapper.chips import small_chip

    graph = vit_graph(depth=2, tokens=4, width=8, heads=2, hidden=16, classes=3, n=4, patch=1, seed=3)
    whole = small_chip(
        mesh={"width": 8, "height": 8, "max_chips": 9}, synapse={"weight_memory_bits": 3200, "state_memory_bits": 6400}
    )
    images = np.random.default_rng(2).standard_normal((3, *first_image(graph)))
    programs = [map_graph(graph, chip) for chip in (whole, streamed(whole, 3, 3))]
    assert [program.phases > 1 for program in programs] == [False, True]
    for numeric in ("float64", "int8"):
        runs = [execute(program, images, 3, numeric=numeric) for program in programs]
        assert np.array_equal(runs[0].logits, runs[1].logits)
        for site in runs[0].spikes:
            assert np.array_equal(runs[0].spikes[site].events.sum(axis=(2, 3)), runs[1].spikes[site].events.sum(axis=(2, 3)))
