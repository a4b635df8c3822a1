"""Row fetches of parts: how often rows are read that tokens and steps share, counted from the masks of who fired."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Node
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.dataflow import core_flow
from synaptile.simulator.actions.events import Region, region_of, steps_ago
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import accesses_of
from synaptile.simulator.actions.vocabulary import Reuse, Trigger
from synaptile.simulator.kernels.fetches import count_fetches


class Sharing(NamedTuple):
    """What a fetched row serves: `block` tokens at `batch` steps."""

    block: int
    batch: int


def sharing_of(chip: Chip, part: Part) -> Sharing | None:
    """What the rows serve that spikes of a part's first input fetch; None where every spike fetches a row of its own."""
    reuses = [access.reuse for access in accesses_of(part) if access.trigger is Trigger.FIRST_INPUT]
    reuse = next((reuse for reuse in reuses if reuse is not Reuse.EACH), None)
    if reuse is None:
        return None
    flow = core_flow(chip, part.kind).flow
    found = Sharing(flow.token_block, flow.time_batch if reuse is Reuse.BATCH else 1)
    return None if found == Sharing(1, 1) else found


def shared_nodes(program: CoreProgram, chip: Chip) -> dict[str, Sharing]:
    """Nodes whose rows serve more than one spike by the dataflow of `chip`, and what a row serves there."""
    parts = parts_of(program)
    firsts = {name: parts[int(chosen[0])] for name in program.node_names if (chosen := program.parts_of(name)).size}
    found = {name: sharing_of(chip, part) for name, part in firsts.items()}
    return {name: sharing for name, sharing in found.items() if sharing is not None}


def rows_fetched(program: CoreProgram, part: Part, number: int, masks: NDArray[np.uint8], sharing: Sharing) -> Int64:
    """Rows that a part fetches for spikes of an input, shape (steps, images).

    `masks` are those of the site in front as `SpikeRecord` packs them, of the images to count.
    """
    fired, start, stop = fired_in(program, part, number, masks)
    steps, images, heads, tokens, width = fired.shape
    packed = np.ascontiguousarray(fired).reshape(steps, images * heads, tokens, width)
    counted = count_fetches(packed, start, stop, sharing.block, sharing.batch)
    return np.asarray(counted.reshape(steps, images, heads).sum(axis=2))


def fired_in(program: CoreProgram, part: Part, number: int, masks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int, int]:
    """Who fired of what a part reads of an input, (steps, images, heads, tokens, bytes), and its channels there.

    What is no attention map has one head. The second channel is the one after the last.
    """
    first, last, start, stop = region_of(program, part, number)
    port = part.node.inputs[number]
    site: Node = program.graph.nodes[port.node]
    masks = steps_ago(masks, port.delay)
    if site.is_map:
        return masks[:, :, start:stop, first:last], 0, site.shape[2]
    return masks[:, :, None, first:last], start, stop


def node_fetches(program: CoreProgram, name: str, number: int, masks: NDArray[np.uint8], sharing: Sharing) -> Int64:
    """As `rows_fetched`, of all parts of a node, shape (steps, images, parts); those without tokens fetch none."""
    own = program.parts_of(name).tolist()
    rows = np.zeros((*masks.shape[:2], len(own)), np.int64)
    found: dict[Region, Int64] = {}
    for part in (parts_of(program)[number] for number in own):
        if part.tokens:
            region = region_of(program, part, number)
            if region not in found:
                found[region] = rows_fetched(program, part, number, masks, sharing)
            rows[:, :, part.place] = found[region]
    return rows
