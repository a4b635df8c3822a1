"""What one 64-bit access of each memory of a chip costs.

Horowitz (ISSCC 2014) prints three sizes: 8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ. Between them energy is a power of size
(a straight line in log-log), and beyond them the nearest line goes on: below 8 KB as the square root of size, above 1 MB with
exponent 0.464. Reads and writes cost the same. Which size counts: the bank that the chip file gives (`weight_bank_bits`,
`state_bank_bits`), else the core's whole memory as one SRAM. A bank alone leaves out the wires between banks and datapath, the
whole memory as one SRAM charges them in full: the truth lies between.

At another node than 45 nm an access costs what that line says, times what CACTI 7 says of the same bank from 45 nm to that node.

A memory for which the chip file has figures of its own (section `memories`: an SRAM compiler's, or rows of CACTI 7) is priced by
these, reads and writes apart, in accesses of the width that they are for.
"""

from __future__ import annotations

from typing import NamedTuple

from synaptile.energy.horowitz import Figure, sram_figure
from synaptile.energy.prices import Price, sram_at_node, stated_price
from synaptile.hwmodels import Chip
from synaptile.hwmodels.banks import MemoryName, own_memories, table_figures
from synaptile.hwmodels.sections import Memory
from synaptile.mapper.program import CoreKind

ACCESS_BITS = 64
"""Bits of one access."""

WEIGHT, STATE, EC, DRAM = "weight access", "state access", "ec access", "dram access"
"""Ops of the bill: one 64-bit access of a synapse core's weight memory, of its state memory, of an EC core's memory, of DRAM."""

REGISTER = {CoreKind.SYNAPSE: "lane register update", CoreKind.EC: "multiplier register update"}
"""Ops of the bill: reading and writing one word of the registers of a lane, or of a multiplier."""

DRAM_BIT = "dram bit"
"""Op of the bill: a bit to or from DRAM, where weights are streamed."""


class Port(NamedTuple):
    """How a bill measures a memory: ops of reading and writing, and how wide an access is."""

    read: str
    write: str
    width_bits: int


def port(chip: Chip, memory: MemoryName) -> Port:
    """The port of a memory: `weight`, `state`, `ec_state`, `event_buffer` or `buffer`."""
    own = getattr(chip.memories, memory)
    if own is None:
        op = {"weight": WEIGHT, "state": STATE, "ec_state": EC}[memory]
        return Port(op, op, ACCESS_BITS)
    return Port(f"{port_name(memory)} read", f"{port_name(memory)} write", own.width_bits)


def port_name(memory: MemoryName) -> str:
    """What ops of a memory with figures of its own begin with."""
    return {"ec_state": "ec", "event_buffer": "event buffer"}.get(memory, memory)


def accesses(words: int, bits: int, width_bits: int = ACCESS_BITS) -> int:
    """Accesses that a row of `words` words of `bits` bits takes: it starts at an access of its own."""
    return -(-words * bits // width_bits)


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
    return prices | _own_prices(chip)


def _own_prices(chip: Chip) -> dict[str, Price]:
    """Prices of what has figures of its own: memories, registers, DRAM."""
    prices: dict[str, Price] = {}
    core, ec, memories = chip.synapse_core, chip.ec_core, chip.memories
    for memory, own in own_memories(chip):
        of = port(chip, memory)
        prices[of.read], prices[of.write] = own_figures(chip, memory, own)[:2]
    for kind, name, section in ((CoreKind.SYNAPSE, "synapse_core", core), (CoreKind.EC, "ec_core", ec)):
        if section is not None and section.registers is not None:
            prices[REGISTER[kind]] = stated_price(chip, f"{name}.registers.update_pj", section.registers.update_pj)
    if memories.dram is not None:
        prices[DRAM_BIT] = stated_price(chip, "memories.dram.pj_per_bit", memories.dram.pj_per_bit)
    return prices


class OwnFigures(NamedTuple):
    """What a memory with figures of its own costs: prices of reading and writing; static power of a bank in uW and its source."""

    read: Price
    write: Price
    leakage: tuple[float | None, str]


def own_figures(chip: Chip, memory: MemoryName, own: Memory) -> OwnFigures:
    """Figures of a memory that states its own. Raises ChipError where the table of CACTI 7 has no such bank."""
    if (figures := table_figures(chip, memory, own)) is not None:
        source = f"{chip.name}, memories.{memory}: {figures.source}"
        return OwnFigures(Price(figures.read_pj, source), Price(figures.write_pj, source), (figures.leakage_uw, source))
    assert own.read_pj is not None and own.write_pj is not None  # hwmodels/consistency.py
    leakage = f"memories.{memory}.leakage_uw"
    return OwnFigures(
        stated_price(chip, f"memories.{memory}.read_pj", own.read_pj),
        stated_price(chip, f"memories.{memory}.write_pj", own.write_pj),
        (own.leakage_uw, f"{chip.name}, {leakage}: {chip.origin(leakage)}" if own.leakage_uw is not None else ""),
    )


def _sram(chip: Chip, memory: str, whole_bits: int, bank_bits: int | None) -> Price:
    figure = sram_figure((bank_bits or whole_bits) / 8)
    key = f"{memory}_bank_bits" if bank_bits else f"{memory}_memory_bits"
    what = "a bank" if bank_bits else "the whole memory as one SRAM"
    source = f"{figure.source}; size of {what} ({key}) of {chip.name}: {chip.origin(key)}"
    here = sram_at_node(chip, Figure(figure.pj, source), (bank_bits or whole_bits) / 8, key)
    return Price(here.pj, here.source)
