"""The paper's Table 3: operations of one transformer block, and its slip set right."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.foundation.errors import InputError


@dataclass(frozen=True)
class ComplexityRow:
    """One row: `module`, its `formula` and exact `count` for one block and one image; `note` where figures disagree."""

    module: str
    formula: str
    count: int
    note: str = ""

    @property
    def millions(self) -> float:
        """The count in millions, two decimals as in the paper."""
        return round(self.count / 1e6, 2)


def table3(channels: int = 1408, tokens: int = 577, heads: int = 16, hidden: int = 6144) -> tuple[ComplexityRow, ...]:
    """Rows of Table 3 (paper, section 5.5) for C channels, N tokens, Nh heads and Ch hidden channels; defaults are EVA's.

    The paper bills Q K^T as Nh*N*(C/Nh)^2, 71.49 M for EVA; the product it performs takes Nh*N*N*(C/Nh), 468.76 M. Both rows
    are here and labelled. (For GELU's 3,545,088 the paper prints 3.54: cut off, not rounded.)
    Raises InputError where the heads do not divide the channels.
    """
    if channels % heads:
        raise InputError(f"{heads} heads do not divide {channels} channels: choose heads that do")
    width = channels // heads
    norm = tokens * channels
    product = heads * tokens * tokens * width
    return (
        ComplexityRow("LayerNorm 1", "N * C", norm),
        ComplexityRow("Linear qkv", "N * C * 3C", 3 * norm * channels),
        ComplexityRow("Matrix Product q, k", "Nh * N * (C/Nh)^2", heads * tokens * width**2, "as printed in the paper's Table 3"),
        ComplexityRow("Matrix Product q, k", "Nh * N * N * (C/Nh)", product, "what the product performs"),
        ComplexityRow("Softmax", "Nh * N * N", heads * tokens * tokens),
        ComplexityRow("Matrix Product s, v", "Nh * N * N * (C/Nh)", product),
        ComplexityRow("Linear out", "N * C * C", norm * channels),
        ComplexityRow("LayerNorm 2", "N * C", norm),
        ComplexityRow("MLP Linear 1", "N * C * Ch", norm * hidden),
        ComplexityRow("GELU", "N * Ch", tokens * hidden),
        ComplexityRow("MLP Linear 2", "N * Ch * C", norm * hidden),
    )
