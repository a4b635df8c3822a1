"""Arguments that count something."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip


def positive_integer(name: str, value: int) -> int:
    """The value as a plain integer. Raises InputError unless it is an integer (no bool, no float) of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name} is {value!r}, needs to be an integer of at least 1")
    return int(value)


def kept_samples(keep_spikes: int) -> int:
    """How many leading samples keep their spikes. Raises InputError unless it is an integer of at least 0."""
    if isinstance(keep_spikes, bool) or not isinstance(keep_spikes, int) or keep_spikes < 0:
        raise InputError(f"keep_spikes is {keep_spikes}, needs a number of images, 0 or more")
    return keep_spikes


def check_held_steps(chip: Chip, steps: int) -> None:
    """Raise InputError where a run has more steps than the memories of a layer-major chip hold between layers."""
    cores = [core for core in (chip.synapse_core, chip.ec_core) if core is not None]
    held = min(core.dataflow.max_steps for core in cores)
    if chip.layer_major and steps > held:
        raise InputError(
            f"steps is {steps}, chip {chip.name!r} works layer-major and holds {held} steps between layers: run at most {held}, "
            "or raise dataflow.max_steps of both kinds of core"
        )
