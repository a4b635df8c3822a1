"""chip_document: a Chip as plain nested data, to be stored beside what was mapped onto it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from synaptile.hwmodels.chip import Chip

ASSUMED = "assumed: "
FLAGS = frozenset({"memory_in_ac"})
"""Properties that a chip file gives only where they hold."""


def chip_document(chip: Chip) -> dict[str, Any]:
    """A nested dictionary laid out like a chip file, every figure with its origin: JSON and YAML can hold it.

    `load.chip_from_document` gives back an equal `Chip`.
    """
    figures = asdict(chip)
    del figures["sources"], figures["digest"]
    if chip.weights == "resident":
        del figures["weights"]
    document = _with_origins(figures, chip, "")
    document["lacks"] = list(chip.lacks)
    return document


def _with_origins(figures: dict[str, Any], chip: Chip, prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in figures.items():
        origin = chip.sources.get(prefix + key)
        if origin is not None:
            name = "assumed" if origin.startswith(ASSUMED) else "source"
            result[key] = {"value": value, name: origin.removeprefix(ASSUMED)}
        elif isinstance(value, dict):
            if value:
                result[key] = _with_origins(value, chip, f"{prefix}{key}.")
        elif isinstance(value, (str, bool)) and (value or key not in FLAGS):
            result[key] = value
        # what remains stands for a figure that the chip does not have: None, or 0 (see Leakage, Chip.barrier_ns)
    return result
