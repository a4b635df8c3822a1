"""Spike rates of every site: what synthetic activity is drawn from, and how each kind of site may fire."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import Neurons, ProductUnit, SpikingGraph, Synapse
from synaptile.conversion.graph.node import BinaryNeurons
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Float64
from synaptile.simulator.arguments import positive_integer

E_MAC_PJ, E_AC_PJ = 4.6, 0.9
"""The published pair of fp32 energies that every energy ratio of the paper stands on."""

TOLERANCE = 1e-9


@dataclass(frozen=True)
class SiteRates:
    """How one site fires.

    `rate` has shape (steps,): spikes per neuron at each step, 0..1. `fired` has shape (steps,): the share of neurons that have
    fired at least once by the end of each step; products count by it. `levels` has shape (2n,): the share of spikes at each
    threshold, +theta1*2^k at k and -theta2*2^k at n+k.
    """

    rate: Float64
    fired: Float64
    levels: Float64

    @property
    def fresh(self) -> Float64:
        """Probability that a neuron fires which has not fired before, shape (steps,)."""
        before = np.append(0.0, self.fired[:-1])
        return np.asarray(np.clip((self.fired - before) / np.maximum(1.0 - before, TOLERANCE), 0.0, 1.0))

    @property
    def again(self) -> Float64:
        """Probability that a neuron fires which has fired before, shape (steps,)."""
        before = np.append(0.0, self.fired[:-1])
        return np.asarray(np.clip((self.rate - (self.fired - before)) / np.maximum(before, TOLERANCE), 0.0, 1.0))


@dataclass(frozen=True)
class Rates:
    """Rates of every site of a graph, by name. `source` says where they come from, `assumptions` what was filled in."""

    sites: Mapping[str, SiteRates]
    source: str
    assumptions: tuple[str, ...] = ()


MOST_STEPS = 1 << 16
"""Time steps that rates are stated for at most."""


def checked_steps(steps: int) -> int:
    """A number of time steps. Raises InputError unless it is an integer from 1 to `MOST_STEPS`."""
    if positive_integer("steps", steps) > MOST_STEPS:
        raise InputError(f"steps is {steps:,}, synthetic activity has at most {MOST_STEPS:,}: give fewer")
    return int(steps)


def independent(rate: Float64) -> Float64:
    """`fired` of neurons that forget: each step as likely whether or not a neuron has fired before."""
    return np.asarray(1.0 - np.cumprod(1.0 - rate), np.float64)


def default_levels(site: Neurons) -> Float64:
    """Spikes at thresholds where nothing is known: half as many at each doubling, both signs alike; binary sites have one."""
    if isinstance(site, BinaryNeurons):
        return np.array([1.0, 0.0])
    halves = np.tile(np.exp2(-np.arange(site.n, dtype=np.float64)), 2)
    return np.asarray(halves / halves.sum())


def site_rates(site: Neurons, rate: Float64, fired: Float64 | None = None, levels: Float64 | None = None) -> SiteRates:
    """Rates of one site, checked. Raises InputError that names the site, the figure and its bounds."""
    _within(site.name, "rate", rate)
    share = independent(rate) if fired is None else fired
    _within(site.name, "fired", share)
    before = np.append(0.0, share[:-1])
    if share.shape != rate.shape or ((share < before - TOLERANCE) | (share - before > rate + TOLERANCE)).any():
        raise InputError(
            f"site {site.name!r}: fired {_listed(share)} and rate {_listed(rate)} contradict each other: the share that has "
            "fired never falls, and grows by at most the rate"
        )
    if (rate > share + TOLERANCE).any():
        raise InputError(f"site {site.name!r}: rate {_listed(rate)} exceeds the share that has fired {_listed(share)}: raise it")
    shares: Float64 = default_levels(site) if levels is None else levels
    _within(site.name, "levels", shares)
    if shares.shape != (2 * site.n,) or abs(float(shares.sum()) - 1.0) > 1e-6:
        raise InputError(
            f"site {site.name!r}: levels are {shares.size} shares that sum to {shares.sum():g}, needs {2 * site.n} (its positive "
            "thresholds, then its negative ones) that sum to 1"
        )
    if isinstance(site, BinaryNeurons) and shares[1] > 0:
        raise InputError(f"site {site.name!r}: levels give negative spikes {shares[1]:g}, its neurons have none: write [1, 0]")
    return SiteRates(rate, share, np.asarray(shares / shares.sum()))


def uniform_rates(graph: SpikingGraph, steps: int, density: float, source: str | None = None) -> Rates:
    """The same rate at every site and step. Raises InputError for a density outside 0..1."""
    if isinstance(density, bool) or not isinstance(density, int | float | np.floating):
        raise InputError(f"density is {density!r}, needs a number from 0 to 1")
    count = checked_steps(steps)
    sites = {site.name: site_rates(site, np.full(count, float(density))) for site in graph.sites}
    return Rates(
        sites, source or f"a mean density of {density:g} spikes per neuron and step", (SAME_EVERYWHERE, FORGETFUL, HALVING)
    )


def density_of_ratio(ratio: float, steps: int, graph: SpikingGraph | None = None, accounting: str = "released") -> float:
    """Mean spikes per neuron and step that an energy ratio after `steps` steps implies.

    Without a graph ``ratio * 4.6 / (0.9 * steps)``, exact where every accumulate comes from a Linear. With one, the density
    that is expected to give the ratio under `accounting` ("eq30" or "released"), products and their running sums counted.
    Raises InputError where the ratio is not positive or implies more than 1.
    """
    number = isinstance(ratio, int | float | np.floating) and not isinstance(ratio, bool)
    if not number or not np.isfinite(ratio) or ratio <= 0 or steps < 1:
        raise InputError(f"ratio is {ratio!r} after {steps} steps: needs a positive ratio and at least 1 step")
    if accounting not in ("eq30", "released"):
        raise InputError(f"accounting is {accounting!r}: published ratios are those of eq30 or released")
    implied = ratio * E_MAC_PJ / E_AC_PJ
    density = implied / steps
    if graph is not None:
        from scipy.optimize import brentq  # takes long to import, and few need it

        least, most = (expected_macs(graph, bound, steps, accounting) for bound in (0.0, 1.0))
        possible = least < implied < most
        density = brentq(lambda d: expected_macs(graph, d, steps, accounting) - implied, 0.0, 1.0) if possible else math.inf
    if density > 1:
        raise InputError(
            f"ratio {ratio:g} after {steps} steps implies more than one spike per neuron and step: not possible, check both"
        )
    return float(density)


def expected_macs(graph: SpikingGraph, density: float, steps: int, accounting: str) -> float:
    """Accumulates expected of neurons that all fire with one probability, over the MACs of one dense pass."""
    ran = np.arange(1, steps + 1)
    met = 1.0 - (1.0 - density) ** (ran if accounting == "released" else ran - 1)
    pairs = float((density * density + 2.0 * density * met).sum())
    total = 0.0
    for name, macs in graph.ann_macs.items():
        node = graph.nodes[name]
        if isinstance(node, ProductUnit):
            total += macs * pairs
        elif isinstance(node, Synapse) and not node.spiking:
            total += macs * steps * (accounting == "released")
        else:
            total += macs * steps * density
    return total / sum(graph.ann_macs.values())


SAME_EVERYWHERE = "every site fires at the same rate at every step"
FORGETFUL = "a neuron is as likely to fire whether or not it has fired before"
HALVING = "half as many spikes at each doubling of the threshold, both signs alike"
ALIKE = "neurons of a site are alike: no token, channel or image fires more than another, so that cores are evenly loaded"


def _within(site: str, what: str, values: Float64) -> None:
    bad = values[~((values >= 0) & (values <= 1))]
    if bad.size:
        raise InputError(f"site {site!r}: {what} is {bad[0]:g}, needs to lie from 0 to 1")


def _listed(values: Float64) -> str:
    shown = ", ".join(f"{value:.3g}" for value in values[:6])
    return f"[{shown}{', ...' if values.size > 6 else ''}]"
