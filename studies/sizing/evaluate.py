"""One chip tried: varied, mapped, scheduled and priced, and which of its figures binds. Points are kept as they are found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.energy import price
from synaptile.foundation.errors import ChipError, InputError, ScheduleError
from synaptile.foundation.types import Progress
from synaptile.mapper.program import CoreKind
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import Activity, Timeline, schedule
from synaptile.simulator.arguments import check_held_steps
from synaptile.simulator.firing import firing_rates
from synaptile.simulator.schedule.remap import same_words
from synaptile.simulator.schedule.timeline import UNITS, Cause
from synaptile.studies.journal import LINE, append, read_line, whole_lines
from synaptile.studies.placing import mapped, options_of, placed
from synaptile.studies.silicon import dram_bytes, silicon_of
from synaptile.studies.sizing.answer import ChipOutcome, Value
from synaptile.studies.sizing.bases import Bases, Changes, goal_in

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
    """What a chip with some changes does. Calls that are not `free` may raise Spent; `left` says how many do not."""

    @property
    def left(self) -> int: ...  # noqa: D102
    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome: ...  # noqa: D102


class Spent(Exception):
    """The study has tried as many points as it may."""


@dataclass(frozen=True)
class Trial:
    """What every chip is tried with: a run that `source` names, how many of its images are streamed, and how cores agree."""

    activity: Activity
    source: str
    images: int
    synchronisation: str | None


@dataclass
class ChipEvaluator:
    """Tries points: each once, counted against `most`, appended to the file `log` and read back from it.

    What counts is the points that a study asks for, whether they are evaluated or read: a study that goes on ends like one that
    was never stopped.
    """

    trial: Trial
    bases: Bases
    most: int
    log: Path | None = None
    progress: Progress | None = None
    stored: dict[str, ChipOutcome] = field(default_factory=dict)
    asked: dict[str, ChipOutcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.log is not None:
            self.stored = read_points(self.log)

    @property
    def left(self) -> int:
        """Points that may still be tried."""
        return max(self.most - len(self.asked), 0)

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        """What a chip with these changes does. `free` points do not count against `most`. Raises Spent."""
        key = json.dumps(dict(changes), sort_keys=True)
        if key in self.asked:
            return self.asked[key]
        if not free and not self.left:
            raise Spent
        if key not in self.stored:
            self.stored[key] = evaluate(self.trial, self.bases, changes)
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


def evaluate(trial: Trial, bases: Bases, changes: Changes) -> ChipOutcome:
    """Map, count anew, schedule and price a run on a varied chip; what does not fit or cannot be made is an outcome too.

    Raises InputError where the run did not keep the spikes that a mapping needs.
    """
    activity, goal = trial.activity, goal_in(changes)
    try:
        chip = bases.chip(changes)
        check_held_steps(chip, activity.steps)
        rates = firing_rates(activity) if goal not in (None, "room") else None
        options = options_of(activity.program, goal, rates)
        program = mapped(activity, chip, options, trial.source)
    except DoesNotFit as error:
        first = error.shortfalls[0]
        return ChipOutcome(False, first.resource, str(first))
    except (ChipError, InputError) as error:
        return ChipOutcome(False, "chip file", str(error))
    try:
        run, recounted = placed(activity, chip, options, trial.source), True
    except InputError:
        if program.phases > 1 or goal is not None or not same_words(chip, activity.program.chip):
            raise
        run, recounted = activity, False
    try:
        timeline = schedule(run, chip, images=trial.images, synchronisation=trial.synchronisation)
    except ScheduleError as error:
        return ChipOutcome(False, "schedule", str(error))
    bill = price(run, chip, timeline=timeline)
    size = silicon_of(timeline.program)
    binding, share = binding_figure(timeline)
    latency = timeline.latency_cycles
    busiest = f"busiest: {timeline.bottleneck.name}, {100 * timeline.bottleneck.share:.1f} % of the time"
    return ChipOutcome(
        fits=True,
        binding=binding,
        why=f"{100 * share:.0f} % of the critical path; {busiest}",
        latency_cycles=latency,
        latency_ms=timeline.milliseconds(latency),
        images_per_second=timeline.images_per_second or 0.0,
        energy_mj=float(bill.comparison(bill.top).snn_pj[-1]) / 1e9,
        chips=size.chips,
        synapse_cores=size.synapse_cores,
        ec_cores=size.ec_cores,
        area_mm2=size.area_mm2,
        phases=size.phases,
        dram_bytes=dram_bytes(bill),
        recounted=recounted,
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
