"""Two runs or two chips side by side: what changed, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.shown import Shown
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind
from synaptile.report.equal import accuracy_per_step
from synaptile.report.numbers import energy_text, figure_text, percent
from synaptile.report.views.document import Sheet
from synaptile.simulator.schedule.timeline import Timeline

MOST_GROUPS = 20
"""Kinds of nodes that a comparison lists."""


@dataclass(frozen=True)
class Change:
    """One figure of both sides as text; `factor` is B over A where both are numbers and A is not 0.

    `points` is B - A in hundredths, for figures that are shares themselves.
    """

    what: str
    a: str
    b: str
    factor: float | None = None
    points: float | None = None

    @property
    def text(self) -> str:
        """The change: a percentage up to a doubling or so, a factor beyond."""
        if self.points is not None:
            return f"{self.points:+.2f} points" if self.points else "same"
        if self.factor is None:
            return "" if self.a == self.b else "differs"
        if isclose(self.factor, 1.0, rel_tol=1e-9):  # sums in another order
            return "same"
        if abs(self.factor - 1) < 0.0005:
            return "< 0.1 %"
        return f"{100 * (self.factor - 1):+.1f} %" if 0.2 < self.factor < 5 else f"x {self.factor:.3g}"


@dataclass(frozen=True, repr=False)
class Changes(Shown):
    """Changes under one title; `note` says what the reader must know."""

    title: str
    changes: tuple[Change, ...]
    note: str = ""


@dataclass(frozen=True)
class Side:
    """One run to compare: its bill, its labels if known, and the original network's accuracy."""

    report: EnergyReport
    labels: Sequence[int] | NDArray[np.integer] | None = None
    ann_accuracy: float | None = None


def compare_runs(a: Side, b: Side) -> tuple[Changes, ...]:
    """What two runs were, what came out at the last step that both have, energy by kind of node, and figures of their chips."""
    step = min(a.report.steps, b.report.steps)
    parts = [_setting(a.report, b.report), _outcome(a, b, step), _cores(a.report, b.report), *_cycles(a.report, b.report)]
    parts.append(_by_kind(a.report, b.report, step))
    if a.report.chip.digest != b.report.chip.digest:
        parts += compare_chips(a.report.chip, b.report.chip)
    return tuple(part for part in parts if part.changes or (part is parts[0] and _marked(a.report, b.report)))


def compare_chips(a: Chip, b: Chip) -> tuple[Changes, ...]:
    """The figures in which two chips differ, and how many are equal."""
    figures = [{name: value for name, value, _ in chip.figures()} for chip in (a, b)]
    names = list(dict.fromkeys([*figures[0], *figures[1]]))
    found = [_figure(name, figures[0].get(name), figures[1].get(name)) for name in names]
    changed = tuple(change for change in found if change.a != change.b)
    equal = len(found) - len(changed)
    return (
        Changes(
            f"Figures in which {b.name} (B) differs from {a.name} (A)", changed, f"{equal} of {len(found)} figures are equal."
        ),
    )


def changes_table(part: Changes) -> Sheet:
    """One part of a comparison."""
    rows = tuple((change.what, change.a, change.b, change.text) for change in part.changes)
    return Sheet(part.title, ("", "A", "B", "B against A"), rows, prose=("A", "B"), caption=part.note)


def _figure(name: str, a: object, b: object) -> Change:
    texts = ["-" if value is None else figure_text(value) for value in (a, b)]
    numbers = [value for value in (a, b) if isinstance(value, int | float) and not isinstance(value, bool)]
    factor = numbers[1] / numbers[0] if len(numbers) == 2 and numbers[0] else None
    return Change(name, texts[0], texts[1], factor)


def _number(what: str, a: float | None, b: float | None, text: Callable[[float], str]) -> Change:
    factor = b / a if a and b is not None else None
    return Change(what, "-" if a is None else text(a), "-" if b is None else text(b), factor)


def _setting(a: EnergyReport, b: EnergyReport) -> Changes:
    both = [_setting_of(report) for report in (a, b)]
    changes = (Change(name, both[0].get(name, "-"), both[1].get(name, "-")) for name in dict.fromkeys([*both[0], *both[1]]))
    note = f"Equal settings are left out.{_marked(a, b)}"
    return Changes("What was run", tuple(change for change in changes if change.a != change.b), note)


def _marked(a: EnergyReport, b: EnergyReport) -> str:
    sides = [name for name, report in (("A", a), ("B", b)) if report.activity.synthetic is not None]
    return f" SYNTHETIC ACTIVITY in {' and '.join(sides)}: drawn from rates, nothing executed." if sides else ""


