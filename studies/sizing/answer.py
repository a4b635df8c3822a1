"""What a sizing study found: the points tried, the smallest chip that meets the target, what binds it, what more would bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synaptile.foundation.shown import Shown

Value = int | float | str


def value_text(value: Value) -> str:
    """A value as text: words as they are."""
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


@dataclass(frozen=True)
class Knob:
    """What may vary, with its values: numbers in ascending order, words in the order of preference.

    `name` is a dotted name as in a chip file, a memory perhaps in KiB; several joined by ``+`` take the same value together.
    Beside figures, ``chip`` (the chip to start from) and ``mapping.goal`` may vary.
    """

    name: str
    values: tuple[Value, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that take the knob's value."""
        return tuple(self.name.split("+"))


@dataclass(frozen=True)
class Target:
    """What the chip must reach, per image: at most this latency and energy, at least this throughput. None: not asked for."""

    latency_ms: float | None = None
    images_per_second: float | None = None
    energy_mj: float | None = None

    def excess(self, outcome: ChipOutcome) -> dict[str, float]:
        """By how much each figure misses its target, as a share of it; empty where all are met."""
        pairs: dict[str, float] = {}
        if self.latency_ms is not None:
            pairs["latency"] = outcome.latency_ms / self.latency_ms - 1.0
        if self.images_per_second is not None:
            reached = outcome.images_per_second
            pairs["throughput"] = self.images_per_second / reached - 1.0 if reached else float("inf")
        if self.energy_mj is not None:
            pairs["energy"] = outcome.energy_mj / self.energy_mj - 1.0
        return {name: excess for name, excess in pairs.items() if excess > 0}

    def met(self, outcome: ChipOutcome) -> bool:
        """Whether a point fits and meets everything."""
        return outcome.fits and not self.excess(outcome)

    def __str__(self) -> str:
        asked = (
            (self.latency_ms, "latency at most {:g} ms"),
            (self.images_per_second, "at least {:g} images/s"),
            (self.energy_mj, "energy at most {:g} mJ per image"),
        )
        return ", ".join(text.format(value) for value, text in asked if value is not None) or "that the graph fits"


@dataclass(frozen=True)
class ChipOutcome:
    """One chip tried. `binding` is the chip figure that stops it: what does not fit, else where most of the critical path goes.

    `why` says more: the shortfall, or the busiest resource. Figures are 0 where the graph does not fit. `area_mm2` is that of all
    `chips` of the board, None where the chip states no area. Energies are those of the highest rung, per image.
    `images_per_second` is 0 where one image alone was scheduled: that has no throughput. Cores are those of the fullest of
    `phases`, which move `dram_bytes` of weights and of what they hand on per image. `recounted` is False where the run did not
    keep the spikes that this mapping's own operations and memory accesses need: energies are then those of the executed mapping.
    """

    fits: bool
    binding: str
    why: str
    latency_cycles: int = 0
    latency_ms: float = 0.0
    images_per_second: float = 0.0
    energy_mj: float = 0.0
    chips: int = 0
    synapse_cores: int = 0
    ec_cores: int = 0
    area_mm2: float | None = None
    phases: int = 1
    dram_bytes: int = 0
    recounted: bool = True


@dataclass(frozen=True)
class Floor:
    """The smallest value of one knob that meets the target while all others stand at `others`; None where none does."""

    knob: str
    smallest: Value | None


@dataclass(frozen=True)
class Break:
    """What happens one value below the answer, or with the best other word: `to` is that value, `outcome` what it gives.

    Both are None at the end of a range. `excess` says by how much the target is missed; where it is met, `cost` (in the study's
    unit) is no smaller than the answer's.
    """

    knob: str
    at: Value
    to: Value | None
    outcome: ChipOutcome | None
    excess: Mapping[str, float]
    cost: float | None = None


@dataclass(frozen=True)
class Marginal:
    """What one more unit of a parameter brings, by the difference of two schedules.

    From `at` to `to`: change of latency (cycles) and of energy (pJ per image) per unit (KiB, lane, multiplier, bit); negative is
    better. None where the larger chip cannot be made or mapped, which `why` explains; it also says where a chip outside of the
    family is smaller than the answer.
    """

    parameter: str
    at: int | float
    to: int | float
    cycles_per_unit: float | None
    pj_per_unit: float | None
    why: str = ""


@dataclass(frozen=True, repr=False)
class Sizing(Shown):
    """A finished study.

    `answer` maps knobs to their values in the smallest chip found, `outcome` is what it does, `cost` its size in `cost_unit`.
    `exhaustive`: no smaller point of the grid meets the target; `statement` says how that is known, or what was left untried.
    `tried` counts points evaluated, `grid` points of the family.
    """

    graph: str
    chip: str
    synthetic: tuple[str, ...]
    target: Target
    knobs: tuple[Knob, ...]
    answer: Mapping[str, Value]
    outcome: ChipOutcome
    cost: float
    cost_unit: str
    exhaustive: bool
    statement: str
    floors: tuple[Floor, ...]
    breaks: tuple[Break, ...]
    marginals: tuple[Marginal, ...]
    tried: int
    grid: int
    settings: Mapping[str, object]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value_text(value)}" for name, value in self.answer.items())
        return f"Sizing({self.chip!r} for {self.graph!r}: {values}; {self.cost:,.5g} {self.cost_unit})"
