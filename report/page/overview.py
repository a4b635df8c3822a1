"""What the page says first: ratios, accuracy, whether it fits; and what it says last: prices, assumptions, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import LADDER, EnergyReport
from synaptile.energy.levels import memory_levels
from synaptile.energy.prices import Price
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.report.energy_files import line_fields
from synaptile.report.equal import accuracy_per_step, agreement_per_step, equal_answers
from synaptile.report.page.chip_view import shown_program
from synaptile.report.views.chip import figure_rows
from synaptile.report.views.energy import cheaper_text
from synaptile.report.views.memory import blocks_lines, residency
from synaptile.report.views.power import power_tables
from synaptile.report.views.program import fullest


def overview_document(
    report: EnergyReport,
    labels: Sequence[int] | NDArray[np.integer] | None,
    *,
    ann_accuracy: float | None,
    ann_logits: NDArray[Any] | None,
) -> dict[str, Any]:
    """JSON-able: names, accountings per step, accuracy, fit, notes, prices and provenance. Energies in pJ per image."""
    activity, program = report.activity, shown_program(report)
    agreement = agreement_per_step(activity, ann_logits)
    return {
        "graph": {"name": program.graph.name, "digest": program.graph.digest, "nodes": len(program.graph.nodes)},
        "chip": {
            "name": report.chip.name,
            "description": report.chip.description,
            "digest": report.chip.digest,
            "lacks": list(report.chip.lacks),
            "mapped_to": activity.program.chip.name,
        },
        "numeric": activity.numeric,
        "number_format": report.number_format,
        "steps": report.steps,
        "images": activity.images,
        "synthetic": list(activity.synthetic_notes),
        "top": report.top,
        "rungs": [name for name in LADDER if name in report.comparisons],
        "additions": list(report.additions),
        "missing": dict(report.missing),
        "accountings": [_accounting(report, name) for name in report.comparisons],
        "memory": _memory(report),
        "power": _power(report),
        "ann_latency_ms": None if report.performance is None else 1e3 * report.performance.ann.latency_s,
        "accuracy": {
            "snn": None if labels is None else accuracy_per_step(activity, labels).tolist(),
            "ann": None if labels is None else ann_accuracy,
            "agreement": None if agreement is None else agreement.tolist(),
        },
        "equal": [asdict(one) for one in equal_answers(report, labels, ann_accuracy=ann_accuracy, ann_logits=ann_logits)],
        "fit": _fit(program),
        "unpriced": [line_fields(line) for line in report.unpriced],
        "notes": list(report.notes),
        "chip_figures": figure_rows(report.chip),
        "prices": _prices(report),
        "provenance": _flat(dict(activity.provenance)),
    }


def _accounting(report: EnergyReport, name: str) -> dict[str, Any]:
    comparison = report.comparison(name)
    priced = not comparison.unpriced and comparison.ann_pj > 0
    return {
        "name": name,
        "title": comparison.title,
        "ratio": comparison.ratios().tolist() if priced else None,
        "snn_pj": comparison.snn_pj.tolist(),
        "ann_pj": comparison.ann_pj,
        "cheaper": cheaper_text(report.rung(name)) if priced else "unpriced",
    }


def _power(report: EnergyReport) -> list[list[dict[str, Any]]] | None:
    """The tables of time and power, by step; None without a schedule."""
    if report.performance is None:
        return None
    steps = range(1, report.steps + 1)
    return [[asdict(sheet) for sheet in power_tables(report, step=step)] for step in steps]


def _memory(report: EnergyReport) -> dict[str, Any] | None:
    """Levels of memory and each side's best, at every step; None without a rung `memory`."""
    if report.best is None:
        return None
    steps = range(1, report.steps + 1)
    return {
        "levels": [[asdict(level) for level in memory_levels(report, step=step)] for step in steps],
        "best": [[asdict(rung) for rung in report.best_ladder(step=step)] for step in steps],
        "blocks": blocks_lines(report),
        "residency": residency(shown_program(report)),
    }


def _fit(program: CoreProgram) -> dict[str, Any]:
    """Cores in use and there, and the fullest core of every limit, most used limit first."""
    chip, (columns, rows) = program.chip, program.board
    tiles = columns * rows * chip.mesh.tiles
    limits = [
        {"kind": kind.name.lower(), "what": limit, "core": core, "used": used, "limit": size}
        for kind, limit, core, used, size in fullest(program)
    ]
    in_use = {kind: program.seats(kind) for kind in CoreKind}
    return {
        "board": [columns, rows],
        "tiles": tiles,
        "kinds": [
            {"kind": kind.name.lower(), "used": used, "there": tiles * cores_per_tile(chip, kind)}
            for kind, used in in_use.items()
            if used
        ],
        "fullest": sorted(limits, key=lambda one: -one["used"] / one["limit"]),
    }


def _prices(report: EnergyReport) -> list[dict[str, Any]]:
    """Prices by the accounting or rung that they belong to."""
    sets: dict[str, Mapping[str, Price]] = {"eq30, released": {op: report.published[op] for op in ("mac", "ac")}}
    sets |= {"executed": report.prices, **{name: added.snn.prices for name, added in report.additions.items()}}
    return [{"set": name, "op": op, **asdict(price)} for name, prices in sets.items() for op, price in prices.items()]


def _flat(value: object, prefix: str = "") -> list[list[str]]:
    """Nested provenance as rows of a dotted name and a text."""
    if isinstance(value, dict) and value:
        return [row for key, inner in value.items() for row in _flat(inner, f"{prefix}.{key}" if prefix else str(key))]
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else "-" if value is None else str(value)
    return [[prefix, text]]
