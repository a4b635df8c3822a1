"""Are streams that are put in another order cut where parts receive least?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import ImageSource, PatchEmbedding, Port, ReadOut, Rearrange, SpikingGraph, TokenSelect
from synaptile.foundation.types import Int64
from synaptile.mapper import map_graph
from synaptile.mapper.cuts import Cuts, cutter_of, even
from synaptile.mapper.rearranged import cut_rearrange
from synaptile.mapper.regions import required
from tests.mapper.chips import small_chip

TOKENS, CHANNELS = 16, 6  # 4 x 4 patches


def moved(extents: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, int]) -> SpikingGraph:
    """4 x 4 patches of 6 channels, put in another order; a token of that is read out."""
    nodes = (
        ImageSource("image", (), (1, 3 * 8 * 8), (3, 8, 8)),
        PatchEmbedding("patch", (Port("image", 0, 3 * 8 * 8),), (TOKENS, CHANNELS), (2, 2), (2, 2)),
        Rearrange("moved", (Port("patch", 0, CHANNELS),), shape, extents, order),
        TokenSelect("select", (Port("moved", 0, shape[1]),), (1, shape[1]), 0, 1),
        ReadOut("out", (Port("select", 0, shape[1]),), (1, shape[1])),
    )
    return SpikingGraph.build("moved", nodes, {}, {}, structure_only=True)


@settings(max_examples=40)
@given(
    st.permutations(range(4)),
    st.sampled_from([(4, 4, 2, 3), (2, 8, 6, 1), (2, 8, 3, 2)]),
    st.integers(0, 3),
    st.integers(1, 100),
)
def test_parts_fit_and_no_even_cut_with_as_few_receives_much_less(
    order: list[int], extents: tuple[int, ...], split: int, words: int
) -> None:
    tokens = math.prod(extents[axis] for axis in order[:split])
    graph = moved(extents, tuple(order), (tokens, TOKENS * CHANNELS // tokens))
    node = graph.nodes["moved"]
    assert isinstance(node, Rearrange)
    cutter = cutter_of(graph, small_chip(ec={"state_memory_bits": 32 * words}), node)
    cuts = cut_rearrange(graph, cutter, compact=False)
    assert isinstance(cuts, Cuts)
    for axis, extent in ((cuts.tokens, tokens), (cuts.units, node.width)):
        assert axis[0] == 0 and axis[-1] == extent and (np.diff(axis) > 0).all()
    assert max(np.diff(cuts.tokens)) * max(np.diff(cuts.units)) <= words
    others = [
        received(node, even(tokens, pieces if axis == 0 else 1), even(node.width, pieces if axis else 1))
        for axis, extent in enumerate(node.shape)
        for pieces in range(-(-node.size // words), min(extent, cuts.pieces[0] * cuts.pieces[1]) + 1)
        if -(-extent // pieces) * (node.size // extent) <= words
    ]
    assert received(node, cuts.tokens, cuts.units) <= 1.25 * min(others, default=math.inf)


def received(node: Rearrange, tokens: Int64, units: Int64) -> int:
    """Elements of the smallest rectangles that hold what each part reads, part by part."""
    total = 0
    for t0, t1 in pairwise(tokens.tolist()):
        for u0, u1 in pairwise(units.tolist()):
            token, channel = np.divmod(node.places[t0:t1, u0:u1], CHANNELS)
            total += int((np.ptp(token) + 1) * (np.ptp(channel) + 1))
    return total


def test_windows_are_cut_over_windows_and_channels_over_channels() -> None:
    """Each element once: 4 windows of 2 x 2 side by side; channels in front of an image."""
    windows = (2, 2, 2, 2, CHANNELS), (1, 3, 0, 2, 4), (4, 4 * CHANNELS)
    image = (TOKENS, CHANNELS), (1, 0), (1, TOKENS * CHANNELS)
    for extents, order, shape in (windows, image):
        program = map_graph(moved(extents, order, shape), small_chip(ec={"state_memory_bits": 32 * 48}), anneal_moves=0)
        own = program.parts_of("moved").astype(np.int64)
        areas = required(program.graph, program.graph.nodes["moved"], 0, program.parts, own).area
        assert areas.size == 2 and areas.sum() == TOKENS * CHANNELS
