"""Run the event loop on the static tables until every job has ended."""

from __future__ import annotations

from synaptile.foundation.types import Progress
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.schedule.fabric import UNBOUNDED, check_packets
from synaptile.simulator.schedule.kernel import Status, prepare, run
from synaptile.simulator.schedule.state import Costs, State, Total, initial_state
from synaptile.simulator.schedule.stuck import explain_stuck
from synaptile.simulator.schedule.tables import Tables

REPORTS = 50
"""How often progress is told."""


def simulate(program: CoreProgram, tables: Tables, costs: Costs, progress: Progress | None) -> State:
    """Schedule every job. Raises ScheduleError where jobs wait for one another."""
    check_packets(program.chip, costs.flits)
    steps, rows = costs.duration.shape
    state, total, status = initial_state(tables, steps, costs.hold), steps * rows, Status.RUNNING
    prepare(tables, costs, state)
    while status == Status.RUNNING:
        limit = int(state.totals[Total.FINISHED]) + max(total // REPORTS, 1)
        status = run(tables, costs, state, limit)
        if progress is not None:
            progress(int(state.totals[Total.FINISHED]), total)
    if status != Status.DONE:
        raise explain_stuck(program, tables.jobs, tables.flows, state.start)
    if tables.fabric.control != UNBOUNDED:
        for name in ("flits", "busy", "peak"):
            getattr(state.links, name)[:] = getattr(state.bounded, name)
    return state
