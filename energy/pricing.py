"""price: an Activity and a chip -> an EnergyReport."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synaptile.conversion.graph import PatchEmbedding
from synaptile.energy.accountings import LADDER, Comparison, compare
from synaptile.energy.arithmetic_notes import arithmetic_notes
from synaptile.energy.conservation import check_activity, check_bill
from synaptile.energy.energy_report import EnergyReport
from synaptile.energy.horowitz import NUMBER_FORMATS
from synaptile.energy.inside import ACTIVE, INACTIVE, Inside, inside_prices, with_updates
from synaptile.energy.notes import rung_notes
from synaptile.energy.prices import HOROWITZ, EnergyTable, at_node, check_number_format, table_for
from synaptile.energy.rungs import upper_rungs
from synaptile.energy.widths import published_format, stated, summary, widened, with_shifts
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip, as_chip
from synaptile.hwmodels.node import LOGIC_SOURCE, REFERENCE, factors
from synaptile.hwmodels.scale import supply_of
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.rebase import counted_on
from synaptile.simulator.schedule.remap import same_words
from synaptile.simulator.schedule.timeline import Timeline

_FORMAT_OF = {"float32": "fp32", "float64": "fp32", "int8": "int8"}


def price(
    activity: Activity,
    chip: Chip | str | Path,
    *,
    timeline: Timeline | None = None,
    number_format: str | None = None,
    energy_table: EnergyTable | None = None,
) -> EnergyReport:
    """Bill a run on a chip (or its name or file), SNN and ANN side by side, and check that nothing was lost on the way.

    `number_format` is "fp32", "fp16" or "int8" and holds for both sides; the default follows the run (int8 for an int8 run, fp32
    otherwise). Executed operations cost what `chip` says, else Horowitz' 45 nm figure, scaled to the chip's node and supply
    unless it says `scaling: none`; eq30 and released keep the published pair E_MAC, E_AC of the number format whatever the chip,
    scaled alike: its ratio stays. An `energy_table` given replaces both. Memories, NoC and leakage cost what `chip` says.

    `timeline` is the run's schedule on `chip`: with it the ladder reaches its last rung.

    A run that was mapped to a chip with other words or units is mapped to this one and counted anew, from the spikes it kept.

    Raises InputError for an unknown number format, a run whose spikes do not tell what this chip's words make of it, or a
    schedule of something else, ChipError for a chip that prices what no core issues, ConservationError where counts disagree.
    """
    expect(activity, Activity, "activity", "give what execute, synthesise or load_activity returns")
    chip = as_chip(chip)
    own, formats = chip.synapse_core.formats, number_format is None and stated(chip)
    activity = _counted(activity, chip, timeline)
    chosen = number_format or (published_format(own.weights) if formats and own else _format_of(activity))
    check_number_format(chosen, NUMBER_FORMATS)
    table = table_for(chip) if energy_table is None else energy_table
    published = at_node(HOROWITZ, chip) if energy_table is None else energy_table
    check_activity(activity)
    comparisons = compare(activity, chosen, published, table)
    executed = comparisons["executed"]
    if formats:
        graph = activity.program.graph
        snn, ann = (widened(bill, graph, chip, table) for bill in executed.bills)
        check_bill(snn, activity)
        comparisons["executed"] = replace(executed, snn=with_shifts(snn, graph, chip, table), ann=ann)
    else:
        check_bill(executed.snn, activity)
    ac_format = own.accumulators if formats and own else chosen
    inside = Inside() if energy_table is not None else inside_prices(chip, ac_format, chosen, chosen)
    if inside.updates:
        executed = comparisons["executed"]
        comparisons["executed"] = replace(executed, snn=with_updates(executed.snn, activity.program, table, chosen))
    rungs = upper_rungs(activity, chip, comparisons["executed"], timeline=timeline, inside=inside)
    comparisons |= rungs.cumulative
    notes = activity.synthetic_notes + _notes(activity, chip, chosen, table, comparisons, custom=energy_table is not None)
    notes += arithmetic_notes(activity, chip)
    notes += rung_notes(activity, chip, rungs, timeline, inside=inside)
    return EnergyReport(
        activity,
        chip,
        summary(chip) if formats else chosen,
        {op: price for bill in comparisons["executed"].bills for op, price in bill.prices.items()},
        published.prices(chosen),
        comparisons,
        notes,
        additions=rungs.additions,
        missing=rungs.missing,
        find_best=rungs.find_best,
        performance=rungs.performance,
        timeline=timeline,
    )


def _format_of(activity: Activity) -> str:
    """The number format of a whole bill that a run's arithmetic stands for."""
    own = activity.program.chip.synapse_core.formats
    if activity.numeric != "chip":
        return _FORMAT_OF[activity.numeric]
    return "fp32" if own is None else published_format(own.weights)


