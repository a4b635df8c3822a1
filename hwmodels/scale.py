"""A chip's figures at another node or supply: which rule moves which figure, by how much, and what its origin then says."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from synaptile.hwmodels.area import die_area_mm2
from synaptile.hwmodels.banks import MemoryName, bank_bits_of
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.node import LOGIC_SOURCE, WIRE_SOURCE, Factors, Supply, factors, shrunk_pitch, wire_pj_per_bit_mm
from synaptile.hwmodels.sections import Memory
from synaptile.hwmodels.sourced import ASSUMED
from synaptile.hwmodels.sram_table import SramFigures, sram_figures
from synaptile.hwmodels.stored import chip_document

FIXED = ("off_chip.", "step_times.", "memories.dram.", "noc.chip_crossing_", "barrier_ns", "area.reticle_mm2")
"""What lies outside the chip, or is a limit of another kind: no node moves it."""

_BANK_BYTES = 4096
_WIDTH_BITS = 64
_FLAVOUR = "itrs-lstp"


class Scaled(NamedTuple):
    """What a figure is multiplied by, and why."""

    factor: float
    why: str


def supply_of(chip: Chip) -> Supply:
    """Node and voltage of a chip."""
    return Supply(chip.process_nm, chip.voltage_v)


def scaled_document(chip: Chip, at: Supply) -> dict[str, Any]:
    """The chip as `chip_document` writes it, every figure that a node or supply moves moved to `at`.

    Both supplies lie in the range of the fits (`node.problem`). Raises ChipError for memories beyond the table of CACTI 7.
    """
    document, before = chip_document(chip), supply_of(chip)
    for name, value, origin in chip.figures():
        moved = scaled(chip, name, at)
        if moved is not None and isinstance(value, int | float):
            text = f"x {moved.factor:.4g} from {before} to {at} ({moved.why}), from {value:g} ({origin.removeprefix(ASSUMED)})"
            section, key = section_of(document, name)
            section[key] = {"value": value * moved.factor, "assumed": text}
    for name, figure in (("process_nm", at.process_nm), ("voltage_v", at.voltage_v)):
        document[name] = {**document[name], "value": figure}
    return document


def scaled(chip: Chip, name: str, at: Supply) -> Scaled | None:
    """By what a figure moves to `at`; None for one that does not: counts, widths, and what `FIXED` names.

    Rules go by the unit that ends a figure's name, so a new figure has one from the start.
    """
    before, key = supply_of(chip), name.rpartition(".")[2]
    by = factors(before, at)
    if name.startswith(FIXED):
        return None
    if name == "clock_mhz":
        return Scaled(1 / by.delay, f"delay of a gate x {by.delay:.4g}, {LOGIC_SOURCE}")
    if name == "noc.energy_pj_per_flit_hop" or name.startswith("noc.hops."):
        return _flit(chip, by)
    if name.startswith("memories."):
        return _memory(chip, name, at)
    if key.endswith("_uw"):
        return _leakage(before, at)
    if key.endswith(("_um2", "um2_per_bit")):
        return Scaled(by.area, f"area of logic, {LOGIC_SOURCE}")
    if "pj" in key.split("_") or name.startswith("operation_pj."):
        return Scaled(by.energy, f"energy of logic, {LOGIC_SOURCE}")
    return None


def memory_access(size_bytes: float, before: Supply, at: Supply, what: str) -> Scaled:
    """By what an access of a bank moves: reads and writes of CACTI 7 together. Memories keep their own supply."""
    here, there = (sram_figures(supply.process_nm, _FLAVOUR, size_bytes, _WIDTH_BITS, what=what) for supply in (before, at))
    return Scaled((there.read_pj + there.write_pj) / (here.read_pj + here.write_pj), f"read and write of {there.source}")


def wire_share(chip: Chip) -> float:
    """Part of the energy of a flit and hop that is wire: bits x tile pitch; all of it where the chip states no area."""
    if chip.area is None:
        return 1.0
    wire_pj = wire_pj_per_bit_mm(chip.voltage_v) * chip.noc.flit_bits * die_area_mm2(chip).tile_pitch_mm
    return min(1.0, wire_pj / chip.noc.energy_pj_per_flit_hop)


def _flit(chip: Chip, by: Factors) -> Scaled:
    share, pitch = wire_share(chip), shrunk_pitch(by.area)
    why = f"wire, {share:.0%}, x {pitch * by.wire:.4g}: length x {pitch:.4g}, {WIRE_SOURCE}"
    if share < 1:
        why += f"; router x {by.energy:.4g}, {LOGIC_SOURCE}"
    return Scaled(share * pitch * by.wire + (1 - share) * by.energy, why)


def _memory(chip: Chip, name: str, at: Supply) -> Scaled | None:
    """Explicit figures of a memory move as the same bank of CACTI 7 does."""
    memory, key = cast("tuple[MemoryName, str]", name.split(".")[1:])
    if key not in ("read_pj", "write_pj", "access_ns", "leakage_uw"):
        return None
    own: Memory = getattr(chip.memories, memory)
    size, width = bank_bits_of(chip, memory, own) / 8, own.width_bits
    here, there = (
        sram_figures(nm, _FLAVOUR, size, width, what=f"{chip.name}, memories.{memory}") for nm in (chip.process_nm, at.process_nm)
    )
    return Scaled(getattr(there, key) / getattr(here, key), f"{key} of {there.source}")


def _leakage(before: Supply, at: Supply) -> Scaled:
    """Most of a core is memory: leakage moves as that of a bank, and with the voltage (its current kept: assumed)."""
    here, there = (_bank(supply) for supply in (before, at))
    volts = at.voltage_v / before.voltage_v
    return Scaled(there.leakage_uw / here.leakage_uw * volts, f"leakage of {there.source}; voltage x {volts:.4g}")


def _bank(at: Supply) -> SramFigures:
    return sram_figures(at.process_nm, _FLAVOUR, _BANK_BYTES, _WIDTH_BITS)


def section_of(document: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The innermost section that holds a figure, by its dotted name, and the figure's key in it."""
    *path, key = name.split(".")
    for part in path:
        document = document[part]
    return document, key
