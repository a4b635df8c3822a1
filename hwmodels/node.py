"""What a technology node and a supply change, as factors: logic by Stillmaker and Baas, memories by CACTI 7, wires by C V^2.

Stillmaker and Baas (Integration 58, 2017) fit gates of 180 to 7 nm: energy as a V^2 + b V + c, delay as a cubic of V, area as a
table. Here energy is that of their low-power devices at 45 and 32 nm and of multi-gate high-performance devices below; delay is
that of high-performance devices at all nodes, which speeds up least. Between their nodes figures are straight in log-log.
Decision record 20 says why, and which ranges of V are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from math import exp, log, sqrt
from typing import NamedTuple

LOGIC_SOURCE = "Stillmaker and Baas, Integration 58, 2017"
WIRE_PJ_PER_BIT_MM = 310 / 256 / 10
WIRE_SOURCE = "310 pJ for 256 bit over 10 mm at 0.9 V (Keckler et al., IEEE Micro 2011); a wire's capacitance per mm kept, so V^2"
_WIRE_V = 0.9

_ENERGY = {
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.103, -0.362, 0.2767),
    32: (0.9559, -0.7823, 0.471),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}
"""a, b, c of energy = a V^2 + b V + c."""

_DELAY = {
    90: (-60.34, 262.5, -384.2, 210.9),
    65: (-53.3, 230.4, -333.9, 178.6),
    45: (-501.6, 1567.0, -1619.0, 566.1),
    32: (-1047.0, 2982.0, -2797.0, 873.5),
    20: (0.0, 34.63, -66.37, 41.15),
    16: (0.0, 24.8, -47.52, 28.87),
    14: (-40.66, 109.2, -100.6, 35.92),
    10: (-34.95, 93.65, -85.99, 30.4),
    7: (-28.58, 76.6, -70.26, 24.69),
}
"""Coefficients of V^3, V^2, V and 1."""

_AREA = {90: 2.8, 65: 1.5, 45: 1.0, 32: 0.46, 20: 0.21, 16: 0.19, 14: 0.17, 10: 0.1, 7: 0.059}
"""Relative to 45 nm."""

_VOLTAGES = {90: (0.7, 1.3), 65: (0.7, 1.3), 45: (0.6, 1.1), 32: (0.6, 1.1)} | dict.fromkeys((20, 16, 14, 10, 7), (0.45, 1.0))
"""Supplies for which the fits are taken to hold (assumed: above where the energy polynomial turns, and in strong inversion)."""

_SUPPLY = {22: 0.9, 20: 0.9, 16: 0.85, 14: 0.8, 10: 0.75, 7: 0.7}
"""Nominal supply of the multi-gate devices, at which memories below 22 nm are scaled."""


class Supply(NamedTuple):
    """A node and the voltage it runs at."""

    process_nm: float
    voltage_v: float

    def __str__(self) -> str:
        return f"{self.process_nm:g} nm, {self.voltage_v:g} V"


REFERENCE = Supply(45.0, 0.9)
"""Where Horowitz' energy table holds."""


class Factors(NamedTuple):
    """From one node and supply to another: what energy, delay and area of a gate, and energy of a wire, are multiplied by."""

    energy: float
    delay: float
    area: float
    wire: float


def factors(before: Supply, after: Supply) -> Factors:
    """Both must lie in the fits' range (`problem`). `wire` is per bit and mm; lengths shrink with the root of `area`."""
    return Factors(
        _energy(after) / _energy(before),
        _delay(after) / _delay(before),
        _between(_AREA, after.process_nm) / _between(_AREA, before.process_nm),
        (after.voltage_v / before.voltage_v) ** 2,
    )


def below_22nm(process_nm: float) -> Factors:
    """From CACTI's smallest node to a smaller one, each at its nominal supply."""
    return factors(Supply(22, _between(_SUPPLY, 22)), Supply(process_nm, _between(_SUPPLY, process_nm)))


def wire_pj_per_bit_mm(voltage_v: float) -> float:
    """Energy of one bit over 1 mm of wire."""
    return WIRE_PJ_PER_BIT_MM * (voltage_v / _WIRE_V) ** 2


def shrunk_pitch(area: float) -> float:
    """What a length is multiplied by where an area is multiplied by `area`."""
    return sqrt(area)


def problem(at: Supply) -> tuple[str, str] | None:
    """The figure because of which nothing can be scaled to a node and supply, what is wrong with it and what to do; or None."""
    nodes = sorted(_ENERGY)
    if not nodes[0] <= at.process_nm <= nodes[-1]:
        return "process_nm", (
            f"is {at.process_nm:g}: {LOGIC_SOURCE} is used from {nodes[0]} to {nodes[-1]} nm: state every figure for your node "
            "and write scaling: none"
        )
    low, high = (_between({node: volts[end] for node, volts in _VOLTAGES.items()}, at.process_nm) for end in (0, 1))
    if low <= at.voltage_v <= high:
        return None
    beyond, remedy = ("below", "raise") if at.voltage_v < low else ("above", "lower")
    return "voltage_v", (
        f"is {at.voltage_v:g}, {beyond} the {low:.3g} to {high:.3g} V for which {LOGIC_SOURCE} is used at {at.process_nm:g} nm: "
        f"{remedy} it, or state every figure for your supply and write scaling: none"
    )


def _energy(at: Supply) -> float:
    return _between({node: _polynomial(row, at.voltage_v) for node, row in _ENERGY.items()}, at.process_nm)


def _delay(at: Supply) -> float:
    """The cubics of 45 and 32 nm turn up again near their nominal supply: from there on delay is held."""
    return _between({node: _polynomial(row, min(at.voltage_v, _turning(row))) for node, row in _DELAY.items()}, at.process_nm)


@cache
def _turning(row: tuple[float, ...]) -> float:
    """The supply, in steps of 1 mV, from which on a delay no longer falls."""
    delays = [_polynomial(row, millivolts / 1000) for millivolts in range(450, 1301)]
    rising = (at for at, (delay, later) in enumerate(pairwise(delays)) if later >= delay)
    return (450 + next(rising, len(delays))) / 1000


def _polynomial(row: tuple[float, ...], volt: float) -> float:
    value = 0.0
    for coefficient in row:
        value = value * volt + coefficient
    return value


def _between(rows: Mapping[int, float], process_nm: float) -> float:
    """A row of the table, or a straight line in log-log between the two around it."""
    nodes = sorted(rows)
    if process_nm in rows:
        return rows[int(process_nm)]
    small = max(node for node in nodes if node < process_nm)
    large = min(node for node in nodes if node > process_nm)
    share = log(process_nm / small) / log(large / small)
    return exp(log(rows[small]) * (1 - share) + log(rows[large]) * share)
