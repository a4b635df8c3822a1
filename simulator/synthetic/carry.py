"""Rates of a recorded run carried over to another graph: by kind of site and relative depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Float64
from synaptile.simulator.activity import Activity, SpikeRecord
from synaptile.simulator.synthetic.rates import FORGETFUL, HALVING, Rates, default_levels, independent, site_rates


@dataclass(frozen=True)
class _Recorded:
    """A recorded site: its place in depth (0 first block, 1 last) and what it did."""

    depth: float
    rate: Float64
    fired: Float64
    levels: Float64


def kind_of_site(name: str) -> str:
    """A site's name without the numbers of layers: ``blocks.*.attn.q`` for ``blocks.3.attn.q``."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def rates_of_run(activity: Activity, graph: SpikingGraph, steps: int) -> Rates:
    """What a run did, as rates of a graph's sites: the same graph's, or a larger or smaller one's with sites of the same kinds.

    Between recorded depths, rates are interpolated; past the recorded steps, neurons go on as at the last of them.
    Raises InputError where the graph has a kind of site that the run has none of.
    """
    by_kind: dict[str, list[_Recorded]] = {}
    depths = _depths([site.name for site in activity.program.graph.sites])
    kept = True
    for name, record in activity.spikes.items():
        kept &= record.masks is not None
        by_kind.setdefault(kind_of_site(name), []).append(_recorded(record, depths[name], activity, steps))
    sites, notes = {}, []
    places = _depths([site.name for site in graph.sites])
    for site in graph.sites:
        kind = kind_of_site(site.name)
        if kind not in by_kind:
            raise InputError(
                f"site {site.name!r}: the run of {activity.program.graph.name!r} has no site of the kind {kind!r}, it has "
                f"{', '.join(by_kind)}: record a model of the same structure, or write rates for it in a YAML file"
            )
        rate, fired, levels = _between(by_kind[kind], places[site.name])
        if levels.size != 2 * site.n:
            notes.append(f"{site.n} thresholds per sign where the run had {levels.size // 2}: {HALVING}")
            levels = default_levels(site)
        sites[site.name] = site_rates(site, rate, fired, levels)
    if steps > activity.steps:
        notes.append(f"past step {activity.steps}, where the run ended, neurons go on as at that step")
    if not kept:
        notes.append(f"the run kept no spikes: {FORGETFUL}")
    if activity.program.graph.digest != graph.digest:
        notes.append("rates carry over by kind of site and relative depth, whatever the width and the number of tokens")
    if (source := activity.synthetic) is not None:
        notes.append(f"the run was synthetic itself, from {source}")
    origin = f"a run of {activity.program.graph.name} ({activity.images} images, {activity.steps} steps, {activity.numeric})"
    return Rates(sites, origin, tuple(dict.fromkeys(notes)))


def _recorded(record: SpikeRecord, depth: float, activity: Activity, steps: int) -> _Recorded:
    """One site over `steps` steps: as recorded, then as at the last recorded step."""
    count = min(steps, activity.steps)
    spikes = record.histogram[:count].sum(axis=1)
    rate = spikes / (record.neurons * activity.images)
    fired = independent(rate) if record.masks is None else _fired(record, count, rate)
    total = record.histogram.sum(axis=0)
    levels = total / total.sum() if total.sum() else np.eye(1, total.size)[0]
    while rate.size < steps:
        before = fired[-2] if fired.size > 1 else 0.0
        fresh = (fired[-1] - before) / max(1.0 - before, 1e-12)
        again = (rate[-1] - (fired[-1] - before)) / before if before else rate[-1]
        new = fresh * (1.0 - fired[-1])
        rate, fired = np.append(rate, new + again * fired[-1]), np.append(fired, fired[-1] + new)
    return _Recorded(depth, rate, fired, levels)


def _fired(record: SpikeRecord, steps: int, rate: Float64) -> Float64:
    """Share of neurons that have fired by each step, from the images kept, fitted to the rates of all images."""
    assert record.masks is not None
    seen = np.bitwise_or.accumulate(record.masks[:steps], axis=0)
    kept = record.masks.shape[1]
    shares = np.array([np.unpackbits(step).sum(dtype=np.int64) for step in seen]) / (record.neurons * kept)
    fired = np.empty(steps)
    for t in range(steps):  # the kept images' rates differ from the mean of all: stay within what these allow
        before = fired[t - 1] if t else 0.0
        fired[t] = np.clip(shares[t], max(before, rate[t]), min(1.0, before + rate[t]))
    return fired


def _depths(names: Sequence[str]) -> dict[str, float]:
    """Relative depth of each site: its layer's number over the largest of its kind; 0 without a number."""
    numbers = {name: next((int(part) for part in name.split(".") if part.isdigit()), 0) for name in names}
    last: dict[str, int] = {}
    for name, number in numbers.items():
        last[kind_of_site(name)] = max(last.get(kind_of_site(name), 0), number)
    return {name: number / last[kind_of_site(name)] if last[kind_of_site(name)] else 0.0 for name, number in numbers.items()}


def _between(recorded: list[_Recorded], depth: float) -> tuple[Float64, Float64, Float64]:
    """Rates at a depth, linear between the recorded sites of the kind; levels are weighted alike."""
    ordered = sorted(recorded, key=lambda one: one.depth)
    above = next((i for i, one in enumerate(ordered) if one.depth >= depth), len(ordered) - 1)
    below = above if ordered[above].depth <= depth or above == 0 else above - 1
    first, second = ordered[below], ordered[above]
    span = second.depth - first.depth
    weight = (depth - first.depth) / span if span else 0.0

    def mix(a: Float64, b: Float64) -> Float64:
        return np.asarray(a * (1.0 - weight) + b * weight) if weight else a

    same = first.levels.size == second.levels.size
    levels = mix(first.levels, second.levels) if same else first.levels
    return mix(first.rate, second.rate), mix(first.fired, second.fired), levels
