"""What no single figure can show: figures that contradict one another."""

from __future__ import annotations

from collections.abc import Iterator

from synaptile.foundation.documents import Location, Problem
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.banks import MemoryName, own_memories, table_figures
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.formats import BITS, SIGNIFICANDS, Format, is_integer
from synaptile.hwmodels.network import network_contradictions
from synaptile.hwmodels.node import REFERENCE, Supply, problem
from synaptile.hwmodels.sections import ECCore, Memory, SynapseCore
from synaptile.hwmodels.sram_table import LARGEST_BYTES, SMALLEST_BYTES

MAX_CORES = 2**24
"""Cores of a board, and the range in which 64 bits hold what is counted of them."""
MAX_BARRIER_CYCLES = 2**32
MOST_SEGMENTS = 2**16
"""Segments of a table that is executed."""


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
    yield from _power(chip)
    yield from _in_prices(chip)
    yield from _formats(chip)
    yield from network_contradictions(chip)
    yield from _functions(chip)
    if chip.scaling != "none" and (found := problem(Supply(chip.process_nm, chip.voltage_v))):
        yield (found[0],), found[1]
    yield from _moved_banks(chip)


def _moved_banks(chip: Chip) -> Iterator[Problem]:
    """Banks priced by Horowitz' line move to another node as CACTI 7's do, so they lie within its sizes."""
    if chip.scaling == "none" or chip.process_nm == REFERENCE.process_nm:
        return
    core, ec, smallest, largest = chip.synapse_core, chip.ec_core, 8 * SMALLEST_BYTES, 8 * LARGEST_BYTES
    banks = [("synapse_core", "weight", core.weight_bank_bits, core.weight_memory_bits, chip.memories.weight)]
    banks.append(("synapse_core", "state", core.state_bank_bits, core.state_memory_bits, chip.memories.state))
    if ec is not None:
        banks.append(("ec_core", "state", ec.state_bank_bits, ec.state_memory_bits, chip.memories.ec_state))
    for section, memory, bank, whole, own in banks:
        if own is None and not smallest <= (bank or whole) <= largest:
            text = (
                f"is {bank or whole:,}, beyond the banks of {smallest:,} to {largest:,} bits of CACTI 7, by which an access "
                f"moves from {REFERENCE.process_nm:g} to {chip.process_nm:g} nm: give a bank of such a size, or section memories"
            )
            yield (section, f"{memory}_{'bank' if bank else 'memory'}_bits"), text


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
        if chip.memories.ec_state is not None:
            yield ("memories", "ec_state"), "is given, but there is no section ec_core: remove it (null where it is inherited)"
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
    if (times := chip.step_times) is None:
        return
    if chip.synchronisation == "dataflow":
        yield ("step_times",), "is given, but synchronisation is dataflow: remove it (null where inherited), or write barrier"
    for key in ("linear_format", "convolution_format"):
        if times.synop_ns(stored := getattr(times, key)) is None:
            figure = f"step_times.{stored}_synop_ns"
            yield ("step_times", key), f"is {stored}, but {figure} is missing: give that time, or another format"
    for tiles in times.barrier_ns:
        if not (tiles.isascii() and tiles.isdigit() and 1 <= int(tiles) <= chip.mesh.tiles * chip.mesh.max_chips):
            most = chip.mesh.tiles * chip.mesh.max_chips
            yield ("step_times", "barrier_ns", tiles), f"is no number of tiles: write one from 1 to {most}, in quotes"


def _in_prices(chip: Chip) -> Iterator[Problem]:
    """A MAC that holds its memory is one that the chip prices; updates are priced with and without a spike, or not at all."""
    if chip.synapse_core.memory_in_mac and not chip.operation_pj.get("mac"):
        yield ("synapse_core", "memory_in_mac"), "is given, but operation_pj.mac is not: give that energy, or remove this"
    given = [set(chip.operation_pj.get(f"neuron_update_{state}", ())) for state in ("active", "inactive")]
    if given[0] != given[1]:
        text = "has other number formats than neuron_update_inactive: an update is priced with and without a spike, or not at all"
        yield ("operation_pj", "neuron_update_active"), text


def _power(chip: Chip) -> Iterator[Problem]:
    power = chip.power
    if power is None:
        return
    if power.ec_core is None and chip.ec_core is not None:
        yield ("power", "ec_core"), "is missing, and the chip has EC cores: say what they take, working, idle and gated"
    if power.ec_core is not None and chip.ec_core is None:
        yield ("power", "ec_core"), "is given, but there is no section ec_core: remove it (null where it is inherited)"
    for name, core in (("synapse_core", power.synapse_core), ("ec_core", power.ec_core)):
        if core is not None and not core.gated_pj_per_cycle <= core.idle_pj_per_cycle <= core.busy_pj_per_cycle:
            figures = f"{core.gated_pj_per_cycle:g}, {core.idle_pj_per_cycle:g} and {core.busy_pj_per_cycle:g} pJ per cycle"
            yield ("power", name), f"takes {figures} gated, idle and busy: no state may take less than the one before it"
    if power.router.gated_pj_per_cycle > power.router.idle_pj_per_cycle:
        gated, idle = power.router.gated_pj_per_cycle, power.router.idle_pj_per_cycle
        yield ("power", "router"), f"takes {gated:g} pJ per cycle gated and {idle:g} idle: gated may not take more"


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
    for name, memory in own_memories(chip):
        own = {key: getattr(memory, key) for key in ("read_pj", "write_pj", "access_ns", "leakage_uw")}
        given = [key for key, value in own.items() if value is not None]
        if memory.flavour is not None and given:
            yield (
                ("memories", name, given[0]),
                "is given, and a flavour, which gives it from a table: remove one of the two",
            )
        elif memory.flavour is not None:
            yield from _beyond_the_table(chip, name, memory)
        lacking = [key for key in ("read_pj", "write_pj") if own[key] is None]
        if memory.flavour is None and lacking:
            yield ("memories", name, lacking[0]), "is missing: give both energies, or a flavour to take them from a table"


