"""In which order a kind of core works, and what shares a fetched row: machine figures that never change a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["step_major", "layer_major"]
"""step_major: all layers do a step, then the next; layer_major: a layer does all steps of a block of tokens, then the next."""

Accumulators: TypeAlias = Literal["sram", "registers"]
"""Where sums are while spikes arrive: in state memory, or in the registers of the lanes."""


@dataclass(frozen=True)
class Dataflow:
    """How a kind of core goes through steps and tokens.

    A row of weights that is fetched serves `token_block` tokens at `time_batch` steps (more than 1 in layer_major order only).
    `max_steps`: in layer_major order, the steps of a run that memories between layers are large enough for.
    """

    order: Order = "step_major"
    token_block: int = 1
    time_batch: int = 1
    accumulators: Accumulators = "sram"
    max_steps: int = 1


PLAIN = Dataflow()
"""A row per spike, sums in SRAM, step after step."""
