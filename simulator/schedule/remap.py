"""Another chip than the one a run was mapped to: map the same graph again, with the same options."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from synaptile.hwmodels import Chip
from synaptile.mapper import CoreProgram, FiringRates, map_graph
from synaptile.simulator.activity import Activity


def same_chip(first: Chip, second: Chip) -> bool:
    """Whether two chips have the same figures; prose and origins apart."""
    prose = {name: getattr(first, name) for name in ("description", "lacks", "sources")}
    return first == second or first == replace(second, **prose)


def remapped(activity: Activity, chip: Chip) -> CoreProgram:
    """The activity's graph on another chip. Raises DoesNotFit."""
    options: dict[str, Any] = {
        name: activity.program.options[name]
        for name in ("seed", "replicas", "placement", "anneal_moves", "goal", "rates")
        if name in activity.program.options
    }
    if "rates" in options:
        options["rates"] = FiringRates(**options["rates"])
    return map_graph(activity.program.graph, chip, **options)


def same_counts(first: CoreProgram, second: CoreProgram) -> bool:
    """Whether every core of both programs issues the same operations: equal parts, and equal accumulators."""
    equal = all(np.array_equal(getattr(first.parts, f.name), getattr(second.parts, f.name)) for f in fields(first.parts))
    alike = (
        first.chip.synapse_core.graded_spikes == second.chip.synapse_core.graded_spikes and first.chip.units == second.chip.units
    )
    return equal and alike


def same_words(first: Chip, second: Chip) -> bool:
    """Whether words are as wide on both chips, and units issue the same operations."""

    def words(chip: Chip) -> tuple[object, ...]:
        core, ec, noc = chip.synapse_core, chip.ec_core, chip.noc
        widths = core.weight_bits, core.accumulator_bits, core.membrane_bits, noc.word_bits, noc.spike_header_bits
        return *widths, None if ec is None else ec.state_bits, chip.units

    return words(first) == words(second)


def images_kept(activity: Activity) -> int:
    """Leading images of which every site's spikes were kept."""
    kept = [0 if record.masks is None else record.masks.shape[1] for record in activity.spikes.values()]
    return min(kept, default=activity.images)
