"""The type that pricing produces: what a run costs, under each accounting, down to every operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.accountings import LADDER, Comparison
from synaptile.energy.best import Best
from synaptile.energy.bill import Bill, Line, joined
from synaptile.energy.breakdown import (
    LINE_COLUMNS,
    SPLITS,
    CoreUse,
    GroupEnergy,
    Piece,
    Split,
    by_core,
    by_link,
    core_use,
    grouped,
    line_rows,
)
from synaptile.energy.performance import Efficiency, Performance, efficiency
from synaptile.energy.prices import Price
from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose
from synaptile.hwmodels import Chip
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.timeline import Timeline

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Rung:
    """One rung of the energy ladder at one step: SNN through that step and one ANN pass, in pJ per image.

    `ratio` is None where an operation is unpriced. `cheaper_through` is the last step through which the SNN has spent less than
    the ANN: 0 where it never did, None where an operation is unpriced.
    """

    name: str
    title: str
    snn_pj: float
    ann_pj: float
    ratio: float | None
    cheaper_through: int | None


@dataclass(frozen=True, eq=False, repr=False)
class EnergyReport(Tabular, Shown):
    """The bill of one run. Energies are in pJ per image; a step's figure is cumulative (steps 1..step), step counts from 1.

    `chip` is the one whose prices were used, `activity.program.chip` the one that the run was mapped to.
    `comparisons` maps accountings ("eq30", "released", "executed") to the SNN's bill beside the ANN's, both in `number_format`.
    `prices` are those of executed operations, `published` those of eq30 and released. `notes` say what the reader must know.

    From `executed` on each rung of the ladder holds the one below; `additions` has what each rung adds alone, `missing` says of a
    rung that cannot be stated why. `timeline` is the schedule, if any; `find_best`
    searches for `best`.
    """

    activity: Activity
    chip: Chip
    number_format: str
    prices: Mapping[str, Price]
    published: Mapping[str, Price]
    comparisons: Mapping[str, Comparison]
    notes: tuple[str, ...]
    additions: Mapping[str, Comparison] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    timeline: Timeline | None = None
    performance: Performance | None = None
    find_best: Callable[[], Best] | None = None

    @property
    def steps(self) -> int:
        """Time steps of the run."""
        return self.activity.steps

    def comparison(self, accounting: str) -> Comparison:
        """Both bills of one accounting or ladder rung. Raises InputError for an unknown name, or a rung that is missing."""
        if accounting in self.missing:
            raise InputError(f"rung {accounting!r} {self.missing[accounting]}: use one of {', '.join(self.comparisons)}")
        if accounting not in self.comparisons:
            raise InputError(f"accounting {accounting!r} is unknown: use one of {', '.join(self.comparisons)}")
        return self.comparisons[accounting]

    def ratio(self, accounting: str = "executed", *, step: int | None = None) -> float:
        """E_SNN / E_ANN of steps 1..`step` (default: all) under one accounting or ladder rung.

        Raises InputError for an unknown accounting or step, and where an operation is unpriced.
        """
        return float(self.ratios(accounting)[self._step(step) - 1])

    def ratios(self, accounting: str = "executed") -> NDArray[np.float64]:
        """`ratio` at every step, shape (steps,)."""
        return self.comparison(accounting).ratios()

    def by(self, key: str, *, accounting: str = "executed", step: int | None = None) -> tuple[GroupEnergy, ...]:
        """Energy per "kind", "layer" or "node" through `step` (default: all), in graph order, SNN beside ANN."""
        nodes = tuple(self.activity.program.graph.nodes.values())
        return grouped(self.comparison(accounting), nodes, key, self._step(step))

    @property
    def top(self) -> str:
        """The highest rung of the ladder that this report reaches."""
        return next(name for name in reversed(LADDER) if name in self.comparisons)

    def split(self, key: str, *, accounting: str | None = None, step: int | None = None) -> tuple[Split, ...]:
        """The SNN's energy split by "rung", "node", "core", "step" or "link" through `step` (default: all).

        `accounting` is a rung (default: the highest that the report reaches). The pieces sum to its total; those of "link", which
        needs a schedule and covers all steps, to what the rung `noc` adds.
        Raises InputError for an unknown key, accounting or step, and where links are asked for without a schedule.
        """
        name, at = accounting or self.top, self._step(step)
        bill, total = self.comparison(name).snn, float(self.comparison(name).snn_pj[at - 1])
        pieces: list[Piece]
        match key:
            case "rung":
                pieces = [(rung, float(one.snn_pj[at - 1]), one.ann_pj) for rung, one in self._rungs(name).items()]
            case "node":
                pieces = [(one.name, one.snn_pj, one.ann_pj) for one in self.by("node", accounting=name, step=at)]
            case "core":
                pieces = by_core(bill, len(self.activity.program.cores.kind), at)
            case "step":
                pieces = [(f"T={t + 1}", float(pj), None) for t, pj in enumerate(bill.energy_pj()[:at])]
            case "link":
                pieces = by_link(self.timeline, self.additions.get("noc"))
            case _:
                raise InputError(f"energy cannot be split by {key!r}: use one of {', '.join(SPLITS)}")
        return tuple(Split(piece, snn, snn / total if total else 0.0, ann) for piece, snn, ann in pieces)

    def lines(
        self,
        *,
        node: str | None = None,
        core: int | None = None,
        step: int | None = None,
        through: int | None = None,
        accounting: str = "executed",
        side: str = "snn",
    ) -> tuple[Line, ...]:
        """The audit: every figure opened into op x count x pJ x source, narrowed to a node, a core or a step.

        `step` keeps what that step issued, `through` sums steps 1..through.
        `side` is "snn" or "ann" (which has neither cores nor steps).
        """
        return self._side(accounting, side).lines(node=node, core=core, step=step, through=through)

    def heaviest(
        self, count: int = 10, *, step: int | None = None, accounting: str | None = None, side: str = "snn"
    ) -> tuple[Line, ...]:
        """The `count` lines that cost most through `step`, cores summed, heaviest first; unpriced lines come before all.

        `accounting` is a rung (default: the highest that the report reaches).
        """
        through = self._step(step) if side == "snn" else 1
        lines = self._side(accounting or self.top, side).merged_over_cores().lines(through=through)
        return tuple(sorted(lines, key=lambda line: -np.inf if line.energy_pj is None else -line.energy_pj))[:count]

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """Operations that were issued and have no price, per node and role, SNN first, then ANN."""
        comparison = self.comparison(self.top)
        return tuple(
            line
            for bill in (comparison.snn, comparison.ann)
            for line in bill.merged_over_cores().lines()
            if line.price.pj is None
        )

    def ladder(self, *, step: int | None = None) -> tuple[Rung, ...]:
        """The energy ladder through `step` (default: all), SNN and ANN side by side; rungs in `missing` are left out."""
        return tuple(self.rung(name, step=step) for name in LADDER if name in self.comparisons)

    @cached_property
    def best(self) -> Best | None:
        """What each side costs with the token block that is best for it, searched when asked for; None without rung `memory`."""
        return None if self.find_best is None else self.find_best()

    def best_ladder(self, *, step: int | None = None) -> tuple[Rung, ...]:
        """The rungs from `memory` on with each side at its best: the token block that costs it least (see `best`)."""
        if self.best is None:
            return ()
        return tuple(self._rung(one, self._step(step)) for one in self._best_comparisons.values())

    @cached_property
    def _best_comparisons(self) -> dict[str, Comparison]:
        assert self.best is not None
        below, found = self.comparison("executed"), dict[str, Comparison]()
        for name, added in {**self.additions, "memory": self.best.memory}.items():
            found[name] = below = Comparison(name, added.title, *(joined(b) for b in zip(below.bills, added.bills, strict=True)))
        return found

    def efficiency(self, accounting: str, *, step: int | None = None) -> tuple[Efficiency, Efficiency]:
        """Power, images per joule and energy-delay product of SNN and ANN on one rung, each over its own scheduled time.

        The SNN through `step` (default: all), in a stream over that share of the interval. Raises InputError without a schedule,
        and where an operation is unpriced.
        """
        if self.performance is None or self.timeline is None:
            raise InputError("power and energy-delay products need a schedule: price(..., timeline=schedule(activity))")
        rung, area = self.rung(accounting, step=step), self.performance.area_mm2
        if rung.ratio is None:
            raise InputError(f"rung {accounting!r} has operations without a price: price them first")
        at, snn = self._step(step), self.performance.snn
        interval_s = None if snn.interval_s is None else snn.interval_s * at / self.steps
        latency_s = int(self.timeline.first_image_cycles[at - 1]) / (1e6 * self.timeline.clock_mhz)
        snn = replace(snn, latency_s=latency_s, interval_s=interval_s)
        return efficiency(rung.snn_pj, snn, area), efficiency(rung.ann_pj, self.performance.ann, area)

    def rung(self, accounting: str, *, step: int | None = None) -> Rung:
        """One accounting or rung through `step` (default: all)."""
        return self._rung(self.comparison(accounting), self._step(step))

    def _rung(self, comparison: Comparison, at: int) -> Rung:
        snn, ann = float(comparison.snn_pj[at - 1]), comparison.ann_pj
        if comparison.unpriced:
            return Rung(comparison.name, comparison.title, snn, ann, None, None)
        # Energy only accumulates, so the steps at which the SNN is below the ANN come first.
        cheaper = int(np.count_nonzero(comparison.snn_pj < ann))
        return Rung(comparison.name, comparison.title, snn, ann, float(comparison.ratios()[at - 1]), cheaper)

    @cached_property
    def cores(self) -> tuple[CoreUse, ...]:
        """What each core holds, issued and cost over the whole run, up to the highest rung."""
        seconds = None if self.timeline is None else 1e-3 * self.timeline.milliseconds(self.timeline.interval_cycles)
        executed, top = self.comparison("executed").snn, self.comparison(self.top)
        return core_use(self.activity.program, executed, top, self.chip, seconds)

    def line_rows(self) -> Iterator[tuple[Any, ...]]:
        """Every line of every accounting and of what each rung adds, under `LINE_COLUMNS`; no line stands twice."""
        origin = "executed" if self.activity.synthetic is None else "synthetic"
        return line_rows({**self.comparisons, **self.additions}, self.activity.program.graph.nodes, origin)

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `lines` (`line_rows`), `ladder`, `ratios` (accounting, step, ratio) or `cores`.

        Energies are in pJ per image, null where unpriced.
        """
        columns = _COLUMNS[choose(table, tuple(_COLUMNS), "an energy report")](self)
        graph, chip, activity = self.activity.program.graph, self.chip, self.activity
        about = {"graph": graph.name, "graph_digest": graph.digest, "chip": chip.name, "chip_digest": chip.digest}
        run = {"number_format": self.number_format, "images": activity.images, "synthetic": activity.synthetic}
        return arrow(columns, {**about, **run})

    def _side(self, accounting: str, side: str) -> Bill:
        comparison = self.comparison(accounting)
        if side not in ("snn", "ann"):
            raise InputError(f"side {side!r} is unknown: use 'snn' or 'ann'")
        return comparison.snn if side == "snn" else comparison.ann

    def _step(self, step: int | None) -> int:
        if step is None:
            return self.steps
        if not 1 <= step <= self.steps:
            raise InputError(f"step {step} was asked for, the run has steps 1..{self.steps}")
        return step

    def _rungs(self, accounting: str) -> dict[str, Comparison]:
        """What each rung adds, up to `accounting`; one that stands alone is its only piece."""
        if accounting not in self.additions:
            return {accounting: self.comparison(accounting)}
        added = {name: self.additions[name] for name in LADDER[: LADDER.index(accounting) + 1] if name in self.additions}
        return {"executed": self.comparison("executed"), **added}


