"""Are nodes cut where they should be, and nowhere else?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph
from synaptile.hwmodels import load_chip
from synaptile.mapper import CoreKind, CoreProgram, home_of, map_graph
from synaptile.mapper.tiling import tile
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(depth=1, tokens=10, width=32, heads=4, hidden=64, classes=10)


def extents(program: CoreProgram, node: str) -> list[tuple[int, ...]]:
    parts = program.parts
    chosen = program.parts_of(node)
    columns = (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop, parts.in_start, parts.in_stop)
    return [tuple(int(column[part]) for column in columns) for part in chosen]


def test_a_vit_s_block_tiles_the_reference_design_without_a_remainder() -> None:
    graph = vit_graph(depth=1, tokens=197, width=384, heads=6, hidden=1536, classes=1000, patch=16)
    program = map_graph(graph, load_chip("ecmt45"), anneal_moves=0)
    counts = {
        name: program.parts_of(f"blocks.0.{name}").size for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2", "attn.qk")
    }
    assert counts == {"attn.qkv": 9, "attn.proj": 3, "mlp.fc1": 12, "mlp.fc2": 12, "attn.qk": 6}
    qkv = program.parts_of("blocks.0.attn.qkv")
    assert (program.parts.weight_bits[qkv] == 128 * 385 * 32).all()
    assert (program.parts.state_bits[qkv] == 2 * 2 * 128 * 32).all()
    assert (program.parts.state_bits[program.parts_of("blocks.0.attn.q")] == 197 * 128 * 32).all()


def test_outputs_are_split_before_inputs(graph: SpikingGraph) -> None:
    one_column = (64 + 1) * 32
    program = map_graph(graph, small_chip(synapse={"weight_memory_bits": one_column}))
    assert extents(program, "blocks.0.mlp.fc2") == [(0, 10, channel, channel + 1, 0, 64) for channel in range(32)]
    assert not (program.flows.input == -1).any()


def test_inputs_are_split_into_as_few_pieces_as_fit_once_a_column_does_not(graph: SpikingGraph) -> None:
    one_column_less_a_bit = (64 + 1) * 32 - 1
    program = map_graph(graph, small_chip(synapse={"weight_memory_bits": one_column_less_a_bit}))
    rows = {extent[4:] for extent in extents(program, "blocks.0.mlp.fc2")}
    assert rows == {(0, 32), (32, 64)}
    assert {extent[4:] for extent in extents(program, "blocks.0.mlp.fc1")} == {(0, 32)}
    sums = program.flows.input == -1
    owners = program.parts.owner[program.flows.source[sums]]
    assert (program.flows.target[sums] == owners).all()
    assert sums.sum() == np.count_nonzero(program.parts.owner != np.arange(program.parts.owner.size))


def test_too_few_axons_split_the_input_and_leave_outputs_together(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(synapse={"max_axons": 63}))
    assert {extent[2:] for extent in extents(program, "blocks.0.mlp.fc2")} == {(0, 32, 0, 32), (0, 32, 32, 64)}


def test_replicas_copy_weights_and_divide_tokens(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(), replicas={"blocks.0.mlp.fc1": 3})
    assert [extent[:2] for extent in extents(program, "blocks.0.mlp.fc1")] == [(0, 3), (3, 6), (6, 10)]
    chosen = program.parts_of("blocks.0.mlp.fc1")
    assert program.parts.replica[chosen].tolist() == [0, 1, 2]
    assert (program.parts.weight_bits[chosen] == 64 * 33 * 32).all()
    assert program.parts_of("blocks.0.mlp.fc2").size == 1


def test_a_number_of_replicas_for_all_leaves_the_one_token_of_the_head_whole(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(), replicas=2)
    assert program.parts_of("blocks.0.attn.qkv").size == 2
    assert program.parts_of("head").size == 1


def test_cores_without_a_shifter_store_2n_copies_and_one_accumulator(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(synapse={"graded_spikes": "replicate"}))
    head = program.parts_of("head")[0]
    assert program.parts.weight_bits[head] == 10 * (32 * 16 + 1) * 32
    assert program.parts.state_bits[head] == 2 * 10 * 32


def test_without_token_sharing_each_token_has_weights_neurons_and_axons_of_its_own(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(synapse={"token_sharing": False, "max_neurons": 200}))
    chosen = program.parts_of("blocks.0.mlp.fc1")
    tokens = program.parts.token_stop[chosen] - program.parts.token_start[chosen]
    assert tokens.tolist() == [2, 3, 2, 3]  # at most 3 tokens of 64 outputs fit 200 neurons: 4 pieces
    assert (program.parts.neurons[chosen] == tokens * 64).all()
    assert (program.parts.axons[chosen] == tokens * 32).all()
    assert (program.parts.weight_bits[chosen] == tokens * 64 * 33 * 32).all()


def test_layer_norm_keeps_tokens_whole_softmax_keeps_rows_and_gelu_is_cut_over_channels(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(ec={"state_memory_bits": 300 * 32}))
    norm, softmax, gelu = (extents(program, f"blocks.0.{name}") for name in ("norm1", "attn.softmax", "mlp.act"))
    assert len(norm) > 1
    assert {extent[2:4] for extent in norm} == {(0, 32)}
    assert {extent[2:4] for extent in softmax} == {(head, head + 1) for head in range(4)}
    assert {extent[:2] for extent in gelu} == {(0, 10)}
    assert len(gelu) > 1


def test_neurons_share_the_core_and_the_rectangle_of_what_feeds_them(graph: SpikingGraph) -> None:
    program = map_graph(graph, small_chip(synapse={"weight_memory_bits": 20 * 33 * 32}, ec={"state_memory_bits": 300 * 32}))
    parts = program.parts
    for site in graph.sites:
        port = site.inputs[0]
        feeding = program.parts_of(port.node)
        for part in program.parts_of(site.name):
            start, stop = parts.out_start[part] + port.start, parts.out_stop[part] + port.start
            home = feeding[
                (parts.owner[feeding] == feeding)
                & (parts.token_start[feeding] == parts.token_start[part])
                & (parts.token_stop[feeding] == parts.token_stop[part])
                & (parts.out_start[feeding] <= start)
                & (parts.out_stop[feeding] >= stop)
            ]
            assert parts.core[home].tolist() == [parts.core[part]]


def test_a_real_valued_head_goes_to_an_ec_core() -> None:
    graph = vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3, dense_head=True)
    program = map_graph(graph, small_chip())
    assert home_of(graph, graph.nodes["head"]) is CoreKind.EC
    assert program.cores.kind[program.parts.core[program.parts_of("head")]].tolist() == [CoreKind.EC]


def test_the_bound_on_cores_that_refuses_early_never_exceeds_what_packing_needs(graph: SpikingGraph) -> None:
    chip = small_chip(synapse={"weight_memory_bits": 12 * 33 * 32}, ec={"state_memory_bits": 300 * 32})
    program = map_graph(graph, chip, anneal_moves=0)
    weights = int(tile(graph, chip).parts.weight_bits[program.cores.kind[program.parts.core] == CoreKind.SYNAPSE].sum())
    assert np.count_nonzero(program.cores.kind == CoreKind.SYNAPSE) >= weights / chip.synapse_core.weight_memory_bits