def _setting_of(report: EnergyReport) -> dict[str, str]:
    activity = report.activity
    settings = {
        "graph": activity.program.graph.name,
        "graph digest": activity.program.graph.digest[:12],
        "chip": report.chip.name,
        "chip digest": report.chip.digest[:12],
        "mapped to": activity.program.chip.name,
        "steps": f"{report.steps}",
        "images": f"{activity.images:,}",
        "numeric": activity.numeric,
        "activity": "executed" if activity.synthetic is None else f"SYNTHETIC, {activity.synthetic}",
        "billed at": report.number_format,
    }
    return settings | {f"mapping: {name}": str(value) for name, value in activity.program.options.items()}


def _outcome(a: Side, b: Side, step: int) -> Changes:
    accuracy = [_accuracy(side, step) for side in (a, b)]
    changes = [
        _share("accuracy", accuracy[0], accuracy[1]),
        _share("accuracy of the ANN", a.ann_accuracy, b.ann_accuracy),
    ]
    shared = [name for name in a.report.comparisons if name in b.report.comparisons]
    for name in shared:
        ratios = [_ratio(side.report, name, step) for side in (a, b)]
        changes.append(_number(f"ratio {name}", ratios[0], ratios[1], lambda value: f"{value:.4f}"))
    for name in shared:
        pair = [side.report.comparison(name) for side in (a, b)]
        snn = [float(comparison.snn_pj[step - 1]) for comparison in pair]
        changes.append(_number(f"SNN energy {name}", snn[0], snn[1], energy_text))
        changes.append(_number(f"ANN energy {name}", pair[0].ann_pj, pair[1].ann_pj, energy_text))
    return Changes(f"After {step} steps, per image", tuple(change for change in changes if (change.a, change.b) != ("-", "-")))


def _accuracy(side: Side, step: int) -> float | None:
    return None if side.labels is None else float(accuracy_per_step(side.report.activity, side.labels)[step - 1])


def _ratio(report: EnergyReport, name: str, step: int) -> float | None:
    return None if report.comparison(name).unpriced else report.ratio(name, step=step)


def _cores(a: EnergyReport, b: EnergyReport) -> Changes:
    both = [_cores_of(report) for report in (a, b)]
    return Changes("Cores", tuple(_number(name, both[0][name], both[1][name], _amount) for name in both[0]))


def _cores_of(report: EnergyReport) -> Mapping[str, float]:
    program = report.activity.program
    cores = program.cores
    return {
        **{f"{kind.name.lower()} cores": float((cores.kind == kind).sum()) for kind in CoreKind},
        "chips": float(program.board[0] * program.board[1]),
        "weights, MiB": float(cores.weight_bits_used.sum()) / 2**23,
        "state, MiB": float(cores.state_bits_used.sum()) / 2**23,
        "weighted hops per step": program.placement.weighted_hops,
    }


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value.is_integer() else f"{value:,.2f}"


def _cycles(a: EnergyReport, b: EnergyReport) -> tuple[Changes, ...]:
    if a.timeline is None or b.timeline is None:
        return ()
    pair = (a.timeline, b.timeline)
    latency = [t.milliseconds(t.latency_cycles) for t in pair]
    rates = (pair[0].images_per_second, pair[1].images_per_second)
    busy = [float(t.cores.busy.mean()) / max(t.makespan_cycles, 1) for t in pair]
    return (
        Changes(
            "Cycles",
            (
                _number("latency, all steps", latency[0], latency[1], lambda value: f"{value:.3f} ms"),
                _number("throughput, images/s", *rates, lambda value: f"{value:,.1f}"),
                _share("cores busy, mean", busy[0], busy[1]),
                Change("busiest", _busiest(pair[0]), _busiest(pair[1])),
            ),
        ),
    )


def _by_kind(a: EnergyReport, b: EnergyReport, step: int) -> Changes:
    top = [name for name in a.comparisons if name in b.comparisons][-1]
    both = [{group.name: group.snn_pj for group in report.by("kind", accounting=top, step=step)} for report in (a, b)]
    names = sorted(dict.fromkeys([*both[0], *both[1]]), key=lambda name: -abs(both[1].get(name, 0.0) - both[0].get(name, 0.0)))
    changes = tuple(_number(name, both[0].get(name, 0.0), both[1].get(name, 0.0), energy_text) for name in names[:MOST_GROUPS])
    return Changes(f"SNN energy by kind of node, rung {top}, the largest change first", changes)


def _busiest(timeline: Timeline) -> str:
    return f"{timeline.bottleneck.name}, {percent(timeline.bottleneck.share)}"


def _share(what: str, a: float | None, b: float | None) -> Change:
    texts = ["-" if value is None else f"{100 * value:.2f} %" for value in (a, b)]
    return Change(what, texts[0], texts[1], points=None if a is None or b is None else 100 * (b - a))
