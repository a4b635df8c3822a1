"""Spikes of one site drawn from its rates, seeded: the same image, site and seed give the same spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, STBIFNeurons
from synaptile.simulator.synthetic.rates import SiteRates

Codes = NDArray[np.int8]


def draw(site: Neurons, rates: SiteRates, seed: tuple[int, int, int]) -> Iterator[Codes]:
    """One image's spikes, step by step: codes of shape `site.shape`, 0 none, k+1 for +theta1*2^k, -(k+1) for -theta2*2^k.

    Neurons that have fired before do so with probability `rates.again`, others with `rates.fresh`. ST-BIF neurons whose tracer
    stands at a limit spike the other way. `seed` is (seed, image, site number).
    """
    rng = np.random.default_rng(seed)
    fired = np.zeros(site.size, bool)
    tracer = np.zeros(site.size if isinstance(site, STBIFNeurons) else 0, np.int32)
    edges = np.cumsum(rates.levels)[:-1]
    values = np.concatenate([np.arange(1, site.n + 1), -np.arange(1, site.n + 1)]).astype(np.int8)
    for fresh, again in zip(rates.fresh.tolist(), rates.again.tolist(), strict=True):
        chance = rng.random(site.size, np.float32)
        spikes = chance < np.where(fired, np.float32(again), np.float32(fresh))
        which = np.searchsorted(edges, rng.random(int(np.count_nonzero(spikes)), np.float32), side="right")
        code = np.zeros(site.size, np.int8)
        code[spikes] = values[which]
        if isinstance(site, STBIFNeurons):
            _stay_within(code, tracer, site)
        fired |= spikes
        yield code.reshape(site.shape)


def _stay_within(code: Codes, tracer: NDArray[np.int32], site: STBIFNeurons) -> None:
    """Turn spikes round that would take the tracer past its limits, and add all to it."""
    over = (tracer + code > site.high) | (tracer + code < site.low)
    code[over] = -code[over]
    tracer += code
