"""Is the ANN's schedule that of a dense pass: by hand, against its bounds, and with the flits that are billed?"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import floor

import pytest

from synaptile.conversion.graph import Node, Port, Synapse, TokenMean
from synaptile.energy.flits import CROSSING, HOP, ann_flits
from synaptile.energy.prices import Price
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.program import CoreKind
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.rules import dense_operations_of
from synaptile.simulator.schedule.dense import dense_timeline
from tests.energy.hand_timeline import board_chip
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.schedule.programs import build, neurons, patches, place, plain_chip, readout, relu
from tests.schedule.test_phases import streamed


def busiest(program: CoreProgram) -> int:
    """Cycles of the busiest core at full rate, nothing waited for: from operations alone."""
    chip, work = program.chip, Counter[tuple[int, bool]]()
    for part in parts_of(program):
        rows = Fraction(part.rows, part.node.fan_in) if isinstance(part.node, Synapse) else 1
        share = Fraction(part.tokens * part.outputs, part.node.tokens * part.node.width) * rows
        for action in dense_operations_of(part.node):
            work[part.core, action.op.special] += floor(action.count * share)
    assert chip.ec_core is not None
    rates = (chip.ec_core.multipliers_per_cycle, chip.ec_core.special_functions_per_cycle)
    on_lanes = program.cores.kind == CoreKind.SYNAPSE
    return max(
        floor(count / Fraction(chip.synapse_core.lanes_per_cycle if on_lanes[core] else rates[special]))
        for (core, special), count in work.items()
    )


PRICES = {op: Price(1.0, "counted alone") for op in (HOP, CROSSING)}


@pytest.mark.parametrize("length", [1, 3])
def test_a_chain_by_hand(length: int) -> None:
    """The front end 16 operations; each relu 4 compares after a hop of 1 + 2 + 4 cycles; the read-out's own."""
    nodes: list[Node] = [patches("front", 1, 4)]
    nodes += [relu(f"r{i}", f"r{i - 1}" if i else "front", 1, 4) for i in range(length)]
    graph = build([*nodes, readout(f"r{length - 1}", 4)])
    tiles = {"front": (0, 0)} | {f"r{i}": (i + 1, 0) for i in range(length)}
    found = dense_timeline(place(graph, plain_chip(), tiles), 1)
    last = sum(action.count for action in dense_operations_of(graph.nodes["readout"]))
    assert found.latency_cycles == found.interval_cycles == 16 + length * (1 + 2 + 4 + 4) + last
    assert found.core_busy.tolist() == [16, *[4] * (length - 1), 4 + last] and found.flit_hops == 4 * length


def test_a_linear_layer_multiplies_on_its_lanes_and_its_neurons_take_no_time() -> None:
    site = neurons("site", "front", 2, 4)
    layer = Synapse("layer", (Port("site", 0, 4),), (2, 6), 4)
    mean = TokenMean("mean", (Port("layer", 0, 6),), (1, 6), 0, 2)
    graph = build([patches("front", 2, 4), site, layer, mean, readout("mean", 6)], (1, 2))
    program = place(graph, plain_chip(), {"front": (0, 0), "layer": (1, 0), "mean": (2, 0)})
    per_token = sum(action.count for action in dense_operations_of(graph.nodes["layer"])) // 2
    found = dense_timeline(program, 1)
    assert per_token == 4 * 6 + 6 and found.core_busy[1] == 2 * per_token
    arrives, sent = 2 * 16 + 1 + 2 + 4, 1 + 2 + 6  # a core prefers the front end's second token to the site's first
    assert found.latency_cycles == arrives + 2 * per_token + sent + found.core_busy[2], "both tokens of the layer, one by one"


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    return map_graph(vit_graph(1, 5, 8, 2, 16, 3, n=4), board_chip(), seed=0, anneal_moves=10)


def test_it_is_no_faster_than_its_busiest_core_and_sends_what_is_billed(program: CoreProgram) -> None:
    one, many = dense_timeline(program, 1), dense_timeline(program, 5)
    bound = busiest(program)
    assert one.latency_cycles >= bound and one.interval_cycles == one.makespan_cycles == one.latency_cycles
    assert bound <= many.interval_cycles <= one.latency_cycles <= many.makespan_cycles
    assert (many.core_busy == 5 * one.core_busy).all() and one.core_busy.max() >= bound
    assert one.flit_hops == ann_flits(program).bill(PRICES, 1).op_counts().sum()


def test_phases_bring_their_weights_first() -> None:
    chip = streamed(small_chip(mesh={"width": 2, "height": 2}, synapse={"weight_memory_bits": 4000}), 2, 2)
    program = map_graph(vit_graph(1, 5, 8, 2, 16, 3, n=4), chip, seed=0, anneal_moves=10)
    assert program.phases > 1
    assert chip.memories.dram is not None
    load_ns = int(program.cores.weight_bits_used.sum()) / chip.memories.dram.gbit_per_s
    found = dense_timeline(program, 2)
    assert found.makespan_cycles > load_ns * chip.clock_mhz / 1e3 and found.makespan_cycles > busiest(program)
