"""Convolutions where a core shares weights over tokens: are positions tokens, and do older programs still load?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synaptile.conversion.graph import Convolution2d, IFNeurons, Port, ReadOut, SpikeSource, SpikingGraph
from synaptile.foundation.errors import ConservationError
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.mapper.verify import verify_parts
from tests.mapper.chips import small_chip

SIDE = 20


def network(channels: int = 12, groups: int = 1, side: int = SIDE) -> SpikingGraph:
    """Trains of an image, a padded 3 x 3 convolution to as many channels, neurons that the host counts."""
    image, width = (channels, side, side), channels * side * side
    nodes = (
        SpikeSource("in", (), (1, width), image),
        Convolution2d("conv", (Port("in", 0, width),), (1, width), image, (3, 3), padding=(1, 1), groups=groups),
        IFNeurons("fire", (Port("conv", 0, width),), (1, width), "value"),
        ReadOut("out", (Port("fire", 0, width),), (1, width), off_chip=True),
    )
    return SpikingGraph.build("net", nodes, {}, {}, structure_only=True)


def parts(program: CoreProgram, name: str) -> list[int]:
    found: list[int] = getattr(program.parts, name)[program.parts_of("conv")].tolist()
    return found


def sharing(**figures: Any) -> Chip:
    return small_chip(mesh={"max_chips": 64}, synapse=figures)


def test_axons_are_weight_rows_and_neurons_channels() -> None:
    """12 channels of 400 positions: two parts of 6, each 12 x 9 rows; depthwise, a part has the rows of its own channels."""
    program = map_graph(network(), sharing(max_neurons=6), anneal_moves=0)
    assert parts(program, "neurons") == [6, 6]
    assert parts(program, "axons") == [12 * 9] * 2
    depthwise = map_graph(network(groups=12), sharing(max_neurons=6), anneal_moves=0)
    assert parts(depthwise, "axons") == [6 * 9] * 2
    halves = map_graph(network(groups=2), sharing(max_neurons=4), anneal_moves=0)  # the second of three parts lies in both
    assert parts(halves, "axons") == [6 * 9, 12 * 9, 6 * 9]
    rows = map_graph(network(), sharing(state_memory_bits=5 * 32 * SIDE * 7), anneal_moves=0)  # 4 accumulators, a membrane
    assert parts(rows, "neurons") == [1] * 36, "20 rows in three, of each channel"


def test_a_chip_without_sharing_names_each_neuron_in_front() -> None:
    program = map_graph(network(2), sharing(token_sharing=False), anneal_moves=0)
    assert parts(program, "axons") == [2 * SIDE * SIDE]
    assert parts(program, "neurons") == [2 * SIDE * SIDE]


def test_a_convolution_of_real_size_takes_the_cores_that_its_state_takes() -> None:
    """A stage of a ResNet on ecmt45: 64 channels of 56 x 56, 5 words of state each, one channel per core."""
    program = map_graph(network(64, side=56), load_chip("ecmt45"), anneal_moves=0)
    assert program.cores.kind.size == 64
    assert set(parts(program, "axons")) == {64 * 9}


def test_programs_that_counted_every_position_are_whole() -> None:
    graph, chip = network(8), sharing()
    program = map_graph(graph, chip, anneal_moves=0)
    own = program.parts_of("conv")
    for name, stated, sound in (("axons", 8 * 400, True), ("neurons", 8 * 400, True), ("axons", 8 * 9 - 1, False)):
        column = getattr(program.parts, name).copy()
        column[own] = stated
        altered = replace(program.parts, **{name: column})
        if sound:
            verify_parts(graph, chip, program.node_names, altered)
        else:
            with pytest.raises(ConservationError, match="states axons 71, its rectangle takes 72"):
                verify_parts(graph, chip, program.node_names, altered)


def test_a_refusal_advises_nothing_that_is_so_already() -> None:
    with pytest.raises(DoesNotFit, match=r"needs 108 axons of synapse_core\.max_axons, limit 107") as caught:
        map_graph(network(), sharing(max_axons=107))
    (axons,) = [one for one in caught.value.shortfalls if one.where == "the smallest part of 'conv'"]
    assert axons.levers == ("raise synapse_core.max_axons to 108",)
    with pytest.raises(DoesNotFit, match=r"time-multiplex axons over tokens \(synapse_core.token_sharing: true\)"):
        map_graph(network(), sharing(max_axons=107, token_sharing=False))
