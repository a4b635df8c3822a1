"""Leakage of memories that state their own, apart from that of the cores around them: per bank, with the flavour named.

Every bank of the board leaks from the first cycle to the last. A core has as many banks as its memory takes, and one of the event
buffer; the shared buffer is there once on each chip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from synaptile.energy.memory_prices import own_figures, port_name
from synaptile.energy.prices import Price
from synaptile.hwmodels import Chip
from synaptile.hwmodels.banks import MemoryName, bank_bits_of, own_memories
from synaptile.hwmodels.sections import Memory


class LeakingMemory(NamedTuple):
    """A memory that states what its banks leak: op of the bill (a bank, for one cycle), its price, banks on one chip."""

    op: str
    price: Price
    banks: int


def leaking_memories(chip: Chip) -> Iterator[LeakingMemory]:
    """Memories of a chip whose leakage is stated or given by their flavour."""
    for memory, own in own_memories(chip):
        leakage_uw, source = own_figures(chip, memory, own).leakage
        if leakage_uw is None:
            continue
        what = f"{leakage_uw:.4g} uW per bank / {chip.clock_mhz:g} MHz, a cycle; {source}"
        yield LeakingMemory(f"{port_name(memory)} leakage", Price(leakage_uw / chip.clock_mhz, what), _banks(chip, memory, own))


def _banks(chip: Chip, memory: MemoryName, own: Memory) -> int:
    core, ec, mesh, buffer = chip.synapse_core, chip.ec_core, chip.mesh, chip.memories.buffer
    synapse_cores, ec_cores = mesh.tiles * mesh.synapse_cores_per_tile, mesh.tiles * mesh.ec_cores_per_tile
    if memory == "event_buffer":
        return synapse_cores + ec_cores
    held = {
        "weight": (core.weight_memory_bits, synapse_cores),
        "state": (core.state_memory_bits, synapse_cores),
        "ec_state": (ec.state_memory_bits if ec is not None else 0, ec_cores),
        "buffer": (buffer.capacity_bits if buffer is not None else 0, 1),
    }
    bits, times = held[memory]
    return -(-bits // bank_bits_of(chip, memory, own)) * times
