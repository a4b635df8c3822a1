"""ECMT: a lowered graph takes a preset's structure and thresholds from calibration samples. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.method import Batches, Counted, Method, checked_batches
from synaptile.conversion.thresholds import (
    Thresholds,
    apply_preset,
    check_per_sign,
    checked_threshold,
    default_n,
    measure_thresholds,
    preset_thresholds,
    with_thresholds,
)
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import CalibrationError, InputError
from synaptile.foundation.options import PRESETS, Preset
from synaptile.foundation.types import Progress


@dataclass(frozen=True)
class ECMT(Method):
    """Expectation compensation and multi-threshold neurons (the ECMT paper, Algorithm 1 and Table 1).

    `preset` is ``"paper"`` or ``"released"`` (what the published code does; see the design notes on counting), `n` thresholds per
    sign (None takes the paper's 8, and 6 for EVA), `p` the quantile of Algorithm 1. `thresholds`, as ``{site: (theta1, theta2,
    n)}``, replace measured and preset ones; where they cover every site no calibration samples are needed.

    Raises InputError for a preset that does not exist, CalibrationError for other values out of range.
    """

    preset: Preset = "paper"
    n: int | None = None
    p: float = 0.99
    thresholds: Thresholds | None = None

    name = "ecmt"
    uncalibrated = "no calibration images or sentences, and no thresholds for every site: give one or the other"

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise InputError(f"preset {self.preset!r} does not exist; presets are {', '.join(PRESETS)}")
        if self.n is not None:
            check_per_sign(self.n)
        if not (isinstance(self.p, Real) and 0.5 < self.p < 1.0):
            raise CalibrationError(f"p is {self.p!r}, needs to lie between 0.5 and 1 (the paper uses 0.99)")
        if self.thresholds is not None:
            if not hasattr(self.thresholds, "items"):
                raise CalibrationError(f"thresholds are a {type(self.thresholds).__name__}: give {{site: (theta1, theta2, n)}}")
            for site, values in self.thresholds.items():
                checked_threshold(site, values)

    @property
    def needs_samples(self) -> bool:
        """Whether no threshold is given; whether those given cover every site, `apply` sees."""
        return not self.thresholds

    def apply(
        self, lowered: SpikingGraph, calibration: Batches | None, *, batch_size: int = 8, progress: Progress | None = None
    ) -> SpikingGraph:
        """The graph with the preset's structure and its thresholds; see `Method.apply`."""
        graph = apply_preset(expect(lowered, SpikingGraph, "lowered", "give a lowered SpikingGraph"), self.preset)
        n = default_n(graph) if self.n is None else self.n
        injected = dict(self.thresholds or {})
        fixed = preset_thresholds(graph, self.preset)
        measured: dict[str, tuple[float, float]] = {}
        samples = 0
        if calibration is not None:
            counted = Counted(checked_batches(calibration, graph, batch_size, progress))
            measured = measure_thresholds(graph, counted, self.p, known={*injected, *fixed})
            samples = counted.samples
        elif any(site.name not in {*injected, *fixed} for site in graph.sites):
            raise CalibrationError(
                "no calibration images, and injected thresholds do not cover every site: give one or the other"
            )
        graph = with_thresholds(graph, {site: (*theta, n) for site, theta in {**measured, **fixed}.items()} | injected)
        facts = {
            **graph.metadata,
            "method": self.name,
            "preset": self.preset,
            "n": n,
            "p": self.p,
            "calibration_images": samples,
            "injected_thresholds": len(injected),
        }
        return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def calibrate(
    lowered: SpikingGraph,
    calibration: Batches | None = None,
    *,
    preset: Preset = "paper",
    n: int | None = None,
    p: float = 0.99,
    thresholds: Thresholds | None = None,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Give a lowered graph a preset's structure and its thresholds: ``ECMT(preset, n, p, thresholds).apply(...)``.

    Raises CalibrationError, ImageError, InputError.
    """
    return ECMT(preset, n, p, thresholds).apply(lowered, calibration, batch_size=batch_size, progress=progress)
