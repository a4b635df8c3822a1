"""Are events that are summed for parts together those of each part alone, also where a program cuts otherwise than the run?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.actions.part import parts_by_look
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Trigger
from tests.graphs import vit_graph
from tests.simulator.runs import some_images

MINI = load_chip("ecmt45-mini")
SMALLER = replace(MINI, synapse_core=replace(MINI.synapse_core, max_neurons=8))


@pytest.mark.parametrize("chip", [MINI, SMALLER], ids=["own", "cut elsewhere"])
def test_totals_are_the_sums_of_parts(chip: Chip) -> None:
    graph = vit_graph(1, 5, 8, 2, 16, 3)
    run = execute(map_graph(graph, MINI, placement="row_major"), some_images(graph, 2), 2, "float32", keep_spikes=2)
    program, counts, seen = map_graph(graph, chip, placement="row_major"), SpikeCounts(run, 2), set()
    for parts in parts_by_look(program):
        for trigger in dict.fromkeys(action.trigger for action in actions_of(parts[0])):
            if trigger is not Trigger.STEP:
                each = [counts.events(program, part, trigger).sum(axis=(0, 2)) for part in parts]
                np.testing.assert_array_equal(counts.totals(program, parts, trigger), np.stack(each))
                seen.add(trigger)
    assert len(seen) >= 3
