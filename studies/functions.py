"""Function tables by their segments: what accuracy, agreement, spikes and energy become, executed and billed at each size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.energy import price
from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, vary
from synaptile.hwmodels.formats import Functions
from synaptile.images import ImageSet
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import execute
from synaptile.simulator.activity import Activity
from synaptile.simulator.dense.rounding import table_error
from synaptile.studies.answers import correlations, original_answers


@dataclass(frozen=True)
class FunctionPoint:
    """One size of tables after all steps; `segments` None is the software of the same chip.

    `errors`: function -> its table's largest error within its range. `agreement`: share of images with the original network's
    answer; `correlation` of logits with its own, mean over images; `accuracy` None without labels. `spikes` and energies (pJ) are
    per image; `outside`: inputs beyond a table's range, per image. `ratio` is SNN / ANN on the rung `executed`, both with these
    functions.
    """

    segments: int | None
    errors: dict[str, float]
    accuracy: float | None
    agreement: float
    correlation: float
    spikes: float
    outside: float
    snn_pj: float
    ann_pj: float
    ratio: float


@dataclass(frozen=True, repr=False)
class FunctionTradeOff(Shown):
    """Points by segments, software first, of one network on one chip."""

    model: str
    chip: str
    images: int
    steps: int
    points: tuple[FunctionPoint, ...]


def function_trade_off(
    graph: SpikingGraph,
    chip: Chip,
    images: ImageSet,
    segments: Sequence[int],
    steps: int,
    *,
    numeric: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FunctionTradeOff:
    """Execute and bill a network with the chip's tables at each number of segments, and in software.

    Raises InputError for a chip without tables, or no segments; ChipError for a number of segments that is out of range.
    """
    tables = tuple(chip.functions.tables)
    if not tables:
        raise InputError(f"chip {chip.name!r} has no function tables (section functions): take ecmt45-tables, or state some")
    if not segments:
        raise InputError("no number of segments was given: give one or more, 16,64,256 say")
    sized = [vary(chip, {f"functions.{name}.segments": count for name in tables}) for count in segments]
    chips = [replace(chip, functions=Functions()), *sized]  # refused before anything is executed
    program, answers = map_graph(graph, chip), original_answers(graph, images.images)
    points = []
    for done, (count, one) in enumerate(zip((None, *segments), chips, strict=True), start=1):
        points.append(_point(replace(program, chip=one), images, answers, (count, steps, numeric, threads)))
        if progress is not None:
            progress(done, len(chips))
    return FunctionTradeOff(graph.name, chip.name, len(images.images), steps, tuple(points))


def _point(
    program: CoreProgram,
    images: ImageSet,
    answers: NDArray[np.floating],
    how: tuple[int | None, int, str | None, int | None],
) -> FunctionPoint:
    segments, steps, numeric, threads = how
    activity = execute(program, images.images, steps, numeric, threads=threads, keep_spikes=0)
    executed = price(activity, program.chip).comparison("executed")
    units = program.graph.of_type(ECUnit)  # sums may leave accumulators and membranes, which is another matter
    predicted, labels = activity.logits[-1].argmax(axis=1), images.labels
    known = bool(len(labels)) and bool((labels >= 0).all())
    return FunctionPoint(
        segments,
        {name: table_error(name, table) for name, table in program.chip.functions.tables.items()},
        float((predicted == labels).mean()) if known else None,
        float((predicted == answers.argmax(axis=1)).mean()),
        float(correlations(activity.logits[-1:], answers)[0].mean()),
        _spikes(activity) / activity.images,
        sum(int(activity.departures[unit.name].sum()) for unit in units if unit.name in activity.departures) / activity.images,
        float(executed.snn_pj[-1]),
        executed.ann_pj,
        float(executed.ratios()[-1]),
    )


def _spikes(activity: Activity) -> int:
    return sum(int(record.events.sum(dtype=np.int64)) for record in activity.spikes.values())
