"""Number formats and function units: in what a core computes, and which of its functions are tables.

A chip that states no formats computes in that of the run and is billed in it, as the published accountings are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

from synaptile.hwmodels.sourced import Count, Section, Signed

Format: TypeAlias = Literal["int4", "int8", "int16", "int24", "int32", "fp16", "bf16", "fp32"]
"""A number format: integers by their bits, floating point of 16 bits with a long (fp16) or short (bf16) fraction, or of 32."""

Overflow: TypeAlias = Literal["saturate", "wrap", "error"]
"""What happens to a sum that leaves its accumulator or membrane. Counted in any case; `error` ends the run with the count."""

FORMATS: tuple[Format, ...] = get_args(Format)
BITS: Mapping[Format, int] = {name: int(name.removeprefix("bf").removeprefix("fp").removeprefix("int")) for name in FORMATS}
"""Width of a word of each format."""


def is_integer(name: Format) -> bool:
    """Whether a format holds whole numbers."""
    return name.startswith("int")


def range_of(name: Format) -> tuple[int, int]:
    """The smallest and the largest whole number that an integer format holds."""
    half = 1 << (BITS[name] - 1)
    return -half, half - 1


@dataclass(frozen=True)
class SynapseFormats(Section):
    """In what a synapse core computes. A word of each is as wide as the section's `_bits` say."""

    weights: Format
    """Stored weights, integers with one scale per output channel."""
    accumulators: Format
    """Sums of weights; an accumulate is an addition of this width, a shifter in front of it where spikes are graded."""
    activations: Format | None = None
    """What a dense pass multiplies weights by; as the weights where absent."""
    membranes: Format | None = None
    """Membranes and what neurons do with them; as the accumulators where absent. Whole numbers have a last place per site, such
    that eight times the highest threshold fits."""
    combine: Format | None = None
    """Factor that theta combine multiplies sums by; as the accumulators where absent."""
    overflow: Overflow = "saturate"
    """What happens to a sum that leaves its accumulator or membrane."""


@dataclass(frozen=True)
class ECFormats(Section):
    """In what an EC core computes."""

    arithmetic: Format
    """Factors of multiplications, functions, and membranes that an EC core holds: fp16, bf16 or fp32."""
    sums: Format | None = None
    """Additions: running sums, residual adds, what a MAC adds to: what the arithmetic is, which is meant where absent."""
    products: Format | None = None
    """Sums of a product's two passes and of its operands; as `sums` where absent."""
    combine: Format | None = None
    """Factor that a product's theta combine multiplies sums by; as the products where absent."""


@dataclass(frozen=True)
class Table(Section):
    """A function as a table of straight lines: one multiply-accumulate and one read of the table per evaluation.

    Each of `segments` equal pieces of ``low:high`` has a slope and an intercept of `bits` each. An input outside takes the value
    of the nearer end and is counted. A reciprocal (`div`) and a reciprocal root (`rsqrt`) take a table over the significand of
    their input, 1:2 and 1:4, whatever its exponent, and have no range of their own.
    """

    segments: Count
    """Pieces of the range."""
    bits: Count
    """Of a slope, and of an intercept: fixed point, the largest of the table at full scale."""
    low: Signed | None = None
    """Where the range begins."""
    high: Signed | None = None
    """Where the range ends."""

    @property
    def size_bits(self) -> int:
        """What the table takes."""
        return 2 * self.segments * self.bits


@dataclass(frozen=True)
class Functions(Section):
    """Special functions that are tables; one that is absent is software, the expansion of section `special_functions`."""

    div: Table | None = None
    """Divisions."""
    rsqrt: Table | None = None
    """Reciprocal square roots."""
    exp: Table | None = None
    """Exponentials; those of a softmax are of numbers up to 0."""
    erf: Table | None = None
    """Error functions, of GELU."""
    tanh: Table | None = None
    """Hyperbolic tangents."""
    sigmoid: Table | None = None
    """Sigmoids."""

    @property
    def tables(self) -> dict[str, Table]:
        """Function -> its table, of those that have one."""
        named = {known.name: getattr(self, known.name) for known in fields(self)}
        return {name: table for name, table in named.items() if table is not None}


SIGNIFICANDS: Mapping[str, tuple[float, float]] = {"div": (1.0, 2.0), "rsqrt": (1.0, 4.0)}
"""Functions whose table is over the significand of their input, and the range of that."""


@dataclass(frozen=True)
class Units(Section):
    """How neurons and synapses do what a figure alone does not say."""

    compare: Literal["search", "exponent"] = "search"
    """search: sign, then binary search over the thresholds; exponent: thresholds are a base times powers of two, so that the
    exponent of the membrane tells which is reached, in one operation."""
    theta_combine: Literal["unstated", "multiplier", "folded"] = "unstated"
    """multiplier: a multiplier per neuron update, area included; folded: where theta1 = theta2 the scale is part of the weights
    (of a product, of what follows it), a core keeps one sum and nothing is combined; elsewhere as multiplier; unstated: billed,
    without area."""
