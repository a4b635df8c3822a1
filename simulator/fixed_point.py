"""Membranes of MT neurons in the format that their core states: whole numbers of a last place per site, or half precision.

Of whole numbers the larger threshold of a site is a power of two, so that `HEADROOM_BITS` lie between the highest threshold and
the end of the format; the other threshold is the nearest whole number. What comes in is rounded to the last place (ties to even).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import MTNeurons, SpikingGraph
from synaptile.foundation.errors import InputError
from synaptile.hwmodels.formats import Format, is_integer, range_of
from synaptile.mapper.footprint import home_of
from synaptile.mapper.program import CoreKind
from synaptile.simulator.arithmetic import Arithmetic
from synaptile.simulator.dense.rounding import rounded

HEADROOM_BITS = 3
"""A membrane has room for eight times the highest threshold, on either side."""


class HeldMembrane(NamedTuple):
    """A site's membranes: thresholds in units of `unit`; `low` to `high` what a word holds; `half` where it is fp16 or bf16."""

    theta1: float
    theta2: float
    unit: float
    low: float
    high: float
    wrap: bool
    half: Format | None


def held_membrane(graph: SpikingGraph, node: MTNeurons, arithmetic: Arithmetic) -> HeldMembrane | None:
    """How a site's core holds its membranes; None for the floats of the run. Raises InputError where thresholds do not fit."""
    form = arithmetic.membranes if home_of(graph, node) is CoreKind.SYNAPSE else arithmetic.halves
    if form is None:
        return None
    if not is_integer(form):
        theta1, theta2 = (float(rounded(np.asarray(theta, np.float32), form)) for theta in (node.theta1, node.theta2))
        return HeldMembrane(theta1, theta2, 1.0, -np.inf, np.inf, False, form)
    low, high = range_of(form)
    unit = max(node.theta1, node.theta2) * 2.0 ** (node.n - 1 + HEADROOM_BITS) / -low
    theta1, theta2 = (float(np.rint(theta / unit)) for theta in (node.theta1, node.theta2))
    if min(theta1, theta2) < 2:
        raise InputError(
            f"site {node.name!r}: an {form} membrane that holds 2^{HEADROOM_BITS} times its highest threshold, "
            f"{max(node.theta1, node.theta2) * 2.0 ** (node.n - 1):.3g}, has a last place of {unit:.3g}, and half its lowest "
            f"threshold is {min(node.theta1, node.theta2) / 2:.3g}: widen synapse_core.formats.membranes, or use fewer thresholds"
        )
    return HeldMembrane(theta1, theta2, unit, float(low), float(high), arithmetic.overflow == "wrap", None)


def check_membranes(graph: SpikingGraph, arithmetic: Arithmetic) -> None:
    """Refuse membranes that cannot hold a site's thresholds, before anything is executed. Raises InputError."""
    for site in graph.of_type(MTNeurons):
        held_membrane(graph, site, arithmetic)
