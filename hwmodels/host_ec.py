"""with_host_ec: a chip with EC cores that its silicon does not have, to ask what they would change. Never taken silently."""

from __future__ import annotations

from typing import Any

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import HOST_EC_SUFFIX, Chip
from synaptile.hwmodels.load import chip_from_document, load_chip
from synaptile.hwmodels.stored import chip_document

_DONOR = "ecmt45"
_ORIGIN = f"virtual host EC unit, not silicon: figure of {_DONOR}"


def with_host_ec(chip: Chip) -> Chip:
    """A copy of a chip with one virtual EC core per tile, its figures those of ecmt45's, flagged in name, lacks and notes.

    EC nodes, products, residual adds and the dense front end then have a home; what else the chip lacks it still lacks (binary
    spikes carry no thresholds). Its clock is the chip's own. Raises ChipError for a chip that has EC cores already.
    """
    if chip.ec_core is not None:
        raise ChipError(f"chip {chip.name} has EC cores of its own: a virtual host EC unit is for chips without any")
    donor = load_chip(_DONOR)
    given = chip_document(donor)
    document = chip_document(chip)
    document["name"] = f"{chip.name}{HOST_EC_SUFFIX}"
    document["ec_core"] = {key: _virtual(figure) for key, figure in given["ec_core"].items()}
    document["leakage"]["ec_core_uw"] = _virtual(given["leakage"]["ec_core_uw"])
    document["mesh"]["ec_cores_per_tile"] = {"value": 1, "assumed": "virtual host EC unit, not silicon: one a tile"}
    document["lacks"] = [
        f"silicon for its EC cores: a VIRTUAL HOST EC UNIT stands in, one a tile, figures of {_DONOR}",
        *chip.lacks,
    ]
    document.pop("area", None)
    document["description"] = f"{chip.description} With a virtual host EC unit."
    return chip_from_document(document, document["name"])


def _virtual(figure: dict[str, Any]) -> dict[str, Any]:
    origin = figure.get("source") or figure.get("assumed")
    return {"value": figure["value"], "assumed": f"{_ORIGIN} ({origin})"}
