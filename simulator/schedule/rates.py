"""How fast a chip's units and links are, as exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import ChipError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram

Rates = tuple[Fraction | None, ...]
"""Operations per cycle of each of `timeline.UNITS`; None where a core has no such unit."""


def unit_rates(program: CoreProgram) -> dict[CoreKind, Rates]:
    """Rates of the kinds of core that a program uses. Raises ChipError for one that is not a positive number."""
    chip = program.chip
    found: dict[CoreKind, Rates] = {}
    for kind in (CoreKind(number) for number in np.unique(program.cores.kind)):
        if kind is CoreKind.SYNAPSE:
            lanes, updates = "lanes_per_cycle", "neuron_updates_per_cycle"
            lane_rate, update_rate = (
                exact_rate(chip, f"synapse_core.{name}", getattr(chip.synapse_core, name)) for name in (lanes, updates)
            )
            found[kind] = lane_rate, None, None, update_rate
            continue
        ec = chip.ec_core
        if ec is None:
            raise ChipError(f"chip {chip.name!r} has no EC cores, and the program uses them: map it to this chip first")
        figures = ("multipliers_per_cycle", "special_functions_per_cycle", "neuron_updates_per_cycle")
        found[kind] = None, *(exact_rate(chip, f"ec_core.{name}", getattr(ec, name)) for name in figures)
    return found


def exact_rate(chip: Chip, figure: str, value: float) -> Fraction:
    """A rate as the decimal fraction that the chip file states (0.41 is 41/100). Raises ChipError unless it is positive."""
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise ChipError(f"chip {chip.name!r}: {figure} is {value}, nothing would ever finish: give a positive number")
    return Fraction(str(value))


def check_figures(chip: Chip) -> None:
    """Raise ChipError for a figure of the network or the clock that no schedule can be made with."""
    noc = chip.noc
    for figure in ("flit_bits", "cycles_per_hop", "link_flits_per_cycle"):
        exact_rate(chip, f"noc.{figure}", getattr(noc, figure))
    exact_rate(chip, "clock_mhz", chip.clock_mhz)
    for figure in ("word_bits", "spike_header_bits", "chip_crossing_cycles"):
        value = getattr(noc, figure)
        if value is not None and not value >= 0:
            raise ChipError(f"chip {chip.name!r}: noc.{figure} is {value}: give a number that is not negative")
    if not (math.isfinite(chip.barrier_ns) and chip.barrier_ns >= 0):
        raise ChipError(f"chip {chip.name!r}: barrier_ns is {chip.barrier_ns}: give a number that is not negative")


def barrier_cycles(chip: Chip) -> int:
    """Cycles that a barrier takes."""
    return math.ceil(Fraction(str(chip.barrier_ns)) * Fraction(str(chip.clock_mhz)) / 1000)


def cycles(counts: NDArray[np.integer], rate: Fraction) -> Int64:
    """ceil(counts / rate), exactly; any shape."""
    if rate.denominator == 1:
        return -(-counts.astype(np.int64) // rate.numerator)
    values, place = np.unique(counts, return_inverse=True)
    whole = np.array([math.ceil(int(value) / rate) for value in values], np.int64)
    found: Int64 = whole[place].reshape(counts.shape)
    return found
