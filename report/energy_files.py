"""The files of a priced run: all figures as JSON, every line as CSV, the main tables as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from synaptile.energy import Bill, EnergyReport, Line, Price
from synaptile.energy.breakdown import KEYS, LINE_COLUMNS
from synaptile.energy.levels import memory_levels
from synaptile.foundation.files import write_text
from synaptile.foundation.json_text import indented
from synaptile.report.equal import Equal
from synaptile.report.render.markdown import markdown
from synaptile.report.views.run import energy_document

FORMAT_VERSION = 1
"""Version of the JSON layout."""


def write_report(report: EnergyReport, directory: str | Path, equals: Sequence[Equal] = ()) -> tuple[Path, ...]:
    """Write energy.json, energy.csv and energy.md into `directory`, each atomically. Returns their paths.

    `equals` are at which step the SNN answers as well as the ANN (`equal_answers`).
    """
    folder = Path(directory)
    texts = {"json": report_json(report, equals), "csv": report_csv(report), "md": markdown(energy_document(report, equals))}
    for suffix, text in texts.items():
        write_text(folder / f"energy.{suffix}", text)
    return tuple(folder / f"energy.{suffix}" for suffix in texts)


def report_json(report: EnergyReport, equals: Sequence[Equal] = ()) -> str:
    """All figures as JSON text; energies in pJ per image, steps cumulative, unpriced figures null."""
    activity, program = report.activity, report.activity.program
    document = {
        "format": "synaptile energy report",
        "version": FORMAT_VERSION,
        "graph": {"name": program.graph.name, "digest": program.graph.digest},
        "chip": {"name": report.chip.name, "digest": report.chip.digest},
        "mapped_to": {"name": program.chip.name, "digest": program.chip.digest},
        "numeric": activity.numeric,
        "number_format": report.number_format,
        "steps": report.steps,
        "images": activity.images,
        "synthetic": activity.synthetic,
        "notes": list(report.notes),
        "accountings": {name: _accounting(report, name) for name in report.comparisons},
        "ladder": [asdict(rung) for rung in report.ladder()],
        "each_sides_best": _best(report),
        "memory_levels": [asdict(level) for level in memory_levels(report)],
        "performance": _performance(report),
        "missing_rungs": dict(report.missing),
        "equal_answers": [asdict(one) for one in equals],
        "split": {key: [vars(piece) for piece in report.split(key)] for key in _split_keys(report)},
        "heaviest": [line_fields(line) for line in report.heaviest()],
        "unpriced": [line_fields(line) for line in report.unpriced],
        "cores": [vars(core) for core in report.cores],  # flat, and of a large network many, as pieces and groups
        "prices": _prices(report.prices),
        "published_prices": _prices({op: report.published[op] for op in ("mac", "ac")}),
        "rung_prices": {name: _prices(added.snn.prices) for name, added in report.additions.items()},
        "provenance": dict(activity.provenance),
    }
    return indented(document) + "\n"


def report_csv(report: EnergyReport) -> str:
    """CSV text: per accounting, SNN lines per (node, role, op, step), cores summed, then ANN lines per (node, role, op).

    Rungs above `executed` list what they add to the rung below, so that no line stands twice.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LINE_COLUMNS)
    for row in report.line_rows():
        writer.writerow(["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row])
    return text.getvalue()


def line_fields(line: Line) -> dict[str, Any]:
    """A line as JSON-able fields: count x pj_per_op / images = energy_pj."""
    return {
        "core": line.core,
        "node": line.node,
        "role": line.role,
        "op": line.op,
        "step": line.step,
        "count": line.count,
        "images": line.images,
        "pj_per_op": line.price.pj,
        "energy_pj": line.energy_pj,
        "source": line.price.source,
        "expansion": [asdict(term) for term in line.price.expansion],
    }


def _accounting(report: EnergyReport, name: str) -> dict[str, Any]:
    comparison = report.comparison(name)
    ratios = None if comparison.unpriced else comparison.ratios().tolist()
    return {
        "title": comparison.title,
        "ratio": ratios,
        "snn_pj": comparison.snn_pj.tolist(),
        "ann_pj": comparison.ann_pj,
        "snn_ops": _ops(comparison.snn),
        "ann_ops": _ops(comparison.ann),
        **{f"by_{key}": [vars(group) for group in report.by(key, accounting=name)] for key in KEYS},
    }


def _best(report: EnergyReport) -> dict[str, Any] | None:
    """Ladder and token blocks of each side's best."""
    if report.best is None:
        return None
    choices = [
        {**asdict(choice), "tried": {str(block): pj for block, pj in choice.tried.items()}} for choice in report.best.choices
    ]
    return {"ladder": [asdict(rung) for rung in report.best_ladder()], "token_blocks": choices, "notes": list(report.best.notes)}


def _performance(report: EnergyReport) -> dict[str, Any] | None:
    """Time of both sides in s, area in mm2, and per rung power in W, W/mm2, images per joule and energy-delay product in Js."""
    if report.performance is None:
        return None
    priced = [rung.name for rung in report.ladder() if rung.ratio is not None]
    rungs = {name: dict(zip(("snn", "ann"), map(asdict, report.efficiency(name)), strict=True)) for name in priced}
    return {**asdict(report.performance), "rungs": rungs}


def _split_keys(report: EnergyReport) -> Iterable[str]:
    """Ways to split the top rung that this report can answer; nodes stand in every accounting already."""
    links = report.timeline is not None and "noc" in report.additions
    return ("rung", "core", "step", "link") if links else ("rung", "core", "step")


def _ops(bill: Bill) -> dict[str, int]:
    return {op: int(count) for op, count in zip(bill.ops, bill.op_counts(), strict=True) if np.any(count)}


def _prices(prices: Mapping[str, Price]) -> dict[str, Any]:
    return {op: asdict(price) for op, price in prices.items()}
