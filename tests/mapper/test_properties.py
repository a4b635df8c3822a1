"""Whatever the graph and the chip: is every weight on the chip once a replica, is every limit kept, is every refusal true?"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import ImageSource, SpikingGraph, Synapse
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Memories, Memory
from synaptile.mapper import CoreKind, CoreProgram, map_graph
from synaptile.mapper.refusal import DoesNotFit
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@st.composite
def graphs(draw: st.DrawFn) -> SpikingGraph:
    heads = draw(st.integers(1, 3))
    return vit_graph(
        depth=draw(st.integers(1, 2)),
        tokens=draw(st.integers(2, 11)),
        width=heads * draw(st.integers(2, 7)),
        heads=heads,
        hidden=draw(st.integers(3, 30)),
        classes=draw(st.integers(1, 9)),
        n=draw(st.integers(1, 8)),
        dense_head=draw(st.booleans()),
        select_first=draw(st.booleans()),
    )


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    words = st.integers(2, 4000).map(lambda count: count * 32)
    chip = small_chip(
        mesh={
            "width": draw(st.integers(1, 5)),
            "height": draw(st.integers(1, 5)),
            "synapse_cores_per_tile": draw(st.integers(1, 3)),
            "ec_cores_per_tile": draw(st.integers(1, 3)),
            "max_chips": draw(st.integers(1, 60)),
        },
        synapse={
            "weight_memory_bits": draw(words),
            "state_memory_bits": draw(words),
            "max_neurons": draw(st.integers(1, 300)),
            "max_axons": draw(st.integers(1, 300)),
            "graded_spikes": draw(st.sampled_from(["shift", "replicate"])),
            "token_sharing": draw(st.booleans()),
        },
        ec={"state_memory_bits": draw(st.integers(30, 6000)) * 32, "max_neurons": draw(st.integers(1, 4000))},
    )
    waits = Memory(width_bits=64, read_pj=1.0, write_pj=1.0) if draw(st.booleans()) else None
    return replace(chip, memories=Memories(event_buffer=waits))


def every_weight_once(program: CoreProgram, synapse: Synapse) -> None:
    """Paint each part's rectangle; the sum over parts must be one for each token, output and row."""
    parts, chosen = program.parts, program.parts_of(synapse.name)
    painted = np.zeros((synapse.tokens, synapse.width, synapse.fan_in), int)
    copies: dict[int, np.ndarray] = {}
    for part in chosen:
        box = (slice(parts.out_start[part], parts.out_stop[part]), slice(parts.in_start[part], parts.in_stop[part]))
        painted[parts.token_start[part] : parts.token_stop[part]][(slice(None), *box)] += 1
        copies.setdefault(int(parts.replica[part]), np.zeros((synapse.width, synapse.fan_in), int))[box] += 1
    assert (painted == 1).all()
    if program.chip.synapse_core.token_sharing and synapse.spiking:
        assert all((copy == 1).all() for copy in copies.values())


def no_limit_exceeded(program: CoreProgram) -> None:
    cores, chip = program.cores, program.chip
    synapse, ec = cores.kind == CoreKind.SYNAPSE, cores.kind == CoreKind.EC
    assert chip.ec_core is not None
    assert (cores.weight_bits_used[synapse] <= chip.synapse_core.weight_memory_bits).all()
    assert (cores.state_bits_used[synapse] <= chip.synapse_core.state_memory_bits).all()
    assert (cores.neurons_used[synapse] <= chip.synapse_core.max_neurons).all()
    assert (cores.axons_used[synapse] <= chip.synapse_core.max_axons).all()
    assert ((cores.weight_bits_used + cores.state_bits_used)[ec] <= chip.ec_core.state_memory_bits).all()
    assert (cores.neurons_used[ec] <= chip.ec_core.max_neurons).all()
    assert program.board[0] * program.board[1] <= chip.mesh.max_chips
    assert (
        len({*zip(cores.kind.tolist(), cores.x.tolist(), cores.y.tolist(), cores.slot.tolist(), strict=True)}) == cores.kind.size
    )


@settings(max_examples=25, deadline=None)
@given(graphs(), chips(), st.integers(1, 3))
def test_a_mapping_loses_nothing_doubles_nothing_and_exceeds_nothing(graph: SpikingGraph, chip: Chip, replicas: int) -> None:
    try:
        program = map_graph(graph, chip, replicas=replicas, anneal_moves=200)
    except DoesNotFit as error:
        assert error.shortfalls
        assert all(shortfall.demand > shortfall.limit for shortfall in error.shortfalls)
        return
    no_limit_exceeded(program)
    for node in graph.nodes.values():
        if isinstance(node, Synapse):
            every_weight_once(program, node)
        elif not isinstance(node, ImageSource):
            chosen, parts = program.parts_of(node.name), program.parts
            painted = np.zeros((node.tokens, node.width), int)
            for part in chosen:
                painted[parts.token_start[part] : parts.token_stop[part], parts.out_start[part] : parts.out_stop[part]] += 1
            assert (painted == 1).all()


@settings(max_examples=8, deadline=None)
@given(graphs(), st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_program(graph: SpikingGraph, seed: int) -> None:
    chip = small_chip(mesh={"max_chips": 64}, synapse={"weight_memory_bits": 40 * 32})  # the largest graph takes some 300 cores
    first, second = (map_graph(graph, chip, seed=seed, anneal_moves=500) for _ in range(2))
    assert first.placement == second.placement
    for table in ("parts", "cores", "flows", "routes"):
        for field in fields(getattr(first, table)):
            np.testing.assert_array_equal(getattr(getattr(first, table), field.name), getattr(getattr(second, table), field.name))
