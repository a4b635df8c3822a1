"""A plan and the rows of its points to a `Sweep`: what was swept, on what, and what a reader must know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synaptile.studies.rundir import Run
from synaptile.studies.sweeping.context import Context
from synaptile.studies.sweeping.execution import folder_of, kept_run
from synaptile.studies.sweeping.model import NOISE
from synaptile.studies.sweeping.plan import Plan
from synaptile.studies.sweeping.rows import BY_NAME, PointRow, Sweep


def summary(plan: Plan, context: Context, rows: Mapping[int, PointRow]) -> Sweep:
    """The sweep as far as its rows go."""
    ordered = tuple(rows[number] for number in sorted(rows) if number < plan.planned)
    executions = {row.execution for row in ordered if row.execution}
    run = kept_run(str(folder_of(context, min(executions)))) if executions else None
    return Sweep(
        plan.name,
        plan.study.description,
        tuple(axis.name for axis in plan.axes),
        plan.objectives,
        ordered,
        plan.planned,
        len(executions),
        _facts(plan, context.base.steps, *((None, None) if run is None else _network(run))),
        _notes(plan, ordered),
        plan.settings,
        None if run is None else run.activity.synthetic,
        plan.bounds,
    )


def _facts(plan: Plan, base_steps: int, graph: str | None, images: int | None) -> dict[str, str]:
    study = plan.study
    model = study.model.timm or study.model.graph or study.model.run or "digits"
    search = study.search
    steps = [value for axis in plan.axes for value in axis.values("steps")] or [base_steps]
    return {
        "network": graph or Path(model).name,
        "images": "-" if images is None else f"{images:,}",
        "chip": study.chip,
        "steps": ", ".join(map(str, dict.fromkeys(steps))),
        "kind": "grid" if search is None else f"search by {search.sampler}, seed {search.seed}, {search.trials} trials",
    }


def _network(run: Run) -> tuple[str, int]:
    return run.activity.program.graph.name, run.activity.images


def _notes(plan: Plan, rows: tuple[PointRow, ...]) -> tuple[str, ...]:
    study, notes = plan.study, []
    if study.rates is not None:
        notes.append("Synthetic: spikes were drawn from rates, not executed; there is no accuracy.")
    if study.images is not None and study.images.source == NOISE:
        notes.append("Images are noise: costs are real for such input, answers mean nothing.")
    if study.model.random_weights is not None:
        notes.append(f"Weights are random (seed {study.model.random_weights}): costs show the structure, answers mean nothing.")
    if study.search is not None:
        notes.append(f"A bounded search of {plan.planned} points, not exhaustive: better points may exist.")
    notes.append(
        "Each network is executed once; a point whose chip is mapped otherwise sees the same spikes on its own mapping, "
        "operations counted anew."
    )
    if study.follow:
        notes.append("Leakage follows the area of varied cores, energy of a flit its width (follow: true).")
    else:
        notes.append("Leakage and energy of a flit stay as the chip gives them, whatever varies (follow: false).")
    lacking = [row for row in rows if not row.failed and not row.has(plan.objectives)]
    if plan.bounds:
        missed = [row for row in rows if not row.failed and not row.within(plan.bounds)]
        signs = {name: ">=" if BY_NAME[name].better == "high" else "<=" for name in plan.bounds}
        bounds = ", ".join(f"{name} {signs[name]} {value:g}" for name, value in plan.bounds.items())
        notes.append(f"Bounds: {bounds}; {len(missed):,} points miss one and are on no front.")
    if lacking:
        notes.append(
            f"{len(lacking):,} points lack an objective (an operation without a price, a chip without area) and are on no front."
        )
    return tuple(notes)