def _counted(activity: Activity, chip: Chip, timeline: Timeline | None) -> Activity:
    """The run counted anew where the chip has other words or units than the one mapped to: never billed with old words."""
    if timeline is None or same_words(chip, activity.program.chip):
        return counted_on(activity, chip)
    raise InputError(
        f"the run was counted on {activity.program.chip.name}, whose words or units differ from those of {chip.name}: count it "
        "there first, counted_on(activity, chip), and schedule what that returns"
    )


def _node_notes(chip: Chip) -> list[str]:
    here = supply_of(chip)
    if here == REFERENCE:
        return []
    if chip.scaling == "none":
        return [f"{chip.name} ({here}) says scaling: none: figures from Horowitz hold at {REFERENCE} and are not scaled."]
    return [
        f"Figures are those of {here}: energy of logic x {factors(REFERENCE, here).energy:.4g} from {REFERENCE} "
        f"({LOGIC_SOURCE}), memories by CACTI 7 (on a supply of their own), wires by length and voltage squared; "
        "each price says what moved it."
    ]


def _notes(
    activity: Activity, chip: Chip, number_format: str, table: EnergyTable, comparisons: dict[str, Comparison], *, custom: bool
) -> tuple[str, ...]:
    """What a reader of the report must know about where its figures come from."""
    notes = []
    priced = {op for op, by_format in chip.operation_pj.items() if number_format in by_format}
    own = priced & set(OPS)
    mapped = activity.program.chip
    if mapped.digest != chip.digest:
        notes.append(
            f"The run was mapped to and executed on {mapped.name}; its operations are billed at the energies of {chip.name}."
        )
    if _format_of(activity) != number_format and not stated(chip):
        notes.append(f"Operations were counted in a {activity.numeric} run and are billed at {number_format}, SNN and ANN alike.")
    if number_format == "int8" and not stated(chip):
        notes.append("At int8 the EC units' real-valued arithmetic is billed at int8 energies too, in the SNN and in the ANN.")
    if custom:
        notes.append(f"Every accounting is billed from the energy table {table.name!r} given by the caller.")
    else:
        if own:
            listed = ", ".join(sorted(own))
            notes.append(
                f"Executed operations priced by {chip.name} itself: {listed}; "
                "all others, and eq30 and released, are Horowitz' 45 nm."
            )
        if ("ac" in own) != ("mac" in own):
            one, other = ("ac", "mac") if "ac" in own else ("mac", "ac")
            notes.append(
                f"{chip.name} gives an energy for {one} and none for {other}: on the rung 'executed' the two sides of the ratio "
                "rest on different sources."
            )
        if unused := priced - own - ({ACTIVE, INACTIVE} if {ACTIVE, INACTIVE} <= priced else set()):
            notes.append(
                f"{chip.name} also prices {', '.join(sorted(unused))}, which a run does not count one by one: not billed."
            )
        notes += _node_notes(chip)
    if chip.virtual_host_ec:
        notes.append(
            f"VIRTUAL HOST EC UNIT: {chip.name} was given an EC core a tile that the silicon does not have, with the figures of "
            "ecmt45."
        )
    if chip.ec_core is None:
        notes.append(f"{chip.name} has no multiplier, so the ANN beside it is one that this chip could not run.")
    if any(isinstance(node, PatchEmbedding) for node in activity.program.graph.nodes.values()):
        notes.append(
            "The patch embedding counts on the rung 'executed' on both sides, once an image, and not in eq30 and released."
        )
    if unpriced := next(comparisons[name] for name in reversed(LADDER) if name in comparisons).unpriced:
        notes.append(f"UNPRICED operations were issued and stand in no total: {', '.join(unpriced)}.")
    return tuple(notes)
