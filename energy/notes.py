"""What a reader must know about memory, NoC and static energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from synaptile.energy.flits import unpriced_at_cores
from synaptile.energy.inside import Inside
from synaptile.energy.memory import fetches_are_scaled
from synaptile.energy.memory_prices import EC, STATE, WEIGHT
from synaptile.energy.prices import Price
from synaptile.energy.rungs import Rungs
from synaptile.hwmodels import Chip
from synaptile.hwmodels.banks import slow_banks
from synaptile.hwmodels.sections import Dataflow, Memories
from synaptile.simulator.actions.fetches import shared_nodes
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.arrivals import images_compared
from synaptile.simulator.schedule.remap import images_kept
from synaptile.simulator.schedule.timeline import Timeline


def rung_notes(activity: Activity, chip: Chip, rungs: Rungs, timeline: Timeline | None, *, inside: Inside) -> tuple[str, ...]:
    """Notes on the rungs that the report has; what is missing is said by the ladder itself."""
    notes = _text(activity, timeline)
    if "memory" in rungs.additions:
        notes += _memory(activity, chip, rungs, inside=inside)
        notes += [] if timeline is None else _compared(timeline)
    if "noc" in rungs.additions:
        notes += _noc(activity, timeline)
    if timeline is not None and "static" in rungs.additions:
        notes += _static(activity, timeline)
    return tuple(notes)


def _text(activity: Activity, timeline: Timeline | None) -> list[str]:
    if activity.lengths is None:
        return []
    shortest, longest = int(activity.lengths.min()), int(activity.lengths.max())
    room = activity.program.graph.source.tokens
    notes = [
        f"Sentences of {shortest} to {longest} tokens, on a program for up to {room}: SNN and ANN are billed for real tokens "
        "alone, as means over the sentences. The embedding counts on the rung 'executed' on both sides, once per sentence, and "
        "not in eq30 and released."
    ]
    if timeline is not None and shortest != longest:
        notes.append(
            f"The schedule streamed sentences of {timeline.program.graph.source.tokens} tokens: NoC and static energy, SNN and "
            "ANN alike, are those of that length."
        )
    return notes


def _memory(activity: Activity, chip: Chip, rungs: Rungs, *, inside: Inside) -> list[str]:
    prices = rungs.additions["memory"].snn.prices
    if chip != replace(chip, memories=Memories()) or _flows(chip) != {Dataflow()}:
        return _machine(activity, chip, prices)
    shown = ", ".join(f"{op} {prices[op].pj:g} pJ" for op in (WEIGHT, STATE, EC) if op in prices and prices[op].pj is not None)
    banked = [
        name
        for name, bank in (
            ("weights", chip.synapse_core.weight_bank_bits),
            ("state of synapse cores", chip.synapse_core.state_bank_bits),
            ("EC memory", chip.ec_core.state_bank_bits if chip.ec_core is not None else None),
        )
        if bank is not None
    ]
    notes = [
        f"Memory, 64 bits at a time, words as wide as the chip stores them: {shown}. "
        + (f"An access opens one bank ({', '.join(banked)}); wires between banks and datapath are left out. " if banked else "")
        + ("" if len(banked) == 3 else "A memory without banks in the chip file counts as one SRAM. ")
        + "The ANN follows the same dataflow: every activation fetches its weight row and updates accumulators in SRAM."
    ]
    if inside.ac:
        notes.append(
            f"{chip.name}'s own energy of an accumulate holds its memory accesses, so an event adds none on the rung 'memory'; "
            + ("that of a MAC does too." if inside.mac else "the ANN's MACs are priced without memory and pay it there.")
        )
    if inside.updates:
        notes.append(
            f"Neurons of {chip.name}'s synapse cores are billed by the update, at its own figures: active where a spike is sent, "
            "inactive otherwise. Membranes, currents and biases are in that price."
        )
    return notes


def _compared(timeline: Timeline) -> list[str]:
    """Which row fetches schedule, run and bill could not be held against each other."""
    compared = images_compared(timeline)
    if timeline.remapped and shared_nodes(timeline.program, timeline.program.chip):
        return ["Row fetches of the schedule could not be compared: it re-mapped the network, execution tallied other parts."]
    if compared == timeline.images:
        return []
    return [
        f"Row fetches of execution and schedule were compared for {compared} of {timeline.images} scheduled images, whose spikes "
        f"were kept: run with keep_spikes={timeline.images} (--keep-spikes) to compare all, and to see them in traces."
    ]


def _flows(chip: Chip) -> set[Dataflow]:
    return {core.dataflow for core in (chip.synapse_core, chip.ec_core) if core is not None}


def _machine(activity: Activity, chip: Chip, prices: Mapping[str, Price]) -> list[str]:
    """Notes on a chip with memories or a dataflow of its own."""
    shown = ", ".join(f"{op} {price.pj:.4g} pJ" for op, price in sorted(prices.items()) if price.pj is not None)
    flow = chip.synapse_core.dataflow
    notes = [
        f"Memory, words as wide as the chip stores them: {shown}.",
        f"Dataflow {flow.order}: a fetched row serves {flow.token_block} tokens x {flow.time_batch} steps, accumulators in "
        f"{flow.accumulators}. The ANN follows the same dataflow, one step.",
    ]
    if fetches_are_scaled(activity, chip):
        notes.append(
            f"The run was executed for another dataflow: row fetches are those of the {images_kept(activity)} images whose "
            f"spikes were kept, scaled to all {activity.images}; exact with keep_spikes={activity.images}, or executed here."
        )
    if activity.program.phases > 1:
        notes.append(
            f"Weights are streamed in {activity.program.phases} phases, once for {chip.images_per_load} images; their DRAM "
            "traffic, and that of what phases hand on, stands on the rung 'memory'."
        )
    notes += slow_banks(chip)
    return notes


def _noc(activity: Activity, timeline: Timeline | None) -> list[str]:
    chip = (timeline or activity).program.chip
    free = unpriced_at_cores(chip)
    notes = (
        [f"{chip.name} gives no energy for {', '.join(free)} of a flit beside its hops: billed 0, on either side."]
        if free
        else []
    )
    if timeline is None:
        return [*notes, "Flits are derived from recorded spikes and the program's trees: exact, without a schedule."]
    if timeline.images == activity.images:
        return notes
    return [
        *notes,
        f"NoC and static energy are means over the {timeline.images} scheduled images, all other energies over "
        f"the {activity.images} executed ones.",
    ]


def _static(activity: Activity, timeline: Timeline) -> list[str]:
    how = "the makespan of one image" if timeline.images == 1 else f"the mean interval in a stream of {timeline.images} images"
    notes = [
        f"Static energy covers {how}, of SNN and ANN each by its own schedule on the same cores. All cores and routers of the "
        "board leak, in use or not."
    ]
    chip = timeline.program.chip
    if chip.power is None:
        notes.append(f"{chip.name} states no clock, idle or control energy (section power): none is billed, on either side.")
    if timeline.remapped:
        notes.append(
            "The schedule re-mapped the network: operations and memory are those of the executed mapping, NoC and static energy "
            "those of the new one."
        )
    return notes
