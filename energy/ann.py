"""The ANN beside the SNN: the same network run densely, by the rules of `simulator.actions`.

MT neurons vanish (an activation takes the spike's place), EC units evaluate their F once, products and Linears multiply. Two
counts: the dense MACs of all Linears, convolutions and products, which Eq. 30 divides by, and all operations of the pass. A
network that was never an ANN (spike trains in) is held against one dense pass of its layers all the same. A run of text is held
against one pass per sentence, each at its own length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from synaptile.conversion.graph import SpikingGraph
from synaptile.energy.tally import Tally
from synaptile.foundation.derived import derived
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.rules import dense_operations_of
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import program_counts
from synaptile.simulator.schedule.timeline import Timeline

RoleOp = tuple[str, str]


def ann_macs(graph: SpikingGraph) -> int:
    """Dense MACs of all Linears and products, one pass of one image; without the patch embedding (paper, Eq. 30)."""
    return sum(graph.ann_macs.values())


@derived
def dense_operations(graph: SpikingGraph) -> dict[str, dict[RoleOp, int]]:
    """Every operation of one dense pass of one image: node -> {(role, op): count}, in graph order; idle nodes left out."""
    counts = {
        name: {(action.role.value, action.op.value): action.count for action in dense_operations_of(node)}
        for name, node in graph.nodes.items()
    }
    return {name: of_node for name, of_node in counts.items() if of_node}


class DensePasses(NamedTuple):
    """The program at each length with how many passes have it, and all passes. Images are alike: one pass stands for all."""

    programs: tuple[tuple[CoreProgram, int], ...]
    images: int


def dense_passes(activity: Activity) -> DensePasses:
    """The passes of a run's ANN."""
    images = 1 if activity.lengths is None else activity.images
    return DensePasses(program_counts(activity.program, activity.lengths, images), images)


def scheduled_passes(timeline: Timeline, images: int) -> DensePasses:
    """`images` passes of the network as it was scheduled; of text at the length of the sentences that were."""
    return DensePasses(((timeline.program, images),), images)


def tally_passes(passes: DensePasses, count: Callable[[CoreProgram], Tally]) -> Tally:
    """What `count` tallies of one pass, summed over all; to be read only."""
    tallies = [(count(program), times) for program, times in passes.programs]
    if len(tallies) == 1 and tallies[0][1] == 1:
        return tallies[0][0]
    total = Tally(tallies[0][0].nodes[:-1], tallies[0][0].steps)
    for tally, times in tallies:
        total.extend(tally, times)
    return total
