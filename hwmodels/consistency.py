"""What no single figure can show: figures that contradict one another."""

from __future__ import annotations

from collections.abc import Iterator

from synaptile.foundation.documents import Location, Problem
from synaptile.hwmodels.chip import Chip


def contradictions(chip: Chip) -> Iterator[Problem]:
    """Pairs of where and what, for every pair of figures that cannot both hold."""
    yield from _ec_cores(chip)
    yield from _board(chip)
    yield from _time_steps(chip)
    yield from _words(chip)


def _ec_cores(chip: Chip) -> Iterator[Problem]:
    tile = chip.mesh.ec_cores_per_tile
    if chip.ec_core is None:
        if tile > 0:
            yield ("mesh", "ec_cores_per_tile"), f"is {tile}, but there is no section ec_core: describe that core, or write 0"
        if chip.leakage.ec_core_uw:
            yield ("leakage", "ec_core_uw"), "is given, but there is no section ec_core: remove it (null where it is inherited)"
    else:
        if tile == 0:
            yield ("mesh", "ec_cores_per_tile"), "is 0, but there is a section ec_core: remove that section, or write at least 1"
        if not chip.leakage.ec_core_uw:
            yield ("leakage", "ec_core_uw"), "is missing, and the chip has EC cores: give their static power"


def _board(chip: Chip) -> Iterator[Problem]:
    chips = chip.mesh.max_chips
    for key in ("chip_crossing_cycles", "chip_crossing_pj_per_flit"):
        given = getattr(chip.noc, key) is not None
        if chips > 1 and not given:
            yield (
                ("noc", key),
                f"is missing, and mesh.max_chips is {chips}: give what a crossing costs, or set that to 1",
            )
        if chips == 1 and given:
            yield ("noc", key), "is given, but mesh.max_chips is 1: remove it (null where it is inherited), or allow more chips"


def _time_steps(chip: Chip) -> Iterator[Problem]:
    if chip.synchronisation == "barrier" and not chip.barrier_ns:
        yield ("barrier_ns",), "is missing, and synchronisation is barrier: give how long a barrier takes"
    if chip.synchronisation == "dataflow" and chip.barrier_ns:
        yield ("barrier_ns",), "is given, but synchronisation is dataflow: remove it (null where inherited), or write barrier"


def _words(chip: Chip) -> Iterator[Problem]:
    """A memory holds at least one of its words, and its bank is a part of it."""
    core, ec = chip.synapse_core, chip.ec_core
    memories: list[tuple[Location, int, str, int, int | None]] = [
        (("synapse_core", "weight"), core.weight_memory_bits, "weight_bits", core.weight_bits, core.weight_bank_bits),
        (("synapse_core", "state"), core.state_memory_bits, "membrane_bits", core.membrane_bits, core.state_bank_bits),
    ]
    if ec is not None:
        memories.append((("ec_core", "state"), ec.state_memory_bits, "state_bits", ec.state_bits, ec.state_bank_bits))
    for (section, memory), bits, word, word_bits, bank_bits in memories:
        if bits < word_bits:
            text = f"is {bits}, less than one word ({section}.{word} is {word_bits}): give bits, not words or KiB"
            yield (section, f"{memory}_memory_bits"), text
        if bank_bits is not None and bank_bits > bits:
            text = f"is {bank_bits}, more than the memory it is a part of ({bits}): give bits of one bank"
            yield (section, f"{memory}_bank_bits"), text