def _lines(report: EnergyReport) -> dict[str, Any]:
    rows = list(report.line_rows())
    return {name: [row[at] for row in rows] for at, name in enumerate(LINE_COLUMNS)}


def _ladder(report: EnergyReport) -> dict[str, Any]:
    rungs = [asdict(rung) for rung in report.ladder()]
    return {known.name: [rung[known.name] for rung in rungs] for known in fields(Rung)}


def _ratios(report: EnergyReport) -> dict[str, Any]:
    comparisons, steps = report.comparisons, report.steps
    unpriced: list[float | None] = [None] * steps
    return {
        "accounting": [name for name in comparisons for _ in range(steps)],
        "step": np.tile(np.arange(1, steps + 1, dtype=np.int32), len(comparisons)),
        "snn_pj": np.concatenate([one.snn_pj for one in comparisons.values()]),
        "ann_pj": np.repeat([one.ann_pj for one in comparisons.values()], steps),
        "ratio": [ratio for one in comparisons.values() for ratio in (unpriced if one.unpriced else one.ratios().tolist())],
    }


def _cores(report: EnergyReport) -> dict[str, Any]:
    return {known.name: [getattr(core, known.name) for core in report.cores] for known in fields(CoreUse)}


_COLUMNS: dict[str, Callable[[EnergyReport], dict[str, Any]]] = {
    "lines": _lines,
    "ladder": _ladder,
    "ratios": _ratios,
    "cores": _cores,
}
