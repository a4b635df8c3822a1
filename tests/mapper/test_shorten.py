"""Are the links of trees those that routers make, and does placing by them make them fewer?"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.anneal import Board, slot_tiles
from synaptile.mapper.multicast import Trees, flit_hops, trees_among, trees_of
from synaptile.mapper.shorten import shorten
from synaptile.mapper.topology import MESH, Topology
from synaptile.mapper.traffic import expected_messages
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

GRAPH = vit_graph(depth=3, tokens=10, width=24, heads=3, hidden=48, classes=10)
CHIP = small_chip(synapse={"weight_memory_bits": 500 * 32}, ec={"state_memory_bits": 600 * 32}, mesh={"width": 8, "height": 8})


def trees_to(cores: int, sent: list[tuple[int, list[int], float]]) -> Trees:
    """Trees from (source, targets, messages)."""
    source, targets, weight = (list(column) for column in zip(*sent, strict=True))
    members = [[t for t in range(len(sent)) if core in (source[t], *targets[t])] for core in range(cores)]
    first, offset = (np.append(0, np.cumsum([len(row) for row in rows])) for rows in (members, targets))
    return Trees(
        np.array(source),
        offset,
        np.array(list(chain(*targets)), np.int64),
        np.array(weight, float),
        first,
        np.array(list(chain(*members)), np.int64),
    )


def naive_flit_hops(sent: list[tuple[int, list[int], float]], tile: np.ndarray, width: int) -> float:
    """Links of the union of XY paths, walked tile by tile."""
    total = 0.0
    for source, targets, messages in sent:
        links = set()
        for target in targets:
            (x, y), (to_x, to_y) = ((int(tile[core]) % width, int(tile[core]) // width) for core in (source, target))
            while (x, y) != (to_x, to_y):
                nearer = (x + np.sign(to_x - x), y) if x != to_x else (x, y + np.sign(to_y - y))
                links.add(((x, y), nearer))
                x, y = nearer
        total += messages * len(links)
    return total


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, int, int, list[tuple[int, list[int], float]], int]:
    width, height = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    cores = draw(st.integers(2, 2 * width * height)) if width * height > 1 else 2
    core = st.integers(0, cores - 1)
    tree = st.tuples(core, st.lists(core, min_size=1, max_size=6, unique=True), st.integers(1, 9).map(float))
    return width, height, cores, draw(st.lists(tree, min_size=1, max_size=8)), draw(st.integers(0, 2**32 - 1))


@settings(max_examples=60, deadline=None)
@given(network=networks())
def test_links_are_the_union_of_xy_paths_and_a_search_keeps_seats_apart(
    network: tuple[int, int, int, list[tuple[int, list[int], float]], int],
) -> None:
    width, height, cores, sent, seed = network
    none = np.zeros(width * height, np.int32)
    board = Board(
        np.array([2, 0]), np.array([0, 2 * width * height]), Topology(MESH, width, height, width, height, none - 1, none)
    )
    tiles, trees, kind = slot_tiles(board), trees_to(cores, sent), np.zeros(cores, np.int32)
    start = np.random.default_rng(seed).permutation(tiles.size)[:cores]
    assert flit_hops(trees, tiles[start], width) == naive_flit_hops(sent, tiles[start], width)
    found, again = (shorten(trees, kind, start, board, 300, np.random.default_rng(seed)) for _ in range(2))
    assert np.unique(found).size == cores and found.min() >= 0 and found.max() < tiles.size
    np.testing.assert_array_equal(found, again)
    assert flit_hops(trees, tiles[found], width) == naive_flit_hops(sent, tiles[found], width)


def test_a_shuffled_row_is_sorted_out() -> None:
    """Each of 64 cores to the next on 8 x 8 tiles: one link each where they lie along a line, five at first."""
    sent = [(core, [core + 1], 1.0) for core in range(63)]
    none = np.zeros(64, np.int32)
    board = Board(np.array([1, 0]), np.array([0, 64]), Topology(MESH, 8, 8, 8, 8, none - 1, none))
    start = np.random.default_rng(0).permutation(64)
    found = shorten(trees_to(64, sent), none, start, board, 300_000, np.random.default_rng(0))
    assert naive_flit_hops(sent, start, 8) > 4 * 63
    assert naive_flit_hops(sent, found, 8) < 1.3 * 63


def routed(program: CoreProgram) -> float:
    leaving = np.flatnonzero(program.flows.group >= 0)
    messages = np.zeros(program.routes.hops.size)
    messages[program.flows.group[leaving]] = expected_messages(program.graph, program.parts, program.flows)[leaving]
    return float(messages @ program.routes.hops)


def test_a_program_placed_by_trees_has_the_flit_hops_of_its_routes_and_fewer_than_annealing() -> None:
    program, annealed = (map_graph(GRAPH, CHIP, placement=method) for method in ("trees", "anneal"))
    assert program.placement.method == "trees"
    tile = program.cores.y.astype(np.int64) * 8 + program.cores.x
    trees = trees_of(program.graph, program.parts, program.flows, program.cores.kind.size)
    assert flit_hops(trees, tile, 8) == pytest.approx(routed(program), rel=1e-12)
    assert routed(program) < 0.97 * routed(annealed)
    seats = np.stack([program.cores.kind, program.cores.x, program.cores.y, program.cores.slot])
    assert np.unique(seats, axis=1).shape[1] == program.cores.kind.size


def test_no_moves_leave_the_start() -> None:
    assert routed(map_graph(GRAPH, CHIP, placement="trees", anneal_moves=0)) > routed(map_graph(GRAPH, CHIP, placement="trees"))


def test_trees_of_some_cores_are_theirs_alone() -> None:
    trees = trees_to(6, [(0, [2, 4], 1.0), (1, [3], 2.0), (4, [0], 3.0)])
    some = trees_among(trees, np.array([0, 2, 4]))
    assert (some.source.tolist(), some.offset.tolist(), some.target.tolist()) == ([0, 2], [0, 2, 3], [1, 2, 0])
    assert (some.weight.tolist(), some.first.tolist(), some.member.tolist()) == ([1.0, 3.0], [0, 2, 3, 5], [0, 1, 0, 0, 1])


@pytest.mark.parametrize(("noc", "said"), [({"topology": "torus"}, "is a torus"), ({"multicast": False}, "does not multicast")])
def test_trees_that_routers_do_not_make_are_refused(noc: dict[str, object], said: str) -> None:
    chip = replace(load_chip("ecmt45"), noc=replace(load_chip("ecmt45").noc, **noc))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"placement is 'trees'.*{said}: take anneal or force"):
        map_graph(GRAPH, chip, placement="trees")


def test_phases_of_a_chip_that_streams_are_placed_by_their_own_trees() -> None:
    streams = replace(CHIP, weights="streamed", mesh=replace(CHIP.mesh, width=5, height=5, max_chips=1))
    program, annealed = (map_graph(GRAPH, streams, placement=method, anneal_moves=20_000) for method in ("trees", "anneal"))
    assert program.phases > 1
    assert routed(program) < routed(annealed)
