"""Run the event loop on the static tables until every job has ended."""

from __future__ import annotations

from synaptile.foundation.types import Int64, Progress
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.schedule.fabric import check_packets
from synaptile.simulator.schedule.kernel import Status, prepare, run
from synaptile.simulator.schedule.state import Costs, State, Total, initial_state
from synaptile.simulator.schedule.stuck import explain_stuck
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.times import Times, times_of

REPORTS, LEAST_JOBS = 50, 200_000
"""How often progress is told, and after how many jobs at least: a call of the loop hands on all tables."""


def simulate(program: CoreProgram, tables: Tables, costs: Costs, progress: Progress | None) -> Times:
    """Schedule every job. Raises ScheduleError where jobs wait for one another."""
    return times_of(tables, costs, _simulated(program, tables, costs, progress))


def job_ends(program: CoreProgram, tables: Tables, costs: Costs) -> Int64:
    """As `simulate`, when every job ends alone, shape (steps, jobs), by place."""
    state = _simulated(program, tables, costs, None)
    return state.start.reshape(costs.duration.shape) + costs.duration[:, tables.jobs.row_of]


def _simulated(program: CoreProgram, tables: Tables, costs: Costs, progress: Progress | None) -> State:
    check_packets(program.chip, costs.flits)
    state, total, status = initial_state(tables, costs), costs.duration.size, Status.RUNNING
    prepare(tables, costs, state)
    while status == Status.RUNNING:
        limit = int(state.totals[Total.FINISHED]) + max(total // REPORTS, LEAST_JOBS)
        status = run(tables, costs, state, limit)
        if progress is not None:
            progress(int(state.totals[Total.FINISHED]), total)
    if status != Status.DONE:
        raise explain_stuck(program, tables.jobs, tables.flows, times_of(tables, costs, state).start)
    return state
