"""Energy per operation at 45 nm, 0.9 V: Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014.

Figures as printed there, in pJ. What the table does not print is composed from it here, and every composition
says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NUMBER_FORMATS = ("fp32", "fp16", "int8")
"""Number formats that a run can be billed in; SNN and ANN are always billed in the same one."""

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


def _mac(number_format: str) -> Figure:
    # Rounded to 1e-9 pJ so that 3.7 + 0.9 is the literature's 4.6 and not 4.6000000000000005.
    mul, add = PUBLISHED[f"{number_format} mul"], PUBLISHED[f"{number_format} add"]
    return Figure(round(mul.pj + add.pj, 9), f"{_SOURCE}: {number_format} multiply {mul.pj} + add {add.pj}")


def _compare(number_format: str) -> Figure:
    add = PUBLISHED[f"{number_format} add"]
    return Figure(add.pj, f"assumed: a comparison costs one {number_format} add ({_SOURCE})")


def _row(number_format: str) -> dict[tuple[str, str], Figure]:
    add = PUBLISHED[f"{number_format} add"]
    return {
        ("ac", number_format): Figure(add.pj, f"{add.source}: one accumulate"),
        ("mac", number_format): _mac(number_format),
        ("add", number_format): add,
        ("mul", number_format): PUBLISHED[f"{number_format} mul"],
        ("compare", number_format): _compare(number_format),
    }


PRIMITIVE_FIGURES: Mapping[tuple[str, str], Figure] = MappingProxyType(
    {key: figure for number_format in NUMBER_FORMATS for key, figure in _row(number_format).items()}
)
"""(op, number format) -> energy of the primitives ac, mac, add, mul, compare.

E_MAC / E_AC: fp32 3.7 + 0.9 = 4.6 / 0.9; fp16 1.1 + 0.4 = 1.5 / 0.4; int8 0.2 + 0.03 = 0.23 / 0.03. The int8 pair is the
one that the literature divides by: an accumulate is an 8-bit add there, although accumulators are 32 bits wide (a 32-bit
integer add is 0.1 pJ). A chip file that gives ``operation_pj.ac.int8`` says otherwise.
"""
