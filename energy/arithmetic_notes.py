"""Which arithmetic accuracy and spikes belong to, where it is not what is priced, and what left its range."""

from __future__ import annotations

from synaptile.conversion.graph import Neurons, Synapse
from synaptile.energy.widths import stated, summary
from synaptile.hwmodels import Chip
from synaptile.simulator.activity import Activity
from synaptile.simulator.arithmetic import not_executed


def arithmetic_notes(activity: Activity, chip: Chip) -> tuple[str, ...]:
    """Notes of a run with formats or tables, or billed on a chip with them; none for any other."""
    mapped = activity.program.chip
    chips = (mapped, chip)
    if activity.synthetic is not None:
        return ()
    if not (activity.numeric == "chip" or any(stated(c) or c.functions.tables for c in chips)):
        return _narrow_words(activity, chip)
    told = activity.provenance.get("arithmetic", f"{activity.numeric}, functions in software")
    notes = [f"Accuracy and spikes are those of what was executed: {told}."]
    if stated(chip) and activity.numeric != "chip":
        notes.append(
            f"{chip.name} computes in {summary(chip)}, this run in {activity.numeric}: its accuracy is not that of the chip. "
            "Run with --numeric chip."
        )
    elif stated(chip) and mapped.digest != chip.digest:
        notes.append(
            f"{chip.name} computes in {summary(chip)}; the run in the formats of {mapped.name}: accuracy is of the latter."
        )
    if priced := not_executed(chip, activity.program.graph):
        notes.append(f"Priced in the chip's format and executed in fp32: {', '.join(priced)}.")
    if chip.functions != mapped.functions:
        tables = ", ".join(chip.functions.tables) or "none"
        notes.append(
            f"{chip.name} has other function tables ({tables}) than those of {mapped.name}, which were executed: accuracy and "
            "spikes are of the latter, prices of the former."
        )
    return (*notes, *_departures(activity))


def _narrow_words(activity: Activity, chip: Chip) -> tuple[str, ...]:
    """A chip without formats whose words could not hold what the run computed with."""
    weights, sums = (8, 32) if activity.numeric == "int8" else (32, 32)
    core = chip.synapse_core
    pairs = (("weights", core.weight_bits, weights), ("accumulators", core.accumulator_bits, sums))
    narrow = [f"{what} of {stored} bits ({needed} executed)" for what, stored, needed in pairs if stored < needed]
    if not narrow or activity.program.graph.integer:
        return ()
    return (
        f"{chip.name} stores {' and '.join(narrow)} and states no formats: accuracy and spikes are those of a {activity.numeric} "
        "run, not of such words. State synapse_core.formats and ec_core.formats to execute them.",
    )


def _departures(activity: Activity) -> list[str]:
    nodes, counts = activity.program.graph.nodes, {name: int(one.sum()) for name, one in activity.departures.items()}
    sums = {name: count for name, count in counts.items() if isinstance(nodes[name], Synapse)}
    membranes = {name: count for name, count in counts.items() if isinstance(nodes[name], Neurons)}
    inputs = {name: count for name, count in counts.items() if name not in sums and name not in membranes}
    notes = []
    core = activity.program.chip.synapse_core.formats
    for found, what in (
        (sums, f"additions left their accumulators ({core.overflow if core is not None else 'wrap'})"),
        (membranes, f"sums left their membranes ({core.overflow if core is not None else 'wrap'})"),
        (inputs, "inputs of functions lay outside the range of their table and took its nearer end"),
    ):
        if total := sum(found.values()):
            worst = max(found, key=lambda name: found[name])
            notes.append(f"{total:,} {what}, over {activity.images} images; most of them at {worst!r} ({found[worst]:,}).")
    return notes
