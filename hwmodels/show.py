"""A Chip as a notebook shows it, and as a table of figures with their origins."""

from __future__ import annotations

import pyarrow as pa

from synaptile.foundation.tables import arrow, choose
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.figures import chip_figures
from synaptile.hwmodels.stored import ASSUMED, chip_document

PROPERTY = "a property, not a figure"
"""Origin of what is no figure."""


def chip_arrow(chip: Chip, table: str | None = None) -> pa.Table:
    """Table `figures`: name, value and origin as text, and whether the figure is assumed."""
    choose(table, ("figures",), "a chip")
    found = _figures(chip)
    columns = {
        "figure": pa.array([name for name, _, _ in found], pa.string()),
        "value": pa.array([str(value) for _, value, _ in found], pa.string()),
        "origin": pa.array([origin.removeprefix(ASSUMED) for _, _, origin in found], pa.string()),
        "assumed": pa.array([origin.startswith(ASSUMED) for _, _, origin in found], pa.bool_()),
    }
    return arrow(columns, {"chip": chip.name, "digest": chip.digest})


def _figures(chip: Chip) -> list[tuple[str, object, str]]:
    return [(name, value, chip.sources.get(name, PROPERTY)) for name, value in chip_figures(chip_document(chip))]
