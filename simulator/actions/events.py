"""Events that parts met, from the spikes that a run recorded, and what the parts issued for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Node, Synapse
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import required
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Access, Action, Trigger
from synaptile.simulator.activity import Activity
from synaptile.simulator.event.convolution_unit import part_counts

Number = TypeVar("Number", bound="np.generic[Any]")

Region = tuple[int, int, int, int]
"""Tokens ``start:stop`` and channels (heads of a map) ``start:stop`` of a stream."""


_TABLES = 4
"""Sites whose sums are held: those that a node reads, and that it sends."""


class SpikeCounts:
    """Counts spikes of the first `images` images of an activity."""

    def __init__(self, activity: Activity, images: int) -> None:
        self.activity, self.images = activity, images
        self._site, self._before = "", np.zeros(0, np.int32)
        self._tables: dict[str, Int64] = {}

    def of(self, site: str, start: int, stop: int, tokens: slice = slice(None)) -> Int64:
        """Spikes of channels (heads of a map) ``start:stop``, shape (images, steps, tokens).

        Raises InputError where the run counted other ranges, and kept the spikes of fewer images.
        """
        counts = self.recorded(site, start, stop, tokens)
        if counts is None:
            before = self._channels_before(site)[:, :, tokens]
            counts = (before[..., stop].astype(np.int64) - before[..., start]).swapaxes(0, 1)
        return np.ascontiguousarray(counts)

    def recorded(self, site: str, start: int, stop: int, tokens: slice = slice(None)) -> Int64 | None:
        """As `of`, from the counts of the run alone; None where its channel groups do not part at both bounds."""
        record = self.activity.spikes[site]
        first, last = np.searchsorted(record.bounds, (start, stop))
        if last >= record.bounds.size or record.bounds[first] != start or record.bounds[last] != stop:
            return None
        counts: Int64 = record.events[:, : self.images, tokens, first:last].sum(axis=-1, dtype=np.int64)
        return counts.swapaxes(0, 1)

    def events(self, program: CoreProgram, part: Part, trigger: Trigger) -> Int64:
        """Events of one part of a program, shape (images, steps, tokens). Raises InputError as `of` does."""
        if isinstance(part.node, Convolution2d) and trigger is not Trigger.ARRIVED:
            return self._of_convolution(part, part.node, trigger)
        if trigger is Trigger.SENT:
            return self.of(part.node.name, part.start, part.stop, slice(part.token_start, part.token_stop))
        numbers: Sequence[int] = range(len(part.node.inputs))
        if trigger is not Trigger.ARRIVED:
            numbers = inputs_met(part.node, int(trigger is Trigger.SECOND_INPUT))
        return np.asarray(sum(self.read(program, part, number) for number in numbers))

    def read(self, program: CoreProgram, part: Part, number: int) -> Int64:
        """Spikes of one input that a part reads, those of an earlier step where its port looks back; shape as `of`."""
        first, last, start, stop = region_of(program, part, number)
        port = part.node.inputs[number]
        return steps_ago(self.of(port.node, start, stop, slice(first, last)), port.delay, axis=1)

    def totals(self, program: CoreProgram, parts: Sequence[Part], trigger: Trigger) -> Int64:
        """`events` of parts of one node, over all images and tokens, shape (parts, steps)."""
        node, places = parts[0].node, [part.place for part in parts]
        if isinstance(node, Convolution2d) and trigger is not Trigger.ARRIVED:
            return np.stack([self.events(program, part, trigger).sum(axis=(0, 2)) for part in parts])
        if trigger is Trigger.SENT:
            extents = [(part.token_start, part.token_stop, part.start, part.stop) for part in parts]
            return self._within(node.name, np.array(extents, np.int64).T)
        numbers: Sequence[int] = range(len(node.inputs))
        if trigger is not Trigger.ARRIVED:
            numbers = inputs_met(node, int(trigger is Trigger.SECOND_INPUT))
        found = np.zeros((len(parts), self.activity.steps), np.int64)
        for number in numbers:
            port = node.inputs[number]
            regions = _region_table(program, node.name, number)[:, places]
            found += steps_ago(self._within(port.node, regions), port.delay, axis=1)
        return found

    def _within(self, site: str, regions: Int64) -> Int64:
        """Spikes of regions of a site, over all images, shape (regions, steps); `regions` (4, regions): of each a `Region`."""
        record = self.activity.spikes[site]
        ends = np.searchsorted(record.bounds, regions[2:])
        if (record.bounds[np.minimum(ends, record.bounds.size - 1)] != regions[2:]).any():  # cut elsewhere
            each = regions.T.tolist()
            return np.stack([self.of(site, start, stop, slice(top, below)).sum(axis=(0, 2)) for top, below, start, stop in each])
        table = self._summed_table(site)
        (top, below), (first, last) = np.minimum(regions[:2], table.shape[1] - 1), ends
        return (table[:, below, last] - table[:, top, last] - table[:, below, first] + table[:, top, first]).T

    def _summed_table(self, site: str) -> Int64:
        """Spikes in tokens and channel groups below each, over all images, (steps, tokens + 1, groups + 1)."""
        if site not in self._tables:
            events = self.activity.spikes[site].events[:, : self.images].sum(axis=1, dtype=np.int64)
            while len(self._tables) >= _TABLES:
                del self._tables[next(iter(self._tables))]
            self._tables[site] = np.pad(events.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
        return self._tables[site]

    def _of_convolution(self, part: Part, node: Convolution2d, trigger: Trigger) -> Int64:
        parts, own = self.activity.program.parts, self.activity.program.parts_of(node.name)
        same = np.flatnonzero((parts.out_start[own] == part.start) & (parts.out_stop[own] == part.stop))
        if same.size:
            counts = self.activity.convolutions[node.name][:, : self.images, same[0]]
        else:
            spikes = sum(
                steps_ago(np.diff(self._channels_before(port.node), axis=-1)[:, :, 0], port.delay) for port in node.inputs
            )
            counts = part_counts(node, ((part.start, part.stop),), np.asarray(spikes))[:, :, 0]
        at = int(trigger is Trigger.FIRST_INPUT)
        return np.ascontiguousarray(counts[:, :, at : at + 1].swapaxes(0, 1))

    def _channels_before(self, site: str) -> NDArray[np.int32]:
        """Spikes in channels below each, shape (steps, images, tokens, channels + 1); that of the last site is held."""
        masks = self.activity.spikes[site].masks
        kept = 0 if masks is None else masks.shape[1]
        if masks is None or kept < self.images:
            raise InputError(
                f"site {site!r}: this chip's mapping cuts channels where the run did not count spikes, and the run kept the "
                f"spikes of {kept} images, {self.images} are asked for: schedule at most {kept}, or run again on this chip or "
                f"with execute(..., keep_spikes={self.images})"
            )
        if self._site != site:
            width = self.activity.program.graph.nodes[site].shape[-1]
            fired = self.activity.spikes[site].fired(width, slice(self.images))
            self._before = np.zeros((*fired.shape[:-1], width + 1), np.int32)
            np.cumsum(fired, axis=-1, out=self._before[..., 1:], dtype=np.int32)
            self._site = site
        return self._before


def inputs_met(node: Node, number: int) -> Sequence[int]:
    """Inputs whose spikes a node meets as those of input `number`: several where it sums or multiplies sites."""
    if number or not isinstance(node, Synapse | Convolution2d):
        return (number,)
    return range(len(node.inputs))


def steps_ago(values: NDArray[Number], delay: int, axis: int = 0) -> NDArray[Number]:
    """What stood in an array so many steps earlier, steps along `axis`: zeros before the first."""
    if not delay:
        return values
    late, past = np.zeros_like(values), np.swapaxes(values, 0, axis)
    np.swapaxes(late, 0, axis)[delay:] = past[:-delay]
    return late


def events_of(program: CoreProgram, part: Part, counts: SpikeCounts, actions: Iterable[Action | Access]) -> dict[Trigger, Int64]:
    """Events of every trigger of some actions of a part, shape (images, steps, tokens) each."""
    triggers = dict.fromkeys(action.trigger for action in actions if action.trigger is not Trigger.STEP)
    return {trigger: counts.events(program, part, trigger) for trigger in triggers}


def issued_by_events(program: CoreProgram, part: Part, counts: SpikeCounts) -> Iterator[tuple[Action, Int64]]:
    """What events made a part issue: each action that they cause, and its operations, shape (images, steps)."""
    actions = actions_of(part)
    events = events_of(program, part, counts, actions)
    for action in actions:
        if action.trigger in events:
            by_step = events[action.trigger].sum(axis=2) * action.count
            yield action, np.where(action.rhythm.beats(by_step.shape[1]), by_step, 0)


def region_of(program: CoreProgram, part: Part, index: int) -> Region:
    """What a part reads of one of its node's inputs."""
    return _regions(program, part.node.name, index)[part.place]


@derived
def _regions(program: CoreProgram, name: str, index: int) -> list[Region]:
    """What each part of a node reads of one input."""
    return list(zip(*_region_table(program, name, index).tolist(), strict=True))


@derived
def _region_table(program: CoreProgram, name: str, index: int) -> Int64:
    """The same, shape (4, parts)."""
    node = program.graph.nodes[name]
    return np.stack(required(program.graph, node, index, program.parts, program.parts_of(name).astype(np.int64)))
