"""Where the SNN's energy goes: by rung, node, core, step or link. Pieces sum to the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synaptile.energy.accountings import LADDER
from synaptile.energy.bill import NO_CORE, Bill
from synaptile.energy.energy_report import EnergyReport
from synaptile.energy.flits import link_energy
from synaptile.foundation.errors import InputError

SPLITS = ("rung", "node", "core", "step", "link")
"""What a total can be split by."""


@dataclass(frozen=True)
class Split:
    """One piece in pJ an image; `share` is its part of the SNN's total, `ann_pj` the ANN's piece, None where it has none."""

    name: str
    snn_pj: float
    share: float
    ann_pj: float | None = None


def split(report: EnergyReport, key: str, accounting: str, step: int) -> tuple[Split, ...]:
    """`EnergyReport.split`: pieces of one accounting through `step`, in their own order."""
    comparison = report.comparison(accounting)
    bill, total = comparison.snn, float(comparison.snn_pj[step - 1])
    match key:
        case "rung":
            pieces = _rungs(report, accounting, step)
        case "node":
            pieces = [(g.name, g.snn_pj, g.ann_pj) for g in report.by("node", accounting=accounting, step=step)]
        case "core":
            pieces = _cores(bill, len(report.activity.program.cores.kind), step)
        case "step":
            pieces = [(f"T={t + 1}", float(pj), None) for t, pj in enumerate(bill.energy_pj()[:step])]
        case "link":
            pieces = _links(report)
        case _:
            raise InputError(f"energy cannot be split by {key!r}: use one of {', '.join(SPLITS)}")
    return tuple(Split(name, snn, snn / total if total else 0.0, ann) for name, snn, ann in pieces)


def _rungs(report: EnergyReport, accounting: str, step: int) -> list[tuple[str, float, float | None]]:
    """What each rung adds, up to `accounting`; one that stands alone is its only piece."""
    if accounting not in report.additions:
        names = [accounting]
    else:
        names = ["executed", *(name for name in LADDER if name in report.additions)]
        names = names[: names.index(accounting) + 1]
    chosen = [report.additions.get(name, report.comparison(name)) for name in names]
    return [(name, float(c.snn_pj[step - 1]), c.ann_pj) for name, c in zip(names, chosen, strict=True)]


def _cores(bill: Bill, cores: int, step: int) -> list[tuple[str, float, float | None]]:
    """Energy of each core; what no core answers for (routers, idle cores, pixels) last."""
    group = np.where(bill.core == NO_CORE, cores, bill.core).astype(np.int32)
    energy = bill.energy_by(group, cores + 1)[:, :step].sum(axis=1)
    names = [*(str(core) for core in range(cores)), "no core in use"]
    return [(name, float(pj), None) for name, pj in zip(names, energy, strict=True) if pj]


def _links(report: EnergyReport) -> list[tuple[str, float, float | None]]:
    if report.timeline is None or "noc" not in report.additions:
        raise InputError("energy a link needs a schedule: price(activity, chip, timeline=schedule(activity, chip))")
    prices = report.additions["noc"].snn.prices
    pj = {op: price.pj or 0.0 for op, price in prices.items()}
    return [(name, energy, None) for name, energy in link_energy(report.timeline, pj).items()]
