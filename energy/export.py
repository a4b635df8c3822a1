"""An EnergyReport as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from synaptile.energy.bill import CHIP, Bill, Line
from synaptile.energy.energy_report import EnergyReport
from synaptile.energy.groups import KEYS
from synaptile.energy.prices import Price

FORMAT_VERSION = 1
"""Version of the JSON layout."""

CSV_COLUMNS = (
    "side",
    "accounting",
    "node",
    "kind",
    "layer",
    "role",
    "op",
    "step",
    "count",
    "images",
    "pj_per_op",
    "energy_pj_per_image",
    "source",
    "activity",
)
"""Columns of the CSV; `activity` says whether spikes were executed or synthetic.

ANN lines leave `step` empty, unpriced lines leave `pj_per_op` and `energy_pj_per_image` empty."""


def to_json(report: EnergyReport) -> str:
    """All figures as JSON text; energies in pJ an image, steps cumulative, unpriced figures null."""
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
        "reuse": report.reuse,
        "accountings": {name: _accounting(report, name) for name in report.comparisons},
        "ladder": [asdict(rung) for rung in report.ladder()],
        "missing_rungs": dict(report.missing),
        "split": {key: [asdict(piece) for piece in report.split(key)] for key in _splits(report)},
        "heaviest": [line_fields(line) for line in report.heaviest()],
        "unpriced": [line_fields(line) for line in report.unpriced],
        "cores": [asdict(core) for core in report.cores],
        "prices": _prices(report.prices),
        "published_prices": _prices({op: report.published[op] for op in ("mac", "ac")}),
        "rung_prices": {name: _prices(added.snn.prices) for name, added in report.additions.items()},
        "provenance": dict(activity.provenance),
    }
    return json.dumps(document, indent=2, allow_nan=False, default=str) + "\n"


def to_csv(report: EnergyReport) -> str:
    """CSV text: per accounting, SNN lines a (node, role, op, step), cores summed, then ANN lines a (node, role, op).

    Rungs above `executed` list what they add to the rung below, so that no line stands twice.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in csv_rows(report):
        writer.writerow(["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row])
    return text.getvalue()


def csv_rows(report: EnergyReport) -> Iterator[tuple[Any, ...]]:
    """The rows of the CSV under `CSV_COLUMNS`, None where a cell stays empty."""
    nodes = report.activity.program.graph.nodes
    origin = "executed" if report.activity.synthetic is None else "synthetic"
    for accounting, comparison in ({**report.comparisons, **report.additions}).items():
        for side, bill in (("snn", comparison.snn), ("ann", comparison.ann)):
            for line in _lines(side, bill.merged_over_cores()):
                node = nodes.get(line.node)
                yield (
                    side,
                    accounting,
                    line.node,
                    CHIP if node is None else KEYS["kind"](node),
                    CHIP if node is None else KEYS["layer"](node),
                    line.role,
                    line.op,
                    line.step,
                    line.count,
                    line.images,
                    line.price.pj,
                    line.energy_pj,
                    line.price.source,
                    origin,
                )


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


def _lines(side: str, bill: Bill) -> Iterable[Line]:
    if side == "ann":
        return bill.lines()
    return (line for step in range(1, bill.steps + 1) for line in bill.lines(step=step))


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
        **{f"by_{key}": [asdict(group) for group in report.by(key, accounting=name)] for key in KEYS},
    }


def _splits(report: EnergyReport) -> Iterable[str]:
    """Ways to split the top rung that this report can answer; nodes stand in every accounting already."""
    links = report.timeline is not None and "noc" in report.additions
    return ("rung", "core", "step", "link") if links else ("rung", "core", "step")


def _ops(bill: Bill) -> dict[str, int]:
    return {op: int(count) for op, count in zip(bill.ops, bill.op_counts(), strict=True) if np.any(count)}


def _prices(prices: Mapping[str, Price]) -> dict[str, Any]:
    return {op: asdict(price) for op, price in prices.items()}
