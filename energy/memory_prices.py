"""What one 64-bit access of each memory of a chip costs.

Horowitz (ISSCC 2014) prints three sizes: 8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ. Between them energy is a power of size
(a straight line in log-log), and beyond them the nearest line goes on: below 8 KB as the square root of size, above 1 MB with
exponent 0.464. Reads and writes cost the same. Which size counts: the bank that the chip file gives (`weight_bank_bits`,
`state_bank_bits`), else the core's whole memory as one SRAM. A bank alone leaves out the wires between banks and datapath, the
whole memory as one SRAM charges them in full: the truth lies between.
"""

from __future__ import annotations

from bisect import bisect_left
from math import log

from synaptile.energy.horowitz import SRAM_PJ_PER_64BIT, Figure
from synaptile.energy.prices import Price
from synaptile.hwmodels import Chip

ACCESS_BITS = 64
"""Bits of one access."""

WEIGHT, STATE, EC, DRAM = "weight access", "state access", "ec access", "dram access"
"""Ops of the bill: one 64-bit access of a synapse core's weight memory, of its state memory, of an EC core's memory, of DRAM."""


def sram_figure(size_bytes: float) -> Figure:
    """Energy of one 64-bit access of an SRAM of `size_bytes`, and how it was found."""
    sizes = sorted(SRAM_PJ_PER_64BIT)
    upper = min(max(bisect_left(sizes, size_bytes), 1), len(sizes) - 1)
    small, large = sizes[upper - 1], sizes[upper]
    low, high = SRAM_PJ_PER_64BIT[small].pj, SRAM_PJ_PER_64BIT[large].pj
    exponent = log(high / low) / log(large / small)
    how = "interpolated" if sizes[0] <= size_bytes <= sizes[-1] else "extrapolated"
    return Figure(
        round(low * (size_bytes / small) ** exponent, 6),
        f"Horowitz, ISSCC 2014: {how} for {size_bytes / 1024:g} KB from {low:g} pJ at {small // 1024} KB and {high:g} pJ at "
        f"{large // 1024} KB, exponent {exponent:.3f}",
    )


def accesses(words: int, bits: int) -> int:
    """Accesses that a row of `words` words of `bits` bits takes: it starts at an access of its own."""
    return -(-words * bits // ACCESS_BITS)


def memory_prices(chip: Chip) -> dict[str, Price]:
    """Op -> price. On a chip without EC cores their memory is unpriced."""
    core, ec = chip.synapse_core, chip.ec_core
    prices = {
        WEIGHT: _sram(chip, "synapse_core.weight", core.weight_memory_bits, core.weight_bank_bits),
        STATE: _sram(chip, "synapse_core.state", core.state_memory_bits, core.state_bank_bits),
        DRAM: Price(chip.off_chip.dram_pj_per_64bit, chip.origin("off_chip.dram_pj_per_64bit")),
    }
    if ec is None:
        prices[EC] = Price(None, f"unpriced: {chip.name} has no EC core, hence no memory of one")
    else:
        prices[EC] = _sram(chip, "ec_core.state", ec.state_memory_bits, ec.state_bank_bits)
    return prices


def _sram(chip: Chip, memory: str, whole_bits: int, bank_bits: int | None) -> Price:
    figure = sram_figure((bank_bits or whole_bits) / 8)
    key = f"{memory}_bank_bits" if bank_bits else f"{memory}_memory_bits"
    what = "a bank" if bank_bits else "the whole memory as one SRAM"
    return Price(figure.pj, f"{figure.source}; size of {what} ({key}) of {chip.name}: {chip.origin(key)}")
