"""What a point of a family stands for: a chip that it starts from, figures of it, and what the mapping is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from synaptile.foundation.options import MappingGoal
from synaptile.hwmodels import Chip, vary
from synaptile.studies.sizing.answer import Value

CHIP, GOAL = "chip", "mapping.goal"
"""What may vary beside figures of a chip."""

Changes = Mapping[str, Value]
"""Values by knob."""


@dataclass(frozen=True)
class Bases:
    """The chips that points start from: `own`, or one of `named` where a point names it."""

    own: Chip
    named: Mapping[str, Chip] = field(default_factory=dict)

    def of(self, changes: Changes) -> Chip:
        """The chip that a point starts from."""
        return self.named.get(str(changes.get(CHIP)), self.own)

    def chip(self, changes: Changes) -> Chip:
        """The chip of a point. Raises ChipError."""
        return vary(self.of(changes), figures_in(changes))


def figures_in(changes: Changes) -> dict[str, Value]:
    """The figures of a chip among some changes, those of joined knobs one by one."""
    return {figure: value for name, value in changes.items() if name not in (CHIP, GOAL) for figure in name.split("+")}


def goal_in(changes: Changes) -> MappingGoal | None:
    """What a point is mapped for; None where it is as the run was mapped."""
    return cast("MappingGoal | None", changes.get(GOAL))
