"""Numbers as text, the same in every table, page and note."""

from __future__ import annotations

import numpy as np

_UNITS = ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"))


def energy_text(energy_pj: float | None) -> str:
    """An energy in pJ with four significant digits in the unit that suits it: ``7.464 mJ``; "unpriced" for None."""
    if energy_pj is None:
        return "unpriced"
    if energy_pj == 0:
        return "0 pJ"
    for scale, unit in _UNITS:
        # Rounded first, so that 999.99 uJ becomes 1.000 mJ and not 1000 uJ.
        if abs(float(f"{energy_pj:.4g}")) >= scale:
            return f"{_digits(energy_pj / scale)} {unit}"
    return f"{_digits(energy_pj)} pJ"


def bytes_text(count: float) -> str:
    """An amount of memory with four significant digits: ``166.0 MiB``."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count >= 1024**power:
            return f"{_digits(count / 1024**power)} {unit}"
    return f"{count:,.0f} B"


def ratio_text(ratio: float | None) -> str:
    """A ratio with three decimals, or a dash where there is nothing to divide by."""
    return "-" if ratio is None else f"{ratio:.3f}"


def percent(fraction: float) -> str:
    """A fraction in percent, one decimal; below 0.05 % but not zero it says so."""
    return "<0.1 %" if 0 < fraction < 0.0005 else f"{100 * fraction:.1f} %"


def five(value: float, decimals: int) -> str:
    """A figure in at most five characters, as long as its whole part fits: 77.41, 100.0, 0.375, 12.50."""
    whole = len(f"{value:.{decimals}f}".partition(".")[0])
    return f"{value:.{max(0, min(decimals, 4 - whole))}f}"


def time_text(milliseconds: float) -> str:
    """A time in ms, below one in us."""
    return f"{milliseconds:,.3f} ms" if milliseconds >= 1 else f"{1e3 * milliseconds:,.2f} us"


def count_text(value: float) -> str:
    """A figure with four significant digits, written out: ``287,200``."""
    return f"{float(f'{value:.4g}'):,.0f}" if value >= 1000 else f"{value:.4g}"


def scaled_text(value: float, unit: str) -> str:
    """A figure with four significant digits under the prefix that suits it: ``1.234 mW``."""
    for scale, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f")):
        if abs(float(f"{value:.4g}")) >= scale:
            return f"{_digits(value / scale)} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def figure_text(value: object) -> str:
    """A figure or property of a chip as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def shown_steps(steps: int, most: int = 12) -> tuple[int, ...]:
    """Which steps a table shows: all up to `most`, else `most` of them spread evenly, first and last among them."""
    if steps <= most:
        return tuple(range(1, steps + 1))
    return tuple(int(step) for step in np.unique(np.linspace(1, steps, most).round().astype(int)))


def _digits(value: float) -> str:
    text = f"{value:#.4g}"
    return text.rstrip(".")
