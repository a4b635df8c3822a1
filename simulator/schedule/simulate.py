"""Run the event loop on the static tables until every job has ended."""

from __future__ import annotations

from synaptile.foundation.types import Progress
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.schedule.fabric import check_packets
from synaptile.simulator.schedule.kernel import Status, prepare, run
from synaptile.simulator.schedule.state import Costs, Total, initial_state
from synaptile.simulator.schedule.stuck import explain_stuck
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.times import Times, times_of

REPORTS = 50
"""How often progress is told."""


def simulate(program: CoreProgram, tables: Tables, costs: Costs, progress: Progress | None) -> Times:
    """Schedule every job. Raises ScheduleError where jobs wait for one another."""
    check_packets(program.chip, costs.flits)
    state, total, status = initial_state(tables, costs), costs.duration.size, Status.RUNNING
    prepare(tables, costs, state)
    while status == Status.RUNNING:
        limit = int(state.totals[Total.FINISHED]) + max(total // REPORTS, 1)
        status = run(tables, costs, state, limit)
        if progress is not None:
            progress(int(state.totals[Total.FINISHED]), total)
    if status != Status.DONE:
        raise explain_stuck(program, tables.jobs, tables.flows, times_of(tables, costs, state).start)
    return times_of(tables, costs, state)
