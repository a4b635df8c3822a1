"""EnergyReport and BreakEven as a notebook shows them, and as tables."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from synaptile.energy.break_even import CAUTION, BreakEven
from synaptile.energy.energy_report import EnergyReport, Rung
from synaptile.energy.units import energy_text, ratio_text, share_text
from synaptile.foundation.html import card, facts, folded, grid, notes, prose, warning
from synaptile.foundation.tables import arrow, choose
from synaptile.simulator.show import marked

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("lines", "ladder", "ratios", "cores")


def report_html(report: EnergyReport) -> str:
    """The ladder, ratios a step, the heaviest lines opened, what is unpriced, and what to know."""
    program = report.activity.program
    ladder = [
        (
            rung.name,
            rung.title,
            energy_text(rung.snn_pj),
            energy_text(rung.ann_pj),
            ratio_text(rung.ratio) if rung.ratio is not None else "unpriced",
            _cheaper(rung),
        )
        for rung in report.ladder()
    ]
    steps = [f"T={step}" for step in range(1, report.steps + 1)]
    ratios = [(name, *(ratio_text(ratio) for ratio in one.ratios())) for name, one in _priced(report).items()]
    heaviest = [
        (
            line.node,
            line.role,
            line.op,
            line.price.source,
            f"{line.count / line.images:,.0f}",
            "unpriced" if line.price.pj is None else f"{line.price.pj:g}",
            "unpriced" if line.energy_pj is None else energy_text(line.energy_pj),
        )
        for line in report.heaviest(10)
    ]
    header = ("node", "role", "op", "where the price comes from", "count an image", "x pJ", "= energy")
    unpriced = ", ".join(dict.fromkeys(line.op for line in report.unpriced))
    return card(
        f"Energy of {program.graph.name} on {report.chip.name}, {report.number_format}, an image, {report.steps} steps",
        warning(marked(report.activity)),
        warning(f"UNPRICED, in no total: {unpriced}" if unpriced else None),
        grid(("rung", "what counts", "SNN", "ANN", "SNN / ANN", "SNN cheaper"), ladder, left=2),
        notes(f"{name}: {why}" for name, why in report.missing.items()),
        folded("SNN / ANN at each step", grid(("accounting", *steps), ratios)),
        folded("the ten heaviest lines, opened", grid(header, heaviest, left=4)),
        folded("what to know about these figures", notes(report.notes)),
    )


def report_arrow(report: EnergyReport, table: str | None = None) -> pa.Table:
    """One of `TABLES`; energies in pJ an image, null where unpriced."""
    chosen = choose(table, TABLES, "an energy report")
    graph = report.activity.program.graph
    about = {"graph": graph.name, "graph_digest": graph.digest, "chip": report.chip.name, "chip_digest": report.chip.digest}
    return arrow(
        _COLUMNS[chosen](report),
        {
            **about,
            "number_format": report.number_format,
            "images": report.activity.images,
            "synthetic": report.activity.synthetic,
        },
    )


def _lines(report: EnergyReport) -> dict[str, Any]:
    from synaptile.energy.export import CSV_COLUMNS, csv_rows

    rows = list(csv_rows(report))
    return {name: [row[at] for row in rows] for at, name in enumerate(CSV_COLUMNS)}


def _ladder(report: EnergyReport) -> dict[str, Any]:
    rungs = [asdict(rung) for rung in report.ladder()]
    return {field.name: [rung[field.name] for rung in rungs] for field in fields(Rung)}


def _ratios(report: EnergyReport) -> dict[str, Any]:
    names = list(report.comparisons)
    priced = _priced(report)
    return {
        "accounting": [name for name in names for _ in range(report.steps)],
        "step": np.tile(np.arange(1, report.steps + 1, dtype=np.int32), len(names)),
        "snn_pj": np.concatenate([report.comparisons[name].snn_pj for name in names]),
        "ann_pj": np.repeat([report.comparisons[name].ann_pj for name in names], report.steps),
        "ratio": [
            ratio for name in names for ratio in (priced[name].ratios().tolist() if name in priced else _NONE * report.steps)
        ],
    }


def _cores(report: EnergyReport) -> dict[str, Any]:
    cores = [asdict(core) for core in report.cores]
    return {name: [core[name] for core in cores] for name in cores[0]}


_NONE: list[float | None] = [None]
_COLUMNS = {"lines": _lines, "ladder": _ladder, "ratios": _ratios, "cores": _cores}


def _priced(report: EnergyReport) -> dict[str, Any]:
    return {name: one for name, one in report.comparisons.items() if not one.unpriced}


def _cheaper(rung: Rung) -> str:
    return "unpriced" if rung.cheaper_through is None else f"to T={rung.cheaper_through}" if rung.cheaper_through else "never"


def break_even_html(found: BreakEven) -> str:
    """The rate at which SNN and ANN cost the same, for every reuse; the caution that belongs to it."""
    lines = [
        ("this run fires at", f"{share_text(found.measured_rate)} of neurons a step"),
        ("and stands at", f"{ratio_text(found.measured_ratio)} SNN / ANN"),
    ]
    shown = np.unique(np.linspace(0, len(found.rates) - 1, min(8, len(found.rates))).round().astype(int))
    rows = [
        (f"{reuse:,}", *(ratio_text(float(ratios[at])) for at in shown), _even(found, float(even)))
        for reuse, ratios, even in zip(found.reuses.tolist(), found.ratio, found.rate_at_one, strict=True)
    ]
    header = ("tokens a weight row", *(share_text(float(found.rates[at])) for at in shown), "even at")
    title = f"Break-even after {found.step} steps, rung {found.rung}: SNN / ANN over spikes a neuron and step"
    return card(title, facts(lines), grid(header, rows), prose(CAUTION))


def break_even_arrow(found: BreakEven, table: str | None = None) -> pa.Table:
    """Table `ratios`: reuse, rate, ratio."""
    choose(table, ("ratios",), "a break-even")
    reuses, rates = found.ratio.shape
    columns = {"reuse": np.repeat(found.reuses, rates), "rate": np.tile(found.rates, reuses), "ratio": found.ratio.reshape(-1)}
    return arrow(columns, {"rung": found.rung, "step": found.step, "measured_rate": found.measured_rate})


def _even(found: BreakEven, rate: float) -> str:
    return "never" if rate <= 0 else "always" if rate >= found.highest_rate else share_text(rate)
