"""What a sweep found: points, the figures of each, which of them no other beats, and why others failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.shown import Shown
from synaptile.studies.journal import LINE

Better = Literal["low", "high"] | None
Scalar = bool | int | float | str | None


def _figure(title: str, unit: str = "", better: Better = None) -> Any:
    return field(default=None, metadata={"title": title, "unit": unit, "better": better})


def _energy(rung: str) -> Any:
    return _figure(f"energy up to rung {rung}", "pJ per image", "low")


def _ratio(name: str) -> Any:
    return _figure(f"SNN over ANN, {name}", "", "low")


@dataclass(frozen=True)
class PointFigures:
    """What was measured at a point, None where it is not known, in the order of the table. Indexed by name; no other is taken."""

    __pydantic_config__: ClassVar = LINE

    latency_ms: float | None = _figure("latency of an image", "ms", "low")
    latency_cycles: int | None = _figure("latency of an image", "cycles", "low")
    interval_ms: float | None = _figure("interval between images", "ms", "low")
    images_per_second: float | None = _figure("throughput", "images/s", "high")
    energy_eq30_pj: float | None = _energy("eq30")
    energy_executed_pj: float | None = _energy("executed")
    energy_memory_pj: float | None = _energy("memory")
    energy_noc_pj: float | None = _energy("noc")
    energy_static_pj: float | None = _energy("static")
    ratio_eq30: float | None = _ratio("eq30")
    ratio_released: float | None = _ratio("released")
    ratio_executed: float | None = _ratio("executed")
    ratio_memory: float | None = _ratio("memory")
    ratio_noc: float | None = _ratio("noc")
    ratio_static: float | None = _ratio("static")
    ratio_best: float | None = _figure("SNN over ANN, highest rung, each side at its best token block", "", "low")
    power_mw: float | None = _figure("energy static over interval, of one image alone over latency", "mW", "low")
    area_mm2: float | None = _figure("area of all dies", "mm2", "low")
    die_mm2: float | None = _figure("area of one die", "mm2", "low")
    chips: int | None = _figure("chips", "", "low")
    synapse_cores: int | None = _figure("synapse cores in use")
    ec_cores: int | None = _figure("EC cores in use")
    phases: int | None = _figure("phases", "", "low")
    dram_bytes: int | None = _figure("DRAM traffic of phases", "bytes per image", "low")
    accuracy: float | None = _figure("top-1 accuracy, 0..1", "", "high")
    agreement: float | None = _figure("top-1 agreement with the ANN, 0..1", "", "high")
    correlation: float | None = _figure("correlation of logits with the ANN's", "", "high")
    busiest_share: float | None = _figure("share of time the busiest unit works, 0..1")
    busiest: str | None = _figure("busiest unit")

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]


@dataclass(frozen=True)
class FigureColumn:
    """A figure as a column: `name` as in the table, `title` and `unit` for people, which end is `better` (None: neither)."""

    name: str
    title: str
    unit: str
    better: Better
    kind: Literal["float", "int", "text"]


_KINDS: dict[str, Literal["float", "int", "text"]] = {"float | None": "float", "int | None": "int", "str | None": "text"}
FIGURES: tuple[FigureColumn, ...] = tuple(
    FigureColumn(one.name, **one.metadata, kind=_KINDS[str(one.type)]) for one in fields(PointFigures)
)
"""Columns of `PointFigures`, in its order."""

BY_NAME: Mapping[str, FigureColumn] = {figure.name: figure for figure in FIGURES}
OBJECTIVES: tuple[str, ...] = tuple(figure.name for figure in FIGURES if figure.better is not None)
"""Figures that a study may optimise."""


@dataclass(frozen=True)
class PointRow:
    """One point: `labels` by axis and its `figures`, or `reason` and `message` of its failure.

    `execution` names the execution that it was evaluated on.
    """

    __pydantic_config__: ClassVar = LINE

    number: int
    labels: Mapping[str, Scalar]
    figures: PointFigures = PointFigures()
    execution: str = ""
    reason: str = ""
    message: str = ""

    def shortfalls(self, bounds: Mapping[str, float]) -> dict[str, float]:
        """By how much each figure misses its bound, negative within it; infinite where the figure is not known."""
        values = {name: self.figures[name] for name in bounds}
        signs = {name: -1.0 if BY_NAME[name].better == "high" else 1.0 for name in bounds}
        return {n: np.inf if (v := values[n]) is None else signs[n] * (float(v) - bound) for n, bound in bounds.items()}

    def within(self, bounds: Mapping[str, float]) -> bool:
        """Whether no figure misses its bound."""
        return all(shortfall <= 0 for shortfall in self.shortfalls(bounds).values())

    def has(self, names: Iterable[str]) -> bool:
        """Whether all of these figures are known."""
        return all(self.figures[name] is not None for name in names)

    @property
    def failed(self) -> bool:
        """Whether the point could not be evaluated."""
        return bool(self.reason)


@dataclass(frozen=True)
class Reason:
    """Why points failed: how many, the first of them and what it said."""

    reason: str
    count: int
    first: int
    message: str


@dataclass(frozen=True, repr=False)
class Sweep(Shown):
    """A sweep that is done, or as far as it got: `rows` by point number, `planned` points in all.

    Points out of `bounds` (least of figures that are better high, most of others) are on no front.

    `axes` are the names of what varied, `objectives` those of `FIGURES`; `facts` says what was swept, `notes` what a reader must
    know, `synthetic` where drawn spikes come from (None: executed). `executions` counts the runs that all points share.
    """

    name: str
    description: str
    axes: tuple[str, ...]
    objectives: tuple[str, ...]
    rows: tuple[PointRow, ...]
    planned: int
    executions: int
    facts: Mapping[str, str]
    notes: tuple[str, ...]
    settings: Mapping[str, Any]
    synthetic: str | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        points = f"{len(self.rows):,} of {self.planned:,} points, {self.failed:,} failed"
        return f"Sweep({self.name[:60]!r}: {points}, {len(self.front):,} on the front)"

    @cached_property
    def evaluated(self) -> tuple[PointRow, ...]:
        """Points that have figures."""
        return tuple(row for row in self.rows if not row.failed)

    @property
    def failed(self) -> int:
        """How many points could not be evaluated."""
        return len(self.rows) - len(self.evaluated)

    @cached_property
    def front(self) -> tuple[PointRow, ...]:
        """Points that no other beats in all objectives, sorted by the first; without those that lack a figure or miss a bound."""
        known = [row for row in self.evaluated if row.has(self.objectives) and row.within(self.bounds)]
        losses = self.losses(known)
        order = sorted(np.flatnonzero(pareto(losses)).tolist(), key=lambda at: (*losses[at].tolist(), known[at].number))
        return tuple(known[at] for at in order)

    @cached_property
    def on_front(self) -> frozenset[int]:
        """Numbers of the points on the front."""
        return frozenset(row.number for row in self.front)

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """Failures counted by reason, the most frequent first."""
        by_reason: dict[str, list[PointRow]] = {}
        for row in self.rows:
            if row.failed:
                by_reason.setdefault(row.reason, []).append(row)
        counted = [Reason(reason, len(rows), rows[0].number, rows[0].message) for reason, rows in by_reason.items()]
        return tuple(sorted(counted, key=lambda one: (-one.count, one.first)))

    def losses(self, rows: Sequence[PointRow]) -> NDArray[np.float64]:
        """Objectives of some rows as losses, less being better, shape (rows, objectives)."""
        signs = [-1.0 if BY_NAME[name].better == "high" else 1.0 for name in self.objectives]
        values = [[sign * float(row.figures[name]) for sign, name in zip(signs, self.objectives, strict=True)] for row in rows]
        return np.array(values, np.float64).reshape(len(rows), len(self.objectives))


def pareto(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows no other beats: none is as low everywhere and lower somewhere. Equal rows stay together."""
    kept = np.zeros(len(losses), np.bool_)
    front = np.zeros((0, losses.shape[1]))
    for at in np.lexsort(losses.T[::-1]).tolist():
        # What could beat this row has come before it, in the order of the first objective, then of the next.
        no_higher = front[(front <= losses[at]).all(axis=1)]
        if not (no_higher < losses[at]).any():
            kept[at] = True
            front = np.vstack([front, losses[at]])
    return kept
