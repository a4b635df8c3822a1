"""Runs of sentences taken apart by length: what a program's extents decide, they decide for a sentence at its own length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph, at_length
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.types import Int64
from synaptile.mapper.lengths import program_at
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.activity import Activity, SpikeRecord

Samples = NDArray[Any] | Tokens


def by_length(activity: Activity) -> tuple[Activity, ...]:
    """One run a length, shortest first, on the program at that length; a run of images is handed back as it is.

    Spikes, accountings and logits are those of its sentences. `operations` stays that of the whole run, summed as it is.
    """
    if activity.lengths is None:
        return (activity,)
    return tuple(_of_length(activity, int(length)) for length in np.unique(activity.lengths))


def run_of_first(activity: Activity) -> Activity:
    """The run of the sentences that are as long as the first one, on the program at that length; a run of images as it is."""
    if activity.lengths is None:
        return activity
    return _of_length(activity, int(activity.lengths[0]))


def program_counts(program: CoreProgram, lengths: Int64 | None, images: int) -> tuple[tuple[CoreProgram, int], ...]:
    """The program at each length, and how many of `images` samples have it."""
    if lengths is None:
        return ((program, images),)
    return tuple(
        (program_at(program, int(n)), int(count)) for n, count in zip(*np.unique(lengths, return_counts=True), strict=True)
    )


def mean_neurons(graph: SpikingGraph, lengths: Int64 | None) -> dict[str, int]:
    """Neurons of each site, one image; of text the mean over sentences, to the nearest whole number."""
    if lengths is None:
        return {site.name: site.size for site in graph.sites}
    found, counts = np.unique(lengths, return_counts=True)
    graphs = [at_length(graph, int(length)) for length in found]
    sizes = {site.name: np.array([one.nodes[site.name].size for one in graphs]) for site in graph.sites}
    return {name: round(float((size * counts).sum() / counts.sum())) for name, size in sizes.items()}


def runs_of(samples: Samples, at_once: int) -> Iterator[tuple[int, int, int | None]]:
    """Consecutive samples to run together, (start, stop, length): at most `at_once`, sentences of one length."""
    if not isinstance(samples, Tokens):
        for start in range(0, len(samples), at_once):
            yield start, min(start + at_once, len(samples)), None
        return
    lengths = samples.lengths
    start = 0
    for stop in range(1, len(samples) + 1):
        if stop == len(samples) or lengths[stop] != lengths[start] or stop - start == at_once:
            yield start, stop, int(lengths[start])
            start = stop


def _of_length(activity: Activity, length: int) -> Activity:
    assert activity.lengths is not None
    chosen = np.flatnonzero(activity.lengths == length)
    program = program_at(activity.program, length)
    accounting = activity.accounting
    return replace(
        activity,
        program=program,
        images=len(chosen),
        logits=activity.logits[:, chosen],
        accounting=replace(accounting, eq30=accounting.eq30[:, :, chosen], released=accounting.released[:, :, chosen]),
        spikes=MappingProxyType({site: _record(program, site, record, chosen) for site, record in activity.spikes.items()}),
        settled=None if activity.settled is None else activity.settled[chosen],
        lengths=activity.lengths[chosen],
        fetches={name: replace(fetched, rows=fetched.rows[:, chosen]) for name, fetched in activity.fetches.items()},
    )


def _record(program: CoreProgram, site: str, record: SpikeRecord, chosen: Int64) -> SpikeRecord:
    node = program.graph.nodes[site]
    kept = None
    if record.masks is not None:
        held = chosen[chosen < record.masks.shape[1]]
        kept = record.masks[:, held][..., : node.tokens, : -(-node.shape[-1] // 8)]
    return replace(record, events=record.events[:, chosen, : node.tokens], neurons=node.size, masks=kept)
