"""Energies and ratios as text, the same in every table."""

from __future__ import annotations

_UNITS = ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"))


def energy_text(energy_pj: float) -> str:
    """An energy in pJ with four significant digits in the unit that suits it: ``7.464 mJ``."""
    if energy_pj == 0:
        return "0 pJ"
    for scale, unit in _UNITS:
        # Rounded first, so that 999.99 uJ becomes 1.000 mJ and not 1000 uJ.
        if abs(float(f"{energy_pj:.4g}")) >= scale:
            return f"{_digits(energy_pj / scale)} {unit}"
    return f"{_digits(energy_pj)} pJ"


def ratio_text(ratio: float | None) -> str:
    """A ratio with three decimals, or a dash where there is nothing to divide by."""
    return "-" if ratio is None else f"{ratio:.3f}"


def share_text(share: float) -> str:
    """A part of a whole in percent, one decimal."""
    return f"{100 * share:.1f} %"


def _digits(value: float) -> str:
    text = f"{value:#.4g}"
    return text.rstrip(".")
