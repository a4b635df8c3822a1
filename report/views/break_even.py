"""The rate at which SNN and ANN cost the same, for every reuse of a weight row; the caution that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.energy import BreakEven, EnergyReport, break_even
from synaptile.energy.break_even import CAUTION
from synaptile.report.numbers import five, percent, ratio_text
from synaptile.report.views.document import Document, Sheet

_SHOWN_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0)


def break_even_table(
    report: EnergyReport, rung: str = "memory", *, reuses: Sequence[int] = (1, 4, 16, 64), step: int | None = None
) -> Sheet:
    """Ratio SNN / ANN of one rung over spike rate and weight reuse, with the rate at which it is 1."""
    view = break_even(report, rung, rates=_SHOWN_RATES, reuses=reuses, step=step)
    return _sheet(view, range(len(_SHOWN_RATES)))


def break_even_document(view: BreakEven) -> Document:
    """What this run stands at, and eight of the rates."""
    shown = np.unique(np.linspace(0, len(view.rates) - 1, min(8, len(view.rates))).round().astype(int)).tolist()
    sheet = _sheet(view, shown)
    facts = (
        ("this run fires at", f"{percent(view.measured_rate)} of neurons per step"),
        ("and stands at", f"{ratio_text(view.measured_ratio)} SNN / ANN"),
    )
    return Document(sheet.title, (Sheet("", sheet.header, sheet.rows),), facts=facts, notes=(CAUTION,))


def _sheet(view: BreakEven, shown: Sequence[int]) -> Sheet:
    return Sheet(
        f"Break-even after {view.step} steps, rung {view.rung}: SNN / ANN over spikes per neuron and step",
        ("tokens per weight row", *(f"{100 * view.rates[at]:.3g} %" for at in shown), "even at"),
        tuple(
            (f"{reuse:,}", *(five(ratios[at], 3) for at in shown), _even(view, float(even)))
            for reuse, ratios, even in zip(view.reuses.tolist(), view.ratio, view.rate_at_one, strict=True)
        ),
        caption=f"This run fires at {percent(view.measured_rate)} and stands at {view.measured_ratio:.3f}. {CAUTION}",
    )


def _even(view: BreakEven, rate: float) -> str:
    return "never" if rate <= 0 else "always" if rate >= view.highest_rate else percent(rate)
