"""Chips as data: one YAML file each, validated once, with the origin of every figure beside it."""

from __future__ import annotations

from synaptile.hwmodels.area import AreaEstimate, TileArea, die_area_mm2, tile_area_mm2
from synaptile.hwmodels.chain import shipped_chips
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.host_ec import with_host_ec
from synaptile.hwmodels.load import as_chip, chip_from_document, load_chip
from synaptile.hwmodels.parameters import parameters
from synaptile.hwmodels.sections import (
    Area,
    ECCore,
    GradedSpikes,
    Leakage,
    Mesh,
    NoC,
    OffChip,
    SynapseCore,
)
from synaptile.hwmodels.stored import chip_document
from synaptile.hwmodels.vary import vary

__all__ = [
    "Area",
    "AreaEstimate",
    "Chip",
    "ECCore",
    "GradedSpikes",
    "Leakage",
    "Mesh",
    "NoC",
    "OffChip",
    "SynapseCore",
    "TileArea",
    "as_chip",
    "chip_document",
    "chip_from_document",
    "die_area_mm2",
    "load_chip",
    "parameters",
    "shipped_chips",
    "tile_area_mm2",
    "vary",
    "with_host_ec",
]
