"""Sections `operation_pj` and `special_functions`: what operations take, and what functions are made of."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.hwmodels.sourced import FORM, Count, Real


@with_config(FORM)
class Formats(TypedDict, total=False):
    """Energy of one operation in each number format, pJ."""

    fp32: Real
    """One operation in fp32."""
    fp16: Real
    """One operation in fp16."""
    bf16: Real
    """One operation in bf16."""
    int4: Real
    """One operation in int4."""
    int8: Real
    """One operation in int8."""
    int16: Real
    """One operation in int16."""
    int24: Real
    """One operation in int24."""
    int32: Real
    """One operation in int32."""


@with_config(FORM)
class Operations(TypedDict, total=False):
    """Section `operation_pj`: the operations that cores issue, and updates of a neuron as a whole.

    The latter are for chips that publish nothing finer: with a spike sent (active) and without (inactive).
    """

    ac: Formats
    """One accumulate caused by one spike at one destination."""
    mac: Formats
    """One multiply-accumulate."""
    shift: Formats
    """Shifting a weight (of a floating-point one, adding to its exponent) for a graded spike."""
    add: Formats
    """Every other addition."""
    mul: Formats
    """One multiplication."""
    compare: Formats
    """One comparison."""
    div: Formats
    """One division."""
    rsqrt: Formats
    """One reciprocal square root."""
    exp: Formats
    """One exponential."""
    erf: Formats
    """One error function."""
    tanh: Formats
    """One hyperbolic tangent."""
    sigmoid: Formats
    """One sigmoid."""
    neuron_update_active: Formats
    """Updating a neuron that sends a spike."""
    neuron_update_inactive: Formats
    """Updating a neuron that sends none."""


@with_config(FORM)
class Expansion(TypedDict, total=False):
    """Primitive operations that one special function takes."""

    mac: Count
    """MACs in it."""
    add: Count
    """Additions in it."""
    mul: Count
    """Multiplications in it."""
    compare: Count
    """Comparisons in it."""


@with_config(FORM)
class SpecialFunctions(TypedDict, total=False):
    """Section `special_functions`."""

    div: Expansion
    """What a division takes."""
    rsqrt: Expansion
    """What a reciprocal square root takes."""
    exp: Expansion
    """What an exponential takes."""
    erf: Expansion
    """What an error function takes."""
    tanh: Expansion
    """What a hyperbolic tangent takes."""
    sigmoid: Expansion
    """What a sigmoid takes."""
