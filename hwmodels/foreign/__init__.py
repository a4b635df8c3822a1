"""Files of other tools as chips: SANA-FE's architectures, tables of components; what they state, laid over a chip of ours.

Each reader is strict: a key that it does not know is an error. What has a place here becomes a figure with the place in the file
as its source; what has none is listed, and what the file does not say stays that of the chip below.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synaptile.foundation.documents import read_mapping
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.foreign.imported import ImportedChip
from synaptile.hwmodels.foreign.prices import import_prices
from synaptile.hwmodels.foreign.sanafe import KIND, Silent, import_sanafe

__all__ = ["ImportedChip", "import_chip", "import_prices", "import_sanafe"]


def import_chip(
    file: str | Path,
    base: str | Path = "loihi",
    *,
    units: Mapping[str, str] | None = None,
    figures: Mapping[str, str] | None = None,
    silent: Silent = "updated",
) -> ImportedChip:
    """A file of another tool as a chip: an architecture of SANA-FE (`import_sanafe`) or a table of components (`import_prices`).

    `base` gives what the file does not state, by name or file; `units` chooses among the units of an architecture, and `silent`
    says which of its two prices a silent neuron has; `figures` says which row of a table is which figure.

    Raises ChipError for a file that is neither, and as the two readers do.
    """
    path = Path(file)
    if path.suffix.lower() != ".csv" and "architecture" in read_mapping(path, KIND):
        if figures:
            raise ChipError(f"{path}: is an architecture of SANA-FE: figures are chosen of tables of components; leave them out")
        return import_sanafe(path, base, units=units, silent=silent)
    if units:
        raise ChipError(f"{path}: is no architecture of SANA-FE: units are chosen of these; leave them out")
    return import_prices(path, base, figures or {})
