"""Energy per operation at 45 nm, 0.9 V: Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014.

Figures as printed there, in pJ. What the table does not print is composed from it here, and every composition
says how.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from types import MappingProxyType

from synaptile.hwmodels.formats import FORMATS

NUMBER_FORMATS = ("fp32", "fp16", "int8")
"""Number formats that a whole bill can be in, SNN and ANN alike; a chip may state others, by kind of core and role."""

_SOURCE = "Horowitz, ISSCC 2014 (45 nm, 0.9 V)"


@dataclass(frozen=True)
class Figure:
    """One published or derived energy: `pj` per operation and where it comes from."""

    pj: float
    source: str


def _published(pj: float, what: str) -> Figure:
    return Figure(pj, f"{_SOURCE}: {what}")


PUBLISHED: Mapping[str, Figure] = MappingProxyType(
    {
        "int8 add": _published(0.03, "8-bit integer add"),
        "int16 add": _published(0.05, "16-bit integer add"),
        "int32 add": _published(0.1, "32-bit integer add"),
        "int8 mul": _published(0.2, "8-bit integer multiply"),
        "int32 mul": _published(3.1, "32-bit integer multiply"),
        "fp16 add": _published(0.4, "16-bit floating-point add"),
        "fp32 add": _published(0.9, "32-bit floating-point add"),
        "fp16 mul": _published(1.1, "16-bit floating-point multiply"),
        "fp32 mul": _published(3.7, "32-bit floating-point multiply"),
    }
)
"""The arithmetic rows of the published table."""

SRAM_PJ_PER_64BIT: Mapping[int, Figure] = MappingProxyType(
    {
        8 * 1024: _published(10.0, "64-bit access of an 8 KB SRAM"),
        32 * 1024: _published(20.0, "64-bit access of a 32 KB SRAM"),
        1024 * 1024: _published(100.0, "64-bit access of a 1 MB SRAM"),
    }
)
"""Size of the memory in bytes -> energy of one 64-bit access."""


def sram_figure(size_bytes: float) -> Figure:
    """Energy of one 64-bit access of an SRAM of `size_bytes`, and how it was found."""
    sizes = sorted(SRAM_PJ_PER_64BIT)
    upper = min(max(bisect_left(sizes, size_bytes), 1), len(sizes) - 1)
    small, large = sizes[upper - 1], sizes[upper]
    low, high = SRAM_PJ_PER_64BIT[small].pj, SRAM_PJ_PER_64BIT[large].pj
    exponent = log(high / low) / log(large / small)
    how = "interpolated" if sizes[0] <= size_bytes <= sizes[-1] else "extrapolated"
    return Figure(
        round(low * (size_bytes / small) ** exponent, 6),
        f"Horowitz, ISSCC 2014: {how} for {size_bytes / 1024:g} KB from {low:g} pJ at {small // 1024} KB and {high:g} pJ at "
        f"{large // 1024} KB, exponent {exponent:.3f}",
    )


_MULTIPLY_EXPONENT = log(3.1 / 0.2) / log(32 / 8)
_BITS_OF_FRACTION = {"fp16": 11, "bf16": 8}


def _multiply(bits: int) -> Figure:
    pj = round(0.2 * (bits / 8) ** _MULTIPLY_EXPONENT, 4)
    rule = f"a power of the width through 0.2 pJ at 8 and 3.1 pJ at 32 bits, exponent {_MULTIPLY_EXPONENT:.3f}"
    return Figure(pj, f"assumed: {rule} ({_SOURCE})")


DERIVED: Mapping[str, Figure] = MappingProxyType(
    {
        "int4 add": Figure(0.015, f"assumed: half of an 8-bit add ({_SOURCE})"),
        "int24 add": Figure(0.075, f"assumed: halfway between 16 and 32 bits ({_SOURCE})"),
        "bf16 add": Figure(0.4, f"assumed: as fp16, alignment and rounding of a word as wide ({_SOURCE})"),
        "int4 mul": _multiply(4),
        "int16 mul": _multiply(16),
        "int24 mul": _multiply(24),
        "bf16 mul": Figure(
            round(1.1 * (_BITS_OF_FRACTION["bf16"] / _BITS_OF_FRACTION["fp16"]) ** 2, 4),
            f"assumed: fp16 x (8 / 11)^2, the area of the array of its significand ({_SOURCE})",
        ),
    }
)
"""Rows that the table does not print, by rules stated with them."""


def _primitive(number_format: str, op: str) -> Figure:
    name = f"{number_format} {op}"
    return PUBLISHED[name] if name in PUBLISHED else DERIVED[name]


def _mac(number_format: str) -> Figure:
    # Rounded to 1e-9 pJ so that 3.7 + 0.9 is the literature's 4.6 and not 4.6000000000000005.
    mul, add = _primitive(number_format, "mul"), _primitive(number_format, "add")
    pj = round(mul.pj + add.pj, 9)
    if f"{number_format} mul" in PUBLISHED:
        return Figure(pj, f"{_SOURCE}: {number_format} multiply {mul.pj} + add {add.pj}")
    return Figure(pj, f"{number_format} multiply {mul.pj:g} ({mul.source}) + add {add.pj:g} ({add.source})")


def _compare(number_format: str) -> Figure:
    return Figure(_primitive(number_format, "add").pj, f"assumed: a comparison costs one {number_format} add ({_SOURCE})")


def _shift(number_format: str) -> Figure:
    if not number_format.startswith("int"):
        return Figure(_primitive("int8", "add").pj, f"assumed: an 8-bit add to the exponent ({_SOURCE})")
    return Figure(
        _primitive(number_format, "add").pj,
        f"assumed: a barrel shifter, log2(bits) rows of multiplexers of three gates, costs an add of its width, as AND gates and "
        f"adders of a public 65 nm accelerator model do to one another (12 x 0.000794 to 0.00967 pJ at 16 bits) ({_SOURCE})",
    )


def _row(number_format: str) -> dict[tuple[str, str], Figure]:
    add = _primitive(number_format, "add")
    return {
        ("ac", number_format): Figure(add.pj, f"{add.source}: one accumulate"),
        ("mac", number_format): _mac(number_format),
        ("add", number_format): add,
        ("mul", number_format): _primitive(number_format, "mul"),
        ("compare", number_format): _compare(number_format),
        ("shift", number_format): _shift(number_format),
    }


PRIMITIVE_FIGURES: Mapping[tuple[str, str], Figure] = MappingProxyType(
    {key: figure for number_format in FORMATS for key, figure in _row(number_format).items()}
)
"""(op, number format) -> energy of the primitives ac, mac, add, mul, compare, and of a shift.

E_MAC / E_AC: fp32 3.7 + 0.9 = 4.6 / 0.9; fp16 1.1 + 0.4 = 1.5 / 0.4; int8 0.2 + 0.03 = 0.23 / 0.03. The int8 pair is the
one that the literature divides by: an accumulate is an 8-bit add there, although accumulators are 32 bits wide (a 32-bit
integer add is 0.1 pJ). A chip file that states formats is billed at the widths of its work instead (`energy.widths`).
"""
