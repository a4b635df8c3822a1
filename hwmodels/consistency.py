"""What no single figure can show: figures that contradict one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from synaptile.foundation.documents import Location, Problem
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.sections import ECCore, Memories, Memory, SynapseCore

MAX_CORES = 2**24
"""Cores of a board, and the range in which 64 bits hold what is counted of them."""
MAX_BARRIER_CYCLES = 2**32


def contradictions(chip: Chip) -> Iterator[Problem]:
    """Pairs of where and what, for every pair of figures that cannot both hold."""
    yield from _sizes(chip)
    yield from _ec_cores(chip)
    yield from _board(chip)
    yield from _time_steps(chip)
    yield from _words(chip)
    yield from _dataflow(chip)
    yield from _streaming(chip)
    yield from _memories(chip)


def _sizes(chip: Chip) -> Iterator[Problem]:
    """Products of figures, each in range alone."""
    mesh = chip.mesh
    cores = mesh.tiles * mesh.max_chips * (mesh.synapse_cores_per_tile + mesh.ec_cores_per_tile)
    if cores > MAX_CORES:
        text = f"is {mesh.width}, with height {mesh.height} and max_chips {mesh.max_chips} that is {cores:,} cores, limit"
        yield ("mesh", "width"), f"{text} {MAX_CORES:,}: describe a smaller board"
    barrier = chip.barrier_ns * chip.clock_mhz / 1e3
    if barrier > MAX_BARRIER_CYCLES:
        text = f"is {chip.barrier_ns:g}, at {chip.clock_mhz:g} MHz that is {barrier:,.0f} cycles, limit {MAX_BARRIER_CYCLES:,}"
        yield ("barrier_ns",), f"{text}: shorten it"


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


def _dataflow(chip: Chip) -> Iterator[Problem]:
    """Both kinds of core work in one order, with room for what a block and a batch take."""
    cores: list[tuple[str, SynapseCore | ECCore]] = [("synapse_core", chip.synapse_core)]
    if chip.ec_core is not None:
        cores.append(("ec_core", chip.ec_core))
        other = chip.ec_core.dataflow.order
        if other != chip.synapse_core.dataflow.order:
            order = chip.synapse_core.dataflow.order
            yield ("ec_core", "dataflow", "order"), f"is {other}, that of synapse_core is {order}: both kinds of core work in one"
    if chip.layer_major and chip.synchronisation == "barrier":
        yield (
            ("synchronisation",),
            "is barrier, but in layer_major order no step of all layers ends at once: write dataflow",
        )
    if chip.layer_major and not chip.synapse_core.token_sharing:
        yield (
            ("synapse_core", "token_sharing"),
            "is false, but layer_major order takes tokens in blocks: write true",
        )
    for name, core in cores:
        flow = core.dataflow
        if flow.order == "step_major" and flow.time_batch > 1:
            text = f"is {flow.time_batch}, but the order is step_major, which does one step at a time: write 1, or layer_major"
            yield (name, "dataflow", "time_batch"), text
        if flow.order == "step_major" and flow.max_steps > 1:
            text = f"is {flow.max_steps}, but the order is step_major, where it limits nothing: remove it"
            yield (name, "dataflow", "max_steps"), text
        if flow.time_batch > flow.max_steps and flow.order == "layer_major":
            text = f"is {flow.time_batch}, more than the {flow.max_steps} steps that memories hold (max_steps): raise that"
            yield (name, "dataflow", "time_batch"), text
        if flow.accumulators == "registers":
            yield from _registers(chip, name, core)


def _registers(chip: Chip, name: str, core: SynapseCore | ECCore) -> Iterator[Problem]:
    """A lane holds the accumulators of one output: a sign or two, for each token of a block and step of a batch."""
    if core.registers is None:
        yield (name, "registers"), "is missing, but accumulators are registers: describe them"
        return
    flow, signs = core.dataflow, chip.synapse_core.accumulators
    needed = signs * flow.token_block * flow.time_batch
    if needed > core.registers.words:
        text = (
            f"is {core.registers.words}, an output needs {needed}: {signs} per token and step, x {flow.token_block} tokens, x "
            f"{flow.time_batch} steps: raise it, or lower {name}.dataflow.token_block or time_batch"
        )
        yield (name, "registers", "words"), text


def _streaming(chip: Chip) -> Iterator[Problem]:
    if chip.weights == "streamed" and chip.memories.dram is None:
        yield ("memories", "dram"), "is missing, but weights are streamed: describe the memory that they come from"
    if chip.weights == "resident" and chip.images_per_load > 1:
        yield ("images_per_load",), f"is {chip.images_per_load}, but weights are resident: remove it, or write weights: streamed"


def _memories(chip: Chip) -> Iterator[Problem]:
    """A memory has figures of its own or a flavour, and all of them."""
    for known in fields(Memories):
        memory = getattr(chip.memories, known.name)
        if not isinstance(memory, Memory):
            continue
        own = {key: getattr(memory, key) for key in ("read_pj", "write_pj", "access_ns", "leakage_uw")}
        given = [key for key, value in own.items() if value is not None]
        if memory.flavour is not None and given:
            yield (
                ("memories", known.name, given[0]),
                "is given, and a flavour, which gives it from a table: remove one of the two",
            )
        lacking = [key for key in ("read_pj", "write_pj") if own[key] is None]
        if memory.flavour is None and lacking:
            yield ("memories", known.name, lacking[0]), "is missing: give both energies, or a flavour to take them from a table"
