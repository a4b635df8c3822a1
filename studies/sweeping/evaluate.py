"""One point: its chip, the network mapped to it, the shared run seen on that mapping, scheduled and priced."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from synaptile.energy import LADDER, EnergyReport, price
from synaptile.foundation.errors import ConservationError, SynaptileError
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, Timeline
from synaptile.simulator.arguments import check_held_steps
from synaptile.simulator.firing import firing_rates
from synaptile.simulator.rebase import first_steps
from synaptile.studies.answers import correlations
from synaptile.studies.placing import placed, scheduled
from synaptile.studies.rundir import Run
from synaptile.studies.silicon import dram_bytes, silicon_of
from synaptile.studies.spread import ONE_AT_A_TIME
from synaptile.studies.sweeping.context import Context, load_context
from synaptile.studies.sweeping.execution import folder_of, kept_run, structure
from synaptile.studies.sweeping.reasons import failed_row, reason_of
from synaptile.studies.sweeping.rows import PointFigures, PointRow
from synaptile.studies.sweeping.space import Point


@dataclass(frozen=True)
class PointTask:
    """A point and the execution that it is evaluated on; `executed` is False where no chip of its points could take the graph."""

    directory: str
    context: str
    point: Point
    execution: str
    executed: bool


def run_point(task: PointTask) -> PointRow:
    """Evaluate a point. What is wrong with a point is its row's reason; a defect of ours is raised."""
    context = load_context(task.directory, task.context)
    point = task.point
    with ONE_AT_A_TIME:
        try:
            if not task.executed:
                _fit_alone(task, context)
            run = kept_run(str(folder_of(context, task.execution)))
            figures = evaluate(context, point, run, task.execution)
        except ConservationError:
            raise
        except SynaptileError as error:
            return failed_row(point, reason_of(error), str(error))
    return PointRow(point.number, point.labels, figures, task.execution)


def evaluate(context: Context, point: Point, run: Run, execution: str) -> PointFigures:
    """The figures of a point. Raises SynaptileError where it cannot be evaluated."""
    settings = point.settings
    chip = context.chip_of(settings)
    recorded = first_steps(run.activity, settings.steps)
    options: dict[str, Any] = settings.mapping.model_dump()
    if settings.mapping.goal != "room":
        options["rates"] = firing_rates(recorded)
    check_held_steps(chip, settings.steps)
    activity = placed(recorded, chip, options, f"{context.directory}/{execution}/{settings.steps}")
    timeline = scheduled(activity, context.streamed, settings.synchronisation)
    bill = price(activity, chip, timeline=timeline, number_format=settings.number_format)
    # One dictionary: a name that two of them share, or that PointFigures lacks, is an error.
    size = asdict(silicon_of(activity.program)) | {"dram_bytes": dram_bytes(bill)}
    size |= {"ratio_best": bill.best_ladder()[-1].ratio} if context.best else {}
    return PointFigures(**_times(timeline), **_energies(bill, timeline), **size, **_answers(activity, run))


def _fit_alone(task: PointTask, context: Context) -> None:
    """Raise what keeps the graph from this point's chip: nothing was executed, because it fits none of the points'."""
    settings = task.point.settings
    graph = structure(task.directory, task.context, settings.conversion)
    map_graph(graph, context.chip_of(settings), **settings.mapping.model_dump())
    raise ConservationError(f"point {task.point.number} fits its chip, yet the network was executed for none")


def _times(timeline: Timeline) -> dict[str, Any]:
    return {
        "latency_cycles": timeline.latency_cycles,
        "latency_ms": timeline.milliseconds(timeline.latency_cycles),
        "interval_ms": timeline.milliseconds(timeline.interval_cycles) if timeline.images > 1 else None,
        "images_per_second": timeline.images_per_second if timeline.interval_cycles else None,
        "busiest": timeline.bottleneck.name,
        "busiest_share": timeline.bottleneck.share,
    }


def _energies(bill: EnergyReport, timeline: Timeline) -> dict[str, Any]:
    """Energies and ratios through the last step; None where an operation has no price."""
    priced = {name: comparison for name, comparison in bill.comparisons.items() if not comparison.unpriced}
    energies = {f"energy_{name}_pj": float(priced[name].snn_pj[-1]) for name in LADDER if name in priced}
    ratios = {f"ratio_{name}": bill.ratio(name) for name, comparison in priced.items() if comparison.ann_pj > 0}
    interval = timeline.milliseconds(timeline.interval_cycles)
    power = energies["energy_static_pj"] / interval * 1e-6 if "static" in priced and interval else None
    return {**energies, **ratios, "power_mw": power}


def _answers(activity: Activity, run: Run) -> dict[str, Any]:
    """Accuracy and agreement after the last step, None where there are no labels, or no answers to compare with."""
    logits, answers = activity.logits[-1:], run.ann_logits
    if not logits.shape[-1]:
        return {}
    predicted, labels = logits[0].argmax(axis=1), run.known_labels
    figures = {"accuracy": None if labels is None else float((predicted == labels).mean())}
    if answers.shape[1]:
        figures["agreement"] = float((predicted == answers.argmax(axis=1)).mean())
        figures["correlation"] = float(correlations(logits, answers)[0].mean())
    return figures
