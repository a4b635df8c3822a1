"""chip_document: a Chip as plain nested data, to be stored beside what was mapped onto it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synaptile.hwmodels.chip import Chip, figures_of
from synaptile.hwmodels.sourced import ASSUMED


def chip_document(chip: Chip) -> dict[str, Any]:
    """A nested dictionary laid out like a chip file, every figure with its origin: JSON and YAML can hold it.

    `load.chip_from_document` gives back an equal `Chip`.
    """
    document = _with_origins(figures_of(chip), chip, "")
    document["lacks"] = list(document.pop("lacks"))  # last, as in all stored programs: their digests stand on the order
    return document


def _with_origins(figures: Mapping[str, Any], chip: Chip, prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in figures.items():
        if isinstance(value, Mapping):
            result[key] = _with_origins(value, chip, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            origin = chip.origin(prefix + key)
            is_assumed = origin.startswith(ASSUMED) or prefix + key not in chip.sources
            result[key] = {"value": value, "assumed" if is_assumed else "source": origin.removeprefix(ASSUMED)}
        else:
            result[key] = value
    return result
