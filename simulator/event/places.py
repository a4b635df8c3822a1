"""Where the parts of a node lie in the table of its counts, and by what rules they are counted: derived once per program."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, ProductUnit, Synapse
from synaptile.foundation.derived import derived
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.part import parts_of, whole
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Action, Trigger
from synaptile.simulator.event.build import Layout
from synaptile.simulator.kernels.rectangles import sum_rectangles


class Rectangles(NamedTuple):
    """Where parts lie in a table of tokens and columns (groups of channels, tiles, heads): ranges of both, (parts,) int64."""

    part: Int64
    token_start: Int64
    token_stop: Int64
    start: Int64
    stop: Int64

    def sums(self, counts: NDArray[Any]) -> Int64:
        """Counts within the rectangle of each part, (steps, parts); counts: (steps, images, tokens, columns), whole numbers."""
        return np.asarray(sum_rectangles(counts, *self[1:]))

    def transposed(self) -> Rectangles:
        """The same places in a table of columns and tokens."""
        return Rectangles(self.part, self.start, self.stop, self.token_start, self.token_stop)

    def of_all_tokens(self) -> Rectangles:
        """Places in a table of columns and whatever there is of each."""
        return Rectangles(self.part, self.start, self.stop, 0 * self.part, 0 * self.part + np.iinfo(np.int64).max)


@derived
def whole_actions(program: CoreProgram, name: str) -> tuple[Action, ...]:
    """What a whole node does."""
    return actions_of(whole(program.graph.nodes[name]))


@derived
def product_actions(program: CoreProgram, name: str) -> tuple[Rectangles, tuple[tuple[Action, Int64], ...]]:
    """Where a product's parts lie, and what each issues per event, shape (parts,); a sentence may end before a part."""
    node, every = program.graph.nodes[name], parts_of(program)
    assert isinstance(node, ProductUnit)
    parts = [part for part in (every[number] for number in program.parts_of(name).tolist()) if part.tokens]
    heads = 1 if node.is_map else node.head_width
    places = [(part.index, part.token_start, part.token_stop, part.start // heads, part.stop // heads) for part in parts]
    actions = [[action for action in actions_of(part) if action.trigger is not Trigger.STEP] for part in parts]
    columns = tuple((alike[0], np.array([action.count for action in alike], np.int64)) for alike in zip(*actions, strict=True))
    return Rectangles(*np.array(places, np.int64).reshape(-1, 5).T.copy()), columns


@derived
def rectangles_of(layout: Layout, name: str) -> Rectangles:
    """Where the parts of a synapse or a site lie in the table of its counts: by tiles, by groups of channels or by heads."""
    program, parts = layout.program, layout.program.parts
    node, chosen = program.graph.nodes[name], program.parts_of(name).astype(np.int64)
    token_start, token_stop, start, stop, in_start, in_stop = (
        column[chosen].astype(np.int64)
        for column in (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop, parts.in_start, parts.in_stop)
    )
    if isinstance(node, Synapse):
        number = {tile: i for i, tile in enumerate(layout.rectangles[name])}
        start = np.array([number[tuple(tile)] for tile in np.stack([start, stop, in_start, in_stop], axis=1).tolist()], np.int64)
        stop = start + 1
    elif isinstance(node, Neurons) and not node.is_map:
        start, stop = (np.searchsorted(counted_bounds(layout, node), channel) for channel in (start, stop))
    return Rectangles(chosen, token_start, token_stop, start, stop)


def counted_bounds(layout: Layout, site: Neurons) -> Int64:
    """Channels at which a site's spikes are counted apart; of an attention map, its heads."""
    return np.arange(site.shape[0] + 1, dtype=np.int64) if site.is_map else layout.bounds[site.name]
