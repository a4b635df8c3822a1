"""A search for thresholds: the Pareto front of energy against agreement, and the choice, beside the untuned network."""

from __future__ import annotations

from collections.abc import Sequence

from synaptile.report.views.document import Document, Sheet
from synaptile.studies.tuning.trials import Confirmation, Score, Tuning, ratio_at

_COLUMNS = ("trial", "T", "ratio", "untuned needs", "correlation", "top-1 as ANN (%)", "Acc. (%)")
_NEEDS = "Untuned needs: the ratio at which the untuned network reaches the same correlation, linear between steps."


def tuning_document(tuning: Tuning) -> Document:
    """The whole search."""
    confirmed = () if tuning.confirmation is None else (_confirmation(tuning.confirmation),)
    untuned = tuning.chosen.trial is tuning.baseline
    return Document(
        f"Tuning {tuning.model}: accounting {tuning.accounting}, {tuning.images} images",
        (_front(tuning), _factors(tuning), *confirmed),
        notes=("No trial was cheaper within the allowed loss: tuned.spk has the untuned thresholds.",) * untuned,
    )


def _front(tuning: Tuning) -> Sheet:
    curve, chosen = tuning.baseline.scores, tuning.chosen
    rows = [("untuned", *_cells(score, None)) for score in curve]
    points = list(tuning.front)
    if all(point.score is not chosen.score for point in points):
        points.append(chosen)
    for point in points:
        name = f"{point.trial.number}" + (" chosen" if point.score is chosen.score else "")
        rows.append((name, *_cells(point.score, curve)))
    held = "correlation not" if tuning.hold == "correlation" else "no figure"
    rule = (
        f"Chosen: least ratio with {held} more than {tuning.loss:g} below the untuned network's after "
        f"T = {tuning.target.step}; a trial may stop earlier."
    )
    return Sheet("Pareto front", _COLUMNS, tuple(rows), caption=f"{_NEEDS} {tuning.bounds_note} {rule}")


def _factors(tuning: Tuning) -> Sheet:
    trial, score = tuning.chosen.trial, tuning.chosen.score
    return Sheet(
        f"Chosen: trial {trial.number}, stopped after T = {score.step}",
        ("sites", "factor"),
        tuple((group, f"{factor:.4f}") for group, factor in trial.factors.items()),
        caption=f"n changes by {trial.levels:+d} at every site.",
    )


def _confirmation(confirmation: Confirmation) -> Sheet:
    rows = [("untuned", *_cells(score, None)) for score in confirmation.baseline]
    rows.append(("chosen", *_cells(confirmation.chosen, confirmation.baseline)))
    return Sheet(f"Confirmed on {confirmation.images} other images", _COLUMNS, tuple(rows), caption=_NEEDS)


def _cells(score: Score, untuned: Sequence[Score] | None) -> tuple[str, ...]:
    """Cells of a row; `untuned` is the untuned network's curve, None on its own rows."""
    accuracy = "-" if score.accuracy is None else f"{100 * score.accuracy:.2f}"
    needs = "-" if untuned is None else _needs(score, untuned)
    return (f"{score.step}", f"{score.ratio:.4f}", needs, f"{score.correlation:.4f}", f"{100 * score.agreement:.2f}", accuracy)


def _needs(score: Score, untuned: Sequence[Score]) -> str:
    ratio = ratio_at(untuned, score.correlation)
    if score.correlation < untuned[0].correlation:
        return f"< {untuned[0].ratio:.4f}"
    if ratio is None:
        return f"> {untuned[-1].ratio:.4f}"
    return f"{ratio:.4f} ({100 * (score.ratio / ratio - 1):+.0f} %)"
