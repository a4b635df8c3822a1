"""The embedded model, calibrated on few digits."""

from __future__ import annotations

from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.data import DIGITS_GRAPH
from synaptile.images import digits


def small_digits_graph(images: int = 16) -> SpikingGraph:
    return calibrate(load_graph(DIGITS_GRAPH), digits("calibration", images).images)
