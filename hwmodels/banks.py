"""Banks of memories with figures of their own: which one an access opens, how long that takes, and whether a cycle is enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.sections import Memory
from synaptile.hwmodels.sram_table import SramFigures, sram_figures

MemoryName: TypeAlias = Literal["weight", "state", "ec_state", "event_buffer", "buffer"]
"""Memories of a chip, as its section `memories` names them."""


def own_memories(chip: Chip) -> Iterator[tuple[MemoryName, Memory]]:
    """Memories that have figures of their own."""
    for memory in get_args(MemoryName):
        own: Memory | None = getattr(chip.memories, memory)
        if own is not None:
            yield memory, own


def bank_bits_of(chip: Chip, memory: MemoryName, own: Memory) -> int:
    """The bank that an access opens: its own, that of the core's section, or the whole memory."""
    core, ec, buffer = chip.synapse_core, chip.ec_core, chip.memories.buffer
    banks: dict[MemoryName, int] = {
        "weight": core.weight_bank_bits or core.weight_memory_bits,
        "state": core.state_bank_bits or core.state_memory_bits,
        "ec_state": (ec.state_bank_bits or ec.state_memory_bits) if ec is not None else 0,
        "event_buffer": core.state_bank_bits or core.state_memory_bits,
        "buffer": buffer.capacity_bits if buffer is not None else 0,
    }
    return own.bank_bits or banks[memory]


def table_figures(chip: Chip, memory: MemoryName, own: Memory) -> SramFigures | None:
    """Its bank in the table of CACTI 7, None without a flavour. Raises ChipError where the table has no such bank."""
    if own.flavour is None:
        return None
    where = f"{chip.name}, memories.{memory}"
    return sram_figures(chip.process_nm, own.flavour, bank_bits_of(chip, memory, own) / 8, own.width_bits, what=where)


def slow_banks(chip: Chip) -> tuple[str, ...]:
    """What to say of memories whose access takes longer than a cycle."""
    found = []
    for memory, own in own_memories(chip):
        table = table_figures(chip, memory, own)
        access_ns = own.access_ns if table is None else table.access_ns
        if access_ns is not None and access_ns * chip.clock_mhz > 1e3:
            found.append(
                f"An access of memories.{memory} takes {access_ns:.3g} ns, a cycle {1e3 / chip.clock_mhz:.3g} ns: use smaller "
                "banks, another flavour or a slower clock."
            )
    return tuple(found)
