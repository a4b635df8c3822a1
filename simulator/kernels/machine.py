"""What the machine's vector unit offers, as the compiler sees it, and the block sizes that follow from it."""

from __future__ import annotations

import sys
from typing import NamedTuple

from numba.core.registry import cpu_target


class VectorUnit(NamedTuple):
    """`bits` of a vector register, and whether it multiplies and adds in one instruction."""

    bits: int
    has_fma: bool


def vector_unit(triple: str, features: str) -> VectorUnit:
    """The vector unit of an LLVM target: its triple and its features, ``+name,-name,...``."""
    present = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    if not triple.startswith(("x86_64", "i686", "i386")):
        return VectorUnit(128, has_fma=True)  # 64-bit ARM and POWER always have both
    bits = 512 if "avx512f" in present else 256 if "avx" in present else 128
    return VectorUnit(bits, "fma" in present or "avx512f" in present)


def panel_width(triple: str, bits: int) -> int:
    """Outputs held in registers at once: enough sums to hide the latency of an addition, few enough to leave no register spilled.

    128 floats are 8 registers of 512 bits, of which there are 32; 64 are 8 of 256. Of 128 bits x86 has 16 registers, room for 32
    floats, others 32. The more outputs, the fewer loads an event costs besides its weights.
    """
    if bits == 512:
        return 128
    return 32 if bits == 128 and triple.startswith(("x86_64", "i686", "i386")) else 64


_TRIPLE, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()
COMPRESSES = _TRIPLE.startswith("x86_64") and "+avx512vl" in _FEATURES.split(",")
"""Whether one instruction moves the lanes chosen by a mask to the front of a register."""
COMPRESSES_BYTES = _TRIPLE.startswith("x86_64") and {"+avx512bw", "+avx512vbmi2"} <= set(_FEATURES.split(","))
"""Whether it does so with 64 bytes."""
HAS_DOT = _TRIPLE.startswith("x86_64") and {"+avx512bw", "+avx512vnni"} <= set(_FEATURES.split(","))
"""Whether one instruction multiplies bytes and sums them in fours."""
LANES = 16
"""Outputs or rows that lie side by side: widths of panels are whole lanes, squares are transposed and rows folded by so many."""
WORD_CODES = 64
"""Codes that are counted and listed together."""
EVENTS_AT_ONCE = 4
"""A run's length is a multiple of it; four rows of 16 bits are loaded as one word."""
VECTOR_BYTES = 64
"""Vectors and cache lines: LLVM splits the vectors for machines with narrower ones."""
LITTLE_ENDIAN = sys.byteorder == "little"
VECTOR_BITS, HAS_FMA = vector_unit(_TRIPLE, _FEATURES)
PANEL = panel_width(_TRIPLE, VECTOR_BITS)
BLOCK_BYTES = 40 * 1024
"""Weights that tokens pass over together: about a first-level cache. Rows that miss it come from the second level in time, and
long runs of events matter too, above all where few neurons spike."""
