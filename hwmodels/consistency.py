"""What no single figure can show: figures that contradict one another."""

from __future__ import annotations

from collections.abc import Iterator

from synaptile.hwmodels.documents import Location
from synaptile.hwmodels.schema import ChipSchema, Count


def contradictions(chip: ChipSchema) -> Iterator[tuple[Location, str]]:
    """Pairs of where and what, for every pair of figures that cannot both hold."""
    yield from _ec_cores(chip)
    yield from _board(chip)
    yield from _time_steps(chip)
    yield from _words(chip)


def _ec_cores(chip: ChipSchema) -> Iterator[tuple[Location, str]]:
    tile = chip.mesh.ec_cores_per_tile.value
    if chip.ec_core is None:
        if tile > 0:
            yield ("mesh", "ec_cores_per_tile"), f"is {tile}, but there is no section ec_core: describe that core, or write 0"
        if chip.leakage.ec_core_uw is not None:
            yield ("leakage", "ec_core_uw"), "is given, but there is no section ec_core: remove it (null where it is inherited)"
    else:
        if tile == 0:
            yield ("mesh", "ec_cores_per_tile"), "is 0, but there is a section ec_core: remove that section, or write at least 1"
        if chip.leakage.ec_core_uw is None:
            yield ("leakage", "ec_core_uw"), "is missing, and the chip has EC cores: give their static power"


def _board(chip: ChipSchema) -> Iterator[tuple[Location, str]]:
    chips = chip.mesh.max_chips.value
    for key in ("chip_crossing_cycles", "chip_crossing_pj_per_flit"):
        given = getattr(chip.noc, key) is not None
        if chips > 1 and not given:
            yield (
                ("noc", key),
                f"is missing, and mesh.max_chips is {chips}: give what a crossing costs, or set that to 1",
            )
        if chips == 1 and given:
            yield ("noc", key), "is given, but mesh.max_chips is 1: remove it (null where it is inherited), or allow more chips"


def _time_steps(chip: ChipSchema) -> Iterator[tuple[Location, str]]:
    if chip.synchronisation == "barrier" and chip.barrier_ns is None:
        yield ("barrier_ns",), "is missing, and synchronisation is barrier: give how long a barrier takes"
    if chip.synchronisation == "dataflow" and chip.barrier_ns is not None:
        yield ("barrier_ns",), "is given, but synchronisation is dataflow: remove it (null where inherited), or write barrier"


def _words(chip: ChipSchema) -> Iterator[tuple[Location, str]]:
    """A memory holds at least one of its words."""
    core = chip.synapse_core
    pairs: list[tuple[Location, Count, str, Count]] = [
        (("synapse_core", "weight_memory_bits"), core.weight_memory_bits, "synapse_core.weight_bits", core.weight_bits),
        (("synapse_core", "state_memory_bits"), core.state_memory_bits, "synapse_core.membrane_bits", core.membrane_bits),
    ]
    if chip.ec_core is not None:
        ec = chip.ec_core
        pairs.append((("ec_core", "state_memory_bits"), ec.state_memory_bits, "ec_core.state_bits", ec.state_bits))
        if ec.state_bank_bits is not None:
            yield from _bank(("ec_core", "state_bank_bits"), ec.state_bank_bits, ec.state_memory_bits)
    for name in ("weight", "state"):
        bank: Count | None = getattr(core, f"{name}_bank_bits")
        if bank is not None:
            yield from _bank(("synapse_core", f"{name}_bank_bits"), bank, getattr(core, f"{name}_memory_bits"))
    for location, memory, word_name, word in pairs:
        if memory.value < word.value:
            yield location, f"is {memory.value}, less than one word ({word_name} is {word.value}): give bits, not words or KiB"


def _bank(location: Location, bank: Count, memory: Count) -> Iterator[tuple[Location, str]]:
    """A bank is a part of its memory."""
    if bank.value > memory.value:
        yield location, f"is {bank.value}, more than the memory it is a part of ({memory.value}): give bits of one bank"