def _beyond_the_table(chip: Chip, name: MemoryName, memory: Memory) -> Iterator[Problem]:
    """A bank that CACTI 7 has no rows around, found before anything is mapped."""
    try:
        table_figures(chip, name, memory)
    except ChipError as error:
        yield ("memories", name, "flavour"), f"is {memory.flavour}: {str(error).partition(': ')[2]}"


def _formats(chip: Chip) -> Iterator[Problem]:
    """Words are as wide as their formats, sums no narrower than weights and of their kind; both kinds of core state formats."""
    core, ec = chip.synapse_core, chip.ec_core
    own, other = core.formats, ec.formats if ec is not None else None
    if ec is not None and (own is None) != (other is None):
        given, lacking = ("synapse_core", "ec_core") if other is None else ("ec_core", "synapse_core")
        yield (
            (lacking, "formats"),
            f"is missing, but {given} states its own: state those of both kinds of core, or of neither",
        )
    if own is not None:
        words: list[tuple[str, Format, str, int]] = [
            ("weights", own.weights, "weight_bits", core.weight_bits),
            ("accumulators", own.accumulators, "accumulator_bits", core.accumulator_bits),
            ("membranes", own.membranes or own.accumulators, "membrane_bits", core.membrane_bits),
        ]
        for key, name, figure, bits in words:
            if BITS[name] != bits:
                yield ("synapse_core", "formats", key), f"is {name}, but synapse_core.{figure} is {bits}: make both agree"
        if is_integer(own.weights) != is_integer(own.accumulators):
            text = f"is {own.accumulators}, weights are {own.weights}: sums are whole numbers where weights are, or both are real"
            yield ("synapse_core", "formats", "accumulators"), text
        elif BITS[own.accumulators] < BITS[own.weights]:
            text = f"is {own.accumulators}, narrower than the weights that it adds ({own.weights}): widen it"
            yield ("synapse_core", "formats", "accumulators"), text
        elif not is_integer(own.accumulators) and own.accumulators != "fp32":
            text = f"is {own.accumulators}, but sums of real weights are executed in fp32 alone: write fp32, or whole weights"
            yield ("synapse_core", "formats", "accumulators"), text
    if ec is not None and other is not None:
        sums = other.sums or other.arithmetic
        if is_integer(other.arithmetic):
            text = f"is {other.arithmetic}, but EC units are executed in fp16, bf16 or fp32 alone: write one of them"
            yield ("ec_core", "formats", "arithmetic"), text
        elif sums != other.arithmetic:
            text = f"is {sums}, but EC units are executed in one format, and the arithmetic is {other.arithmetic}: leave sums out"
            yield ("ec_core", "formats", "sums"), text
        for key, name in (("arithmetic", other.arithmetic), ("sums", sums), ("products", other.products or sums)):
            if BITS[name] > ec.state_bits:
                text = f"is {name}, but a word of the core is {ec.state_bits} bits (ec_core.state_bits): widen that"
                yield ("ec_core", "formats", key), text
    word = chip.noc.word_format
    if word is not None and BITS[word] != chip.noc.word_bits:
        yield ("noc", "word_format"), f"is {word}, but noc.word_bits is {chip.noc.word_bits}: make both agree"


def _functions(chip: Chip) -> Iterator[Problem]:
    """A table has a range, unless it is over a significand; what is a table has no expansion."""
    for name, table in chip.functions.tables.items():
        where = ("functions", name)
        for key, value in (("low", table.low), ("high", table.high)):
            if name in SIGNIFICANDS and value is not None:
                low, high = SIGNIFICANDS[name]
                yield (*where, key), f"is given, but the table of {name} is over the significand, {low:g}:{high:g}: remove it"
            if name not in SIGNIFICANDS and value is None:
                yield (*where, key), "is missing: give the range of the table"
        if table.low is not None and table.high is not None and table.low >= table.high:
            yield (*where, "high"), f"is {table.high:g}, not above low ({table.low:g}): give the end of the range"
        if not 2 <= table.bits <= 32:
            yield (*where, "bits"), f"is {table.bits}, a slope or an intercept has 2 to 32: give bits of one word"
        if table.segments > MOST_SEGMENTS:
            yield (*where, "segments"), f"is {table.segments:,}, at most {MOST_SEGMENTS:,} are executed: give fewer"
        if name in chip.special_functions:
            yield where, f"is a table, and special_functions.{name} is an expansion of it: remove one of the two"
    if chip.functions.tables and chip.ec_core is None:
        yield (
            ("functions",),
            "is given, but there is no section ec_core to evaluate them: describe that core, or remove it",
        )
