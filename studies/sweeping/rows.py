"""What a sweep found: points, the figures of each, which of them no other beats, and why others failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import LADDER

Better = Literal["low", "high"] | None
Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Figure:
    """A column of a sweep: `name` as in the table, `title` and `unit` for people, which end is `better` (None: neither)."""

    name: str
    title: str
    unit: str
    better: Better = None
    kind: Literal["float", "int", "text"] = "float"


def _energy() -> tuple[Figure, ...]:
    return tuple(Figure(f"energy_{rung}_pj", f"energy up to rung {rung}", "pJ an image", "low") for rung in LADDER)


def _ratios() -> tuple[Figure, ...]:
    names = ("eq30", "released", *LADDER[1:])
    return tuple(Figure(f"ratio_{name}", f"SNN over ANN, {name}", "", "low") for name in names)


FIGURES: tuple[Figure, ...] = (
    Figure("latency_ms", "latency of an image", "ms", "low"),
    Figure("latency_cycles", "latency of an image", "cycles", "low", "int"),
    Figure("interval_ms", "interval between images", "ms", "low"),
    Figure("images_per_second", "throughput", "images/s", "high"),
    *_energy(),
    *_ratios(),
    Figure("power_mw", "energy static over interval", "mW", "low"),
    Figure("area_mm2", "area of all dies", "mm2", "low"),
    Figure("die_mm2", "area of one die", "mm2", "low"),
    Figure("chips", "chips", "", "low", "int"),
    Figure("synapse_cores", "synapse cores in use", "", None, "int"),
    Figure("ec_cores", "EC cores in use", "", None, "int"),
    Figure("accuracy", "top-1 accuracy, 0..1", "", "high"),
    Figure("agreement", "top-1 agreement with the ANN, 0..1", "", "high"),
    Figure("correlation", "correlation of logits with the ANN's", "", "high"),
    Figure("busiest_share", "share of time the busiest unit works, 0..1", ""),
    Figure("busiest", "busiest unit", "", None, "text"),
)
"""Columns of a point that was evaluated, in the order of the table."""

BY_NAME: Mapping[str, Figure] = {figure.name: figure for figure in FIGURES}
OBJECTIVES: tuple[str, ...] = tuple(figure.name for figure in FIGURES if figure.better is not None)
"""Figures that a study may optimise."""


@dataclass(frozen=True)
class PointRow:
    """One point: `labels` by axis, `figures` by name (None where not known), or `reason` and `message` of its failure.

    `execution` names the execution that it was evaluated on.
    """

    number: int
    labels: Mapping[str, Scalar]
    figures: Mapping[str, Any]
    execution: str = ""
    reason: str = ""
    message: str = ""

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


@dataclass(frozen=True)
class Sweep:
    """A sweep that is done, or as far as it got: `rows` by point number, `planned` points in all.

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

    @cached_property
    def evaluated(self) -> tuple[PointRow, ...]:
        """Points that have figures."""
        return tuple(row for row in self.rows if not row.failed)

    @cached_property
    def front(self) -> tuple[PointRow, ...]:
        """Points that no other beats in all objectives, sorted by the first objective; those that lack a figure are left out."""
        known = [row for row in self.evaluated if all(row.figures.get(name) is not None for name in self.objectives)]
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
        found: dict[str, list[PointRow]] = {}
        for row in self.rows:
            if row.failed:
                found.setdefault(row.reason, []).append(row)
        counted = [Reason(reason, len(rows), rows[0].number, rows[0].message) for reason, rows in found.items()]
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
