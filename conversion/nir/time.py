"""Time in NIR files: the length of a step, the unit of an IF neuron on which writers disagree, and where Euler's method ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from synaptile.foundation.errors import GraphError
from synaptile.foundation.options import IFUnit

DT = 1e-4
"""Length of a step in seconds where nothing else is said: what snnTorch assumes when it writes NIR."""

TIME_CONSTANTS = ("tau", "tau_syn", "tau_mem")
"""Fields of NIR neurons that are time constants."""


def unit_of_if(nodes: dict[str, Any], dt: float, asked: IFUnit | None) -> IFUnit:
    """Whether r of IF neurons is per step (sinabs, Norse: v += r I) or per second (SpikingJelly: dv/dt = r I, as NIR says it).

    Told by r dt = 1, unless it is asked for. Raises GraphError where r is large and r dt something else: neither writer's.
    """
    if asked is not None:
        return asked
    for name, node in nodes.items():
        if type(node).__name__ == "IF":
            r = np.asarray(node.r, np.float64)
            per_second = np.isclose(r * dt, 1, rtol=1e-3)
            if per_second.all() and not np.isclose(r, 1).all():
                return "second"
            if (r > 100).all() and (r * dt > 0.01).all():
                raise GraphError(
                    f"NIR node {name!r}: r is {r.min():g} and dt {dt:g}: neither 1 per step nor 1 / dt per second, so its unit "
                    "is not clear: give if_unit='step' (v += r I) or 'second' (v += r dt I), --if-unit on the command line"
                )
    return "step"


def check_time_constants(nodes: dict[str, Any], dt: float) -> None:
    """Raises GraphError for a time constant below a step, which forward Euler oversteps: v would jump beyond what it tends to."""
    for name, node in nodes.items():
        for field in _present(node):
            tau = np.asarray(getattr(node, field), np.float64)
            if tau.size and 0 < tau.min() < dt * (1 - 1e-6):
                raise GraphError(
                    f"NIR node {name!r}: {field} is {tau.min():g}, below dt, {dt:g}, and v += dt / tau (...) would overshoot: "
                    f"give the step that its writer meant, at most that (1e-6 for Norse 1.1, which writes tau dt), "
                    "or repair the file's time constants"
                )


def _present(node: Any) -> Iterable[str]:
    return (field for field in TIME_CONSTANTS if type(node).__name__ in ("LIF", "CubaLIF", "LI") and hasattr(node, field))
