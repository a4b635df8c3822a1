"""What dense reference and event-driven execution share of networks trained as spiking."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.graph import DiscreteNeurons
from synaptile.simulator.kernels.trained import DECAY, DECAY_INPUT, DECAY_TO_ZERO, GATE, NO_LEAK, Difference


def difference_of(node: DiscreteNeurons, dtype: np.dtype[Any]) -> Difference:
    """A site's equation in the float of a run; in which form SpikingJelly writes it depends on decay_input and rest alone."""
    if not node.keeps:
        equation = GATE
    elif not node.tau:
        equation = NO_LEAK
    else:
        equation = DECAY_INPUT if node.decay_input else DECAY if node.rest else DECAY_TO_ZERO
    kept = 1.0 - 1.0 / node.tau if node.tau else 1.0
    numbers = (dtype.type(value) for value in (node.tau, kept, node.rest, node.v_threshold, node.v_reset))
    return Difference(equation, node.reset == "subtract", *numbers)
