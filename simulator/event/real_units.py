"""Units of real-valued streams that are turned, multiplied or put in another order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaptile.conversion.graph import Gate, Rearrange, Rotation
from synaptile.foundation.types import Array
from synaptile.hwmodels.formats import Format
from synaptile.simulator.event.unit import EventUnit
from synaptile.simulator.event.units import rounded_constant
from synaptile.simulator.kernels.expectation import make_clock
from synaptile.simulator.kernels.formatted import HALVES
from synaptile.simulator.kernels.streams import gate, rotate


@dataclass
class RotationUnit(EventUnit):
    """Pairs of channels turned; `sines` are absent where no channel has a partner."""

    node: Rotation
    cosines: Array
    sines: Array | None

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of all steps."""
        out = self.buffers.empty((len(inputs[0]), self.node.width), self.cosines.dtype)
        rotate(inputs[0], starts[0], self.cosines, self.cosines if self.sines is None else self.sines, self.node.block, out)
        return out


@dataclass
class GateUnit(EventUnit):
    """Products of two streams, element by element."""

    node: Gate
    dtype: np.dtype[Any]
    halves: Format | None

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of all steps."""
        out = self.buffers.empty((len(inputs[0]), self.node.width), self.dtype)
        clock = rounded_constant(make_clock(self.node.law, steps, self.dtype), self.halves)
        gate((inputs[0], inputs[1]), (starts[0], starts[1]), out, clock, HALVES[self.halves])
        return out


@dataclass
class RearrangeUnit(EventUnit):
    """The elements of a stream in another order."""

    node: Rearrange
    width_read: int
    """Channels of the port, or keys of the map that it reads whole."""

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of all steps."""
        width = self.width_read
        read = np.ascontiguousarray(inputs[0][:, starts[0] : starts[0] + width])
        moved = self.node.moved(read.reshape(-1, math.prod(self.node.extents)))
        return np.ascontiguousarray(moved.reshape(-1, self.node.width))
