"""The dense passes that a run is held against: one an image, or one a sentence, each at its own length."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from synaptile.energy.tally import Tally
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import program_counts
from synaptile.simulator.schedule.timeline import Timeline


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
    """What `count` finds of one pass, summed over all."""
    found = [(count(program), times) for program, times in passes.programs]
    total = Tally(found[0][0].nodes[:-1], found[0][0].steps)
    for tally, times in found:
        total.extend(tally, times)
    return total
