"""Differential coding: a lowered graph takes the laws of running means, and a threshold per channel. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

from numpy.typing import NDArray

from synaptile.conversion.differential.structure import differential_structure, theta_of
from synaptile.conversion.differential.thetas import QUANTILE, measure_quantiles, revived
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.method import Batches, Counted, Method, checked_batches
from synaptile.conversion.thresholds import check_per_sign, without_head_neurons
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import CalibrationError
from synaptile.foundation.types import Progress

Thetas: TypeAlias = Mapping[str, float | NDArray[Any]]
"""The largest threshold of each site: a number, or one per channel."""


@dataclass(frozen=True)
class Differential(Method):
    """Differential coding with multi-threshold neurons (Huang et al., ICML 2025): only changes of running means travel.

    Each channel's largest threshold theta is the 99.9 % quantile of its magnitudes on calibration samples (behind a softmax one
    per site), averaged over batches, times `scale`; `n` thresholds theta/2^k per sign. `thresholds`, as ``{site: theta}`` with a
    number or an array that broadcasts against the site's shape, replace measured ones as they are; where they cover every site
    no calibration samples are needed. No neurons stand in front of the head, whose Linear multiplies.

    Raises CalibrationError for values out of range.
    """

    n: int = 8
    scale: float = 2.0
    thresholds: Thetas | None = None

    name = "differential"
    uncalibrated = "no calibration images or sentences, and no thresholds for every site: give one or the other"

    def __post_init__(self) -> None:
        check_per_sign(self.n)
        if not (isinstance(self.scale, Real) and 0 < self.scale < math.inf):
            raise CalibrationError(f"scale is {self.scale!r}, needs to be positive and finite (2 by default)")
        if self.thresholds is not None and not hasattr(self.thresholds, "items"):
            raise CalibrationError(f"thresholds are a {type(self.thresholds).__name__}: give {{site: theta}}")

    @property
    def needs_samples(self) -> bool:
        """Whether no threshold is given; whether those given cover every site, `apply` sees."""
        return not self.thresholds

    def apply(
        self, lowered: SpikingGraph, calibration: Batches | None, *, batch_size: int = 8, progress: Progress | None = None
    ) -> SpikingGraph:
        """The graph with the laws of running means and its thresholds; see `Method.apply`.

        A channel that is zero on the calibration samples takes the smallest threshold of its site: ``silent_channels`` of the
        graph's metadata says of how many, by site.
        """
        graph = without_head_neurons(expect(lowered, SpikingGraph, "lowered", "give a lowered SpikingGraph"))
        given = {site: theta_of(graph, site, theta) for site, theta in (self.thresholds or {}).items()}
        missing = [site.name for site in graph.sites if site.name not in given]
        silent: dict[str, int] = {}
        samples = 0
        thetas: dict[str, NDArray[Any]] = dict(given)
        if calibration is None:
            if missing:
                raise CalibrationError(f"no calibration images, and no threshold for {len(missing)} sites, first {missing[0]!r}")
        else:
            counted = Counted(checked_batches(calibration, graph, batch_size, progress))
            quantiles = measure_quantiles(graph, counted, missing)
            samples = counted.samples
            for site, quantile in quantiles.items():
                whole, dead = revived(site, quantile)
                thetas[site] = theta_of(graph, site, whole * self.scale)
                silent |= {site: dead} if dead else {}
        facts = {
            "method": self.name,
            "n": int(self.n),
            "scale": float(self.scale),
            "quantile": QUANTILE,
            "calibration_images": samples,
            "injected_thresholds": len(given),
            **({"silent_channels": silent} if silent else {}),
        }
        return differential_structure(graph, int(self.n), thetas, facts)
