"""Time, power and area of both sides: what a schedule adds to a bill."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.hwmodels import Chip, die_area_mm2
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.schedule.dense import DenseTimeline
from synaptile.simulator.schedule.timeline import Timeline


@dataclass(frozen=True)
class SideTime:
    """Time of one side. `interval_s` is that between the results of a stream's images, None where none was scheduled."""

    latency_s: float
    interval_s: float | None

    @property
    def per_image_s(self) -> float:
        """What one image occupies the chip for: the interval of a stream, else all its time."""
        return self.latency_s if self.interval_s is None else self.interval_s

    @property
    def images_per_second(self) -> float | None:
        """Throughput; None where no stream was scheduled."""
        return None if self.interval_s is None else 1 / self.interval_s


@dataclass(frozen=True)
class Performance:
    """Time of SNN and ANN by their own schedules of `images` images on the same cores; area of all dies in use, where stated."""

    images: int
    snn: SideTime
    ann: SideTime
    area_mm2: float | None


@dataclass(frozen=True)
class Efficiency:
    """One side of one rung over its own time; power density is None without an area.

    Average power = energy per image / time per image; energy-delay product = energy per image x latency.
    """

    power_w: float
    w_per_mm2: float | None
    images_per_joule: float
    edp_js: float


def performance_of(timeline: Timeline, dense: DenseTimeline) -> Performance:
    """Both sides of a schedule; the SNN through all its steps."""
    program, hertz = timeline.program, 1e6 * timeline.clock_mhz
    streamed = timeline.images > 1
    return Performance(
        timeline.images,
        SideTime(timeline.latency_cycles / hertz, timeline.interval_cycles / hertz if streamed else None),
        SideTime(dense.latency_cycles / hertz, dense.interval_cycles / hertz if streamed else None),
        _area_mm2(program.chip, program),
    )


def efficiency(energy_pj: float, time: SideTime, area_mm2: float | None) -> Efficiency:
    """Of one side, from its energy per image."""
    joules = 1e-12 * energy_pj
    watts = joules / time.per_image_s
    density = None if area_mm2 is None else watts / area_mm2
    return Efficiency(watts, density, 1 / joules if joules else float("inf"), joules * time.latency_s)


def _area_mm2(chip: Chip, program: CoreProgram) -> float | None:
    return None if chip.area is None else die_area_mm2(chip).total * program.board[0] * program.board[1]
