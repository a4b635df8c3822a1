"""Figures that follow others of the same chip, where nobody states them: leakage follows area, a flit's energy bits and wires."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from synaptile.hwmodels.area import die_area_mm2, tile_area_mm2
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.scale import Scaled, wire_share

_FLIT, _CROSSING = "noc.energy_pj_per_flit_hop", "noc.chip_crossing_pj_per_flit"


def followers(base: Chip, changed: Chip, given: Collection[str]) -> dict[str, tuple[float, str]]:
    """Figures of `changed`, a chip made of `base` at the same node, that follow what differs: value and why.

    Leakage of a core and of a router in proportion to its area; energy of a flit in proportion to its bits, the part of it that
    is wire also to the tile pitch. `given` are dotted names of figures that `changed` states itself: these stay.
    """
    following: dict[str, tuple[float, str]] = {}
    for figure, before, moved in (
        (_FLIT, base.noc.energy_pj_per_flit_hop, _flit(base, changed)),
        *_hops(base, changed),
        (_CROSSING, base.noc.chip_crossing_pj_per_flit, _bits(base, changed)),
        *_leakage(base, changed),
    ):
        if figure not in given and before and moved.factor != 1:
            following[figure] = before * moved.factor, f"{moved.why} (x {moved.factor:.4g}),"
    return {figure: found for figure, found in following.items() if _holds(changed, figure)}


def _bits(base: Chip, changed: Chip) -> Scaled:
    return Scaled(changed.noc.flit_bits / base.noc.flit_bits, "in proportion to noc.flit_bits")


def _flit(base: Chip, changed: Chip) -> Scaled:
    bits, why = _bits(base, changed)
    if base.area is None or changed.area is None:
        return Scaled(bits, why)
    share = wire_share(base)
    pitch = die_area_mm2(changed).tile_pitch_mm / die_area_mm2(base).tile_pitch_mm
    return Scaled(bits * (1 + share * (pitch - 1)), f"{why}, wire, {share:.0%}, to the tile pitch (x {pitch:.4g})")


def _hops(base: Chip, changed: Chip) -> list[tuple[str, float, Scaled]]:
    if base.noc.hops is None or changed.noc.hops is None:
        return []
    return [(f"noc.hops.{key}", pj, _flit(base, changed)) for key, pj in vars(base.noc.hops).items()]


def _leakage(base: Chip, changed: Chip) -> list[tuple[str, float, Scaled]]:
    if base.area is None or changed.area is None:
        return []
    parts = zip(("synapse_core", "ec_core", "router"), _parts_mm2(base), _parts_mm2(changed), strict=True)
    return [
        (
            f"leakage.{part}_uw",
            getattr(base.leakage, f"{part}_uw"),
            Scaled(after / before if before else 1.0, "in proportion to area"),
        )
        for part, before, after in parts
    ]


def _holds(chip: Chip, figure: str) -> bool:
    return bool(reduce(getattr, figure.split("."), chip))


def _parts_mm2(chip: Chip) -> tuple[float, float, float]:
    """Area of one synapse core, one EC core and one router, mm2."""
    tile, mesh = tile_area_mm2(chip), chip.mesh
    ec = (tile.ec_sram + tile.ec_logic) / mesh.ec_cores_per_tile if mesh.ec_cores_per_tile else 0.0
    return (tile.synapse_sram + tile.synapse_logic) / mesh.synapse_cores_per_tile, ec, tile.router
