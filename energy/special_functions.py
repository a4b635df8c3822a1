"""Special functions expanded into the primitives mac, mul, add and compare.

One documented table; a chip file overrides any row of it (``special_functions``). Rows may use one another, so overriding
``exp`` moves ``erf``, ``tanh`` and ``sigmoid`` with it. Derivations, for a relative error of float32 (24 bits):

``div`` a/b
    Newton-Raphson reciprocal from an 8-bit seed, 2 iterations (8 -> 16 -> 32 bits), each e = 1 - b y and y = y + y e: 4 mac;
    a times it: 1 mul.
``rsqrt``
    h = x/2: 1 mul; 2 iterations from an 8-bit seed, each y*y: 1 mul, 3/2 - h y^2: 1 mac, times y: 1 mul. Together 5 mul, 2 mac.
``exp``
    Range reduction k = round(x / ln 2): 1 mul, and 2 add that round by adding and subtracting a large constant; r = x - k ln 2
    with ln 2 in two parts (Cody-Waite): 2 mac; polynomial of degree 6 in Horner form: 6 mac; times 2^k: 1 add to the exponent.
    Together 8 mac, 1 mul, 3 add.
``erf``
    Abramowitz and Stegun 7.1.26, 1 - (a1 u + ... + a5 u^5) exp(-x^2) with u = 1/(1 + p |x|), error 1.5e-7: sign of x 1 compare;
    1 + p |x|: 1 mac; u: 1 div; Horner over a1..a5: 4 mac, times u: 1 mul; x^2: 1 mul; 1 exp; one minus the product: 1 mac.
    Together 6 mac, 2 mul, 1 compare, 1 div, 1 exp.
``tanh``
    1 - 2/(exp(2x) + 1): 1 mul, 1 exp, 1 add, 1 div, 1 add.
``sigmoid``
    1/(1 + exp(-x)): 1 exp, 1 add, 1 div.

Seeds come from small tables whose reads are not billed; a sign flip is free. Half and 8-bit formats would need fewer
iterations and a shorter polynomial: the same counts are billed there, on both sides of every ratio, as an upper bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from synaptile.foundation.errors import InputError

PRIMITIVES = ("ac", "mac", "add", "mul", "compare")
"""Operations that carry a price of their own."""

EXPANSIONS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "div": MappingProxyType({"mac": 4, "mul": 1}),
        "rsqrt": MappingProxyType({"mac": 2, "mul": 5}),
        "exp": MappingProxyType({"mac": 8, "mul": 1, "add": 3}),
        "erf": MappingProxyType({"mac": 6, "mul": 2, "compare": 1, "div": 1, "exp": 1}),
        "tanh": MappingProxyType({"mul": 1, "add": 2, "exp": 1, "div": 1}),
        "sigmoid": MappingProxyType({"add": 1, "exp": 1, "div": 1}),
    }
)
"""Special function -> what one evaluation takes, in primitives and other special functions. See the module's derivations."""


def expand(op: str, expansions: Mapping[str, Mapping[str, int]]) -> dict[str, int] | None:
    """Primitives of one `op`, ordered as `PRIMITIVES`; None where the table has no row for it or for one it uses.

    Raises InputError for a row that uses itself, directly or through others, or counts below zero.
    """
    counts = _expand(op, expansions, ())
    return None if counts is None else {name: counts[name] for name in PRIMITIVES if counts[name]}


def _expand(op: str, expansions: Mapping[str, Mapping[str, int]], path: tuple[str, ...]) -> Counter[str] | None:
    if op in PRIMITIVES:
        return Counter({op: 1})
    if op in path:
        raise InputError(f"special function {op!r} expands into itself ({' -> '.join((*path, op))}): break the circle")
    if op not in expansions:
        return None
    total: Counter[str] = Counter()
    for part, times in expansions[op].items():
        if times < 0:
            raise InputError(f"special function {op!r} counts {times} {part}: counts start at 0")
        inner = _expand(part, expansions, (*path, op))
        if inner is None:
            return None
        total.update({name: count * times for name, count in inner.items()})
    return total
