"""One chip tried: varied, mapped, scheduled and priced, and which of its figures binds. Points are kept as they are found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.energy import price
from synaptile.foundation.errors import ChipError, ScheduleError
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, die_area_mm2, vary
from synaptile.mapper.program import CoreKind
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import Activity, Timeline, schedule
from synaptile.simulator.schedule.timeline import UNITS, Cause
from synaptile.studies.journal import LINE, append, read_line, whole_lines
from synaptile.studies.sizing.answer import ChipOutcome, Value

Changes = Mapping[str, Value]

_FIGURES = {
    (CoreKind.SYNAPSE, "accumulate"): "synapse_core.lanes_per_cycle",
    (CoreKind.SYNAPSE, "neuron"): "synapse_core.neuron_updates_per_cycle",
    (CoreKind.EC, "multiply"): "ec_core.multipliers_per_cycle",
    (CoreKind.EC, "special"): "ec_core.special_functions_per_cycle",
    (CoreKind.EC, "neuron"): "ec_core.neuron_updates_per_cycle",
}
_WAITS = {Cause.NETWORK: "noc (links and hops)", Cause.OUTPUT: "room at receivers", Cause.BARRIER: "barrier_ns"}


@with_config(LINE)
class _Line(TypedDict):
    changes: dict[str, Value]
    outcome: ChipOutcome


class Evaluate(Protocol):
    """What a chip with some changes does. Calls that are not `free` may raise Spent."""

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome: ...  # noqa: D102


class Spent(Exception):
    """The study has tried as many points as it may."""


@dataclass
class ChipEvaluator:
    """Tries points: each once, counted against `most`, appended to the file `log` and read back from it.

    What counts is the points that a study asks for, whether they are evaluated or read: a study that goes on ends like one that
    was never stopped.
    """

    activity: Activity
    base: Chip
    images: int
    synchronisation: str | None
    most: int
    log: Path | None = None
    progress: Progress | None = None
    stored: dict[str, ChipOutcome] = field(default_factory=dict)
    asked: dict[str, ChipOutcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.log is not None:
            self.stored = read_points(self.log)

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        """What a chip with these changes does. `free` points do not count against `most`. Raises Spent."""
        key = json.dumps(dict(changes), sort_keys=True)
        if key in self.asked:
            return self.asked[key]
        if not free and len(self.asked) >= self.most:
            raise Spent
        if key not in self.stored:
            self.stored[key] = evaluate(self.activity, self.base, changes, self.images, self.synchronisation)
            if self.log is not None:
                line = json.dumps({"changes": dict(changes), "outcome": asdict(self.stored[key])})
                append(self.log, line.encode() + b"\n")
        self.asked[key] = self.stored[key]
        if self.progress is not None:
            self.progress(min(len(self.asked), self.most), self.most)
        return self.asked[key]


def read_points(log: Path) -> dict[str, ChipOutcome]:
    """Points of a log, by their changes. Raises FileFormatError."""
    points: dict[str, ChipOutcome] = {}
    for number, line in enumerate(whole_lines(log), start=1):
        point = read_line(log, number, line, _Line)
        points[json.dumps(point["changes"], sort_keys=True)] = point["outcome"]
    return points


def evaluate(activity: Activity, base: Chip, changes: Changes, images: int, synchronisation: str | None) -> ChipOutcome:
    """Schedule and price an activity on a varied chip; what does not fit is an outcome too."""
    try:
        chip = vary(base, {parameter: value for name, value in changes.items() for parameter in name.split("+")})
    except ChipError as error:
        return ChipOutcome(False, "chip file", str(error))
    try:
        timeline = schedule(activity, chip, images=images, synchronisation=synchronisation)
    except DoesNotFit as error:
        first = error.shortfalls[0]
        return ChipOutcome(False, first.resource, str(first))
    except ScheduleError as error:
        return ChipOutcome(False, "schedule", str(error))
    bill = price(activity, chip, timeline=timeline)
    program = timeline.program
    chips = program.board[0] * program.board[1]
    kinds = [int(np.count_nonzero(program.cores.kind == kind)) for kind in (CoreKind.SYNAPSE, CoreKind.EC)]
    binding, share = binding_figure(timeline)
    latency = timeline.latency_cycles
    busiest = f"busiest: {timeline.bottleneck.name}, {100 * timeline.bottleneck.share:.1f} % of the time"
    return ChipOutcome(
        fits=True,
        binding=binding,
        why=f"{100 * share:.0f} % of the critical path; {busiest}",
        latency_cycles=latency,
        latency_ms=timeline.milliseconds(latency),
        images_per_second=timeline.images_per_second,
        energy_mj=float(bill.comparison(bill.top).snn_pj[-1]) / 1e9,
        chips=chips,
        synapse_cores=kinds[0],
        ec_cores=kinds[1],
        area_mm2=None if chip.area is None else die_area_mm2(chip).total * chips,
    )


def binding_figure(timeline: Timeline) -> tuple[str, float]:
    """The chip figure that most of the critical path is spent on, and its share of it.

    A job's cycles, and waits for its core, go to the unit that its core is busiest with; other waits to what was waited for.
    """
    cores = timeline.program.cores
    unit = timeline.cores.unit_busy.argmax(axis=1)
    spent: dict[str, int] = {}

    def add(what: str, cycles: int) -> None:
        spent[what] = spent.get(what, 0) + cycles

    for hold in timeline.critical_path:
        own = _FIGURES.get((CoreKind(int(cores.kind[hold.core])), UNITS[int(unit[hold.core])]), "other units")
        add(own, hold.run_cycles)
        add(_WAITS.get(hold.cause, own), hold.wait_cycles)
    if not spent or not sum(spent.values()):
        return "nothing", 0.0
    most = max(spent, key=lambda what: (spent[what], what))
    return most, spent[most] / sum(spent.values())
