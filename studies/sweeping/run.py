"""A sweep as a whole: begun or gone on with, executions shared, points spread over workers, every one kept as it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import InputError
from synaptile.mapper.alike import mapping_key
from synaptile.simulator.arithmetic import arithmetic_key
from synaptile.simulator.execute import command_line
from synaptile.studies.outputs import check_output
from synaptile.studies.settings import is_begun, save_settings
from synaptile.studies.spread import DoTasks, check_spread, spread_over, threads_a_worker
from synaptile.studies.sweeping.context import Context, save_context
from synaptile.studies.sweeping.evaluate import PointTask, run_point
from synaptile.studies.sweeping.execution import Executed, ExecutionTask, run_execution
from synaptile.studies.sweeping.journal import Journal
from synaptile.studies.sweeping.plan import Plan, context_of
from synaptile.studies.sweeping.reasons import failed_row
from synaptile.studies.sweeping.rows import PointRow, Sweep
from synaptile.studies.sweeping.search import check_proposal, propose_points
from synaptile.studies.sweeping.space import Point, grid_points
from synaptile.studies.sweeping.summary import summary

KIND = "synaptile-sweep"
Progress = Callable[[str, int, int], None]
"""Told what is done ("executions", "points"), how many, and of how many."""


def run_sweep(
    plan: Plan, directory: str | Path, *, workers: int = 1, scheduler: str | None = None, progress: Progress | None = None
) -> Sweep:
    """Do a plan, or go on with what was begun in `directory`; finished points are kept, one by one, and never done twice.

    Raises InputError (and its kin) for a study that cannot be run, or differs from the one begun in `directory`.
    """
    check_spread(workers, scheduler)
    folder = check_output(directory)
    context = _begin(plan, folder)
    journal = Journal(folder, digest_of(plan.settings))
    with spread_over(workers, scheduler) as run:
        runner = _Runner(
            context, save_context(context), journal, run, threads_a_worker(workers, scheduler), plan.planned, progress or _silent
        )
        runner.go(plan)
    return summary(plan, context, journal.read())


def _begin(plan: Plan, folder: Path) -> Context:
    """Begin a sweep or go on with one. Raises InputError naming what it was begun with otherwise."""
    begun = is_begun(folder, KIND, plan.settings)
    context = context_of(plan, folder, begun=begun)
    if not begun:
        save_settings(folder, KIND, plan.settings)
    return context


def _silent(what: str, done: int, total: int) -> None:
    pass


@dataclass
class _Runner:
    """Does the points that are missing."""

    context: Context
    digest: str
    journal: Journal
    run: DoTasks[Any, Any]
    threads: int | None
    planned: int
    progress: Progress
    rows: dict[int, PointRow] = field(default_factory=dict)

    def go(self, plan: Plan) -> None:
        """Do them all: a grid at once, a search batch by batch."""
        self.rows = self.journal.read()
        self.progress("points", len(self.rows), self.planned)
        if plan.study.search is None:
            self.do([point for point in grid_points(plan.axes, self.context.base) if point.number not in self.rows])
        else:
            propose_points(plan.axes, self.context.base, plan.study.search, (plan.objectives, plan.bounds), self.batch)

    def batch(self, points: Sequence[Point]) -> list[PointRow]:
        """Rows of a search's batch; a point that repeats an earlier one takes its figures."""
        for point in points:
            if point.number in self.rows:
                check_proposal(point, self.rows[point.number])
        missing = [point for point in points if point.number not in self.rows]
        first: dict[str, int] = {digest_of(dict(row.labels)): number for number, row in sorted(self.rows.items(), reverse=True)}
        self.do([point for point in missing if first.setdefault(digest_of(point.labels), point.number) == point.number])
        for point in missing:
            if point.number not in self.rows:
                same = self.rows[first[digest_of(point.labels)]]
                self._keep(replace(same, number=point.number))
        return [self.rows[point.number] for point in points]

    def do(self, points: Sequence[Point]) -> None:
        """Execute what some points share, then evaluate them, those that are mapped alike one after the other."""
        if not points:
            return
        needs: dict[str, dict[str, list[Point]]] = {}
        for point in points:
            execution, mapping = self._needs(point)
            needs.setdefault(execution, {}).setdefault(mapping, []).append(point)
        groups = {execution: [point for alike in mapped.values() for point in alike] for execution, mapped in needs.items()}
        executed = self._execute(groups)
        tasks = []
        for key, members in groups.items():
            outcome = executed[key]
            if outcome.state is None:
                for point in members:
                    self._keep(failed_row(point, outcome.reason, outcome.message))
                continue
            done = outcome.state == "executed"
            tasks += [PointTask(self.context.directory, self.digest, point, key, done) for point in members]
        keys = [f"point-{task.point.number}-{self.digest}" for task in tasks]
        self.run(run_point, tasks, keys, self._keep)

    def _needs(self, point: Point) -> tuple[str, str]:
        """Names the execution and the mapping that a point needs: chips whose tables or formats differ share no execution."""
        settings = point.settings
        try:
            chip = self.context.chip_of(settings)
            arithmetic = "" if self.context.model.kind == "run" else arithmetic_key(chip, settings.numeric)
        except InputError:
            return settings.execution, ""  # the point itself says so in its row
        return settings.execution + arithmetic, f"{mapping_key(chip, settings.mapping.goal)} {settings.mapping}"

    def _execute(self, groups: Mapping[str, Sequence[Point]]) -> dict[str, Executed]:
        if self.context.model.kind == "run":
            return {key: Executed(key, "executed") for key in groups}
        executed: dict[str, Executed] = {}

        def done(outcome: Executed) -> None:
            executed[outcome.key] = outcome
            self.progress("executions", len(executed), len(groups))

        self.progress("executions", 0, len(groups))
        command = tuple(command_line())
        tasks = [
            ExecutionTask(self.context.directory, self.digest, key, tuple(points), self.threads, command)
            for key, points in groups.items()
        ]
        self.run(run_execution, tasks, [f"execution-{key}-{self.digest}-{len(self.rows)}" for key in groups], done)
        return executed

    def _keep(self, row: PointRow) -> None:
        self.journal.append(row)
        self.rows[row.number] = row
        self.progress("points", len(self.rows), self.planned)
