"""What the page says first: ratios, accuracy, whether it fits; and what it says last: prices, assumptions, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import LADDER, EnergyReport
from synaptile.energy.export import line_fields
from synaptile.energy.prices import Price
from synaptile.hwmodels import Chip, chip_document
from synaptile.hwmodels.figures import chip_figures, figure_text
from synaptile.hwmodels.show import PROPERTY
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.report.page.chip_view import shown_program
from synaptile.report.tables import accuracy_per_step


def overview_document(
    report: EnergyReport, labels: Sequence[int] | NDArray[np.integer] | None, *, ann_accuracy: float | None
) -> dict[str, Any]:
    """JSON-able: names, accountings per step, accuracy, fit, notes, prices and provenance. Energies in pJ an image."""
    activity, program = report.activity, shown_program(report)
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
        "reuse": report.reuse,
        "top": report.top,
        "rungs": [name for name in LADDER if name in report.comparisons],
        "additions": list(report.additions),
        "missing": dict(report.missing),
        "accountings": [_accounting(report, name) for name in report.comparisons],
        "accuracy": {
            "snn": None if labels is None else accuracy_per_step(activity, labels).tolist(),
            "ann": None if labels is None else ann_accuracy,
        },
        "fit": _fit(program),
        "unpriced": [line_fields(line) for line in report.unpriced],
        "notes": list(report.notes),
        "chip_figures": _chip_figures(report.chip),
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
        "cheaper_through": int(np.count_nonzero(comparison.snn_pj < comparison.ann_pj)) if priced else None,
    }


def _fit(program: CoreProgram) -> dict[str, Any]:
    """Cores in use and there, and the fullest core of every limit, most used limit first."""
    cores, chip, (columns, rows) = program.cores, program.chip, program.board
    slots = {CoreKind.SYNAPSE: chip.mesh.synapse_cores_per_tile, CoreKind.EC: chip.mesh.ec_cores_per_tile}
    kinds = [kind for kind in CoreKind if np.any(cores.kind == kind)]
    fullest = []
    for kind in kinds:
        own = np.flatnonzero(cores.kind == kind)
        for what, (used, limit) in core_limits(program, kind).items():
            at = int(own[np.argmax(used[own])])
            fullest.append({"kind": kind.name.lower(), "what": what, "core": at, "used": int(used[at]), "limit": limit})
    return {
        "board": [columns, rows],
        "tiles": columns * rows * chip.mesh.tiles,
        "kinds": [
            {
                "kind": kind.name.lower(),
                "used": int(np.count_nonzero(cores.kind == kind)),
                "there": columns * rows * chip.mesh.tiles * slots[kind],
            }
            for kind in kinds
        ],
        "fullest": sorted(fullest, key=lambda one: -one["used"] / one["limit"]),
    }


def core_limits(program: CoreProgram, kind: CoreKind) -> dict[str, tuple[NDArray[np.integer], int]]:
    """Limit -> what every core uses of it (shape (cores,); meant for cores of `kind`), and the limit of one core."""
    cores, chip = program.cores, program.chip
    if kind is CoreKind.EC:
        # The mapper never makes an EC core on a chip that has none.
        assert chip.ec_core is not None
        memory = cores.state_bits_used + cores.weight_bits_used
        return {
            "state memory": (memory, chip.ec_core.state_memory_bits),
            "neurons": (cores.neurons_used, chip.ec_core.max_neurons),
        }
    return {
        "weight memory": (cores.weight_bits_used, chip.synapse_core.weight_memory_bits),
        "state memory": (cores.state_bits_used, chip.synapse_core.state_memory_bits),
        "neurons": (cores.neurons_used, chip.synapse_core.max_neurons),
        "axons": (cores.axons_used, chip.synapse_core.max_axons),
    }


def _chip_figures(chip: Chip) -> list[list[str]]:
    """Rows of a figure's dotted name, its value and where it comes from."""
    return [[name, figure_text(value), chip.sources.get(name, PROPERTY)] for name, value in chip_figures(chip_document(chip))]


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
