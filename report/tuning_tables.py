"""Tables of a search for thresholds: the Pareto front of energy against agreement, and the choice, beside the untuned network."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from synaptile.report.style import Sheet, markdown_table, new_sheet
from synaptile.studies.tuning.trials import Confirmation, Score, Tuning, loss_against, ratio_at

FORMAT_VERSION = 1
"""Version of the JSON layout."""

_COLUMNS = ("trial", "T", "ratio", "untuned needs", "correlation", "top-1 as ANN (%)", "Acc. (%)")
_NEEDS = "Untuned needs: the ratio at which the untuned network reaches the same correlation, linear between steps."


def print_tuning(tuning: Tuning, console: Console) -> None:
    """Print all tables of a search."""
    console.print(front_table(tuning))
    console.print(factor_table(tuning))
    if tuning.confirmation is not None:
        console.print(confirmation_table(tuning.confirmation))
    if tuning.chosen.trial is tuning.baseline:
        console.print("No trial was cheaper within the allowed loss: tuned.spk has the untuned thresholds.")


def front_table(tuning: Tuning) -> Sheet:
    """The untuned network step by step, the Pareto front and the choice."""
    sheet = new_sheet(
        f"Tuning {tuning.model}: accounting {tuning.accounting}, {tuning.images} images",
        *_COLUMNS,
        caption=f"{_NEEDS} {tuning.bounds_note} {_rule(tuning)}",
    )
    for cells in _front_cells(tuning):
        sheet.add_row(*cells)
    return sheet


def factor_table(tuning: Tuning) -> Sheet:
    """What the choice multiplies the thresholds of each group of sites with."""
    trial, score = tuning.chosen.trial, tuning.chosen.score
    sheet = new_sheet(
        f"Chosen: trial {trial.number}, stopped after T = {score.step}",
        "sites",
        "factor",
        caption=f"n changes by {trial.levels:+d} at every site.",
    )
    for group, factor in trial.factors.items():
        sheet.add_row(group, f"{factor:.3f}")
    return sheet


def confirmation_table(found: Confirmation) -> Sheet:
    """The untuned and the chosen network on images that the search did not see."""
    sheet = new_sheet(f"Confirmed on {found.images} other images", *_COLUMNS, caption=_NEEDS)
    for cells in _confirmation_cells(found):
        sheet.add_row(*cells)
    return sheet


def to_markdown(tuning: Tuning) -> str:
    """All tables as Markdown text."""
    trial = tuning.chosen.trial
    blocks = [
        f"# Thresholds of {tuning.model}, tuned",
        f"Accounting {tuning.accounting}. {tuning.bounds_note} {_rule(tuning)} {_NEEDS}",
        "## Pareto front",
        markdown_table(_COLUMNS, _front_cells(tuning)),
        f"## Factors of the choice, trial {trial.number}, stopped after T = {tuning.chosen.score.step}",
        markdown_table(("sites", "factor"), [[group, f"{factor:.4f}"] for group, factor in trial.factors.items()]),
        f"n changes by {trial.levels:+d} at every site.",
    ]
    if (found := tuning.confirmation) is not None:
        blocks += [f"## Confirmed on {found.images} other images", markdown_table(_COLUMNS, _confirmation_cells(found))]
    return "\n\n".join(blocks) + "\n"


def to_json(tuning: Tuning) -> str:
    """All trials as JSON text."""
    document = {
        "format": "synaptile tuning",
        "version": FORMAT_VERSION,
        **asdict(tuning),
        "note": tuning.bounds_note,
        "front": [{"trial": point.trial.number, "step": point.score.step} for point in tuning.front],
        "chosen": {"trial": tuning.chosen.trial.number, "step": tuning.chosen.score.step},
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def to_csv(tuning: Tuning) -> str:
    """One line a trial and step as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    groups = list(tuning.baseline.factors)
    head = ["trial", "step", "ratio", "correlation", "agreement", "accuracy", "loss", "front", "chosen"]
    writer.writerow([*head, *groups, "levels"])
    front, chosen = tuning.front, tuning.chosen
    for trial in tuning.trials:
        for score in trial.scores:
            figures = [
                score.ratio,
                score.correlation,
                score.agreement,
                score.accuracy,
                loss_against(tuning.target, score, tuning.hold),
            ]
            marks = [int(any(point.score is score for point in front)), int(chosen.score is score)]
            factors = [trial.factors[group] for group in groups]
            writer.writerow([trial.number, score.step, *figures, *marks, *factors, trial.levels])
    return text.getvalue()


def _rule(tuning: Tuning) -> str:
    held = "correlation not" if tuning.hold == "correlation" else "no figure"
    return (
        f"Chosen: least ratio with {held} more than {tuning.loss:g} below the untuned network's after "
        f"T = {tuning.target.step}; a trial may stop earlier."
    )


def _front_cells(tuning: Tuning) -> list[list[str]]:
    curve, chosen = tuning.baseline.scores, tuning.chosen
    rows = [["untuned", *_score_cells(score, None)] for score in curve]
    points = list(tuning.front)
    if all(point.score is not chosen.score for point in points):
        points.append(chosen)
    for point in points:
        name = f"{point.trial.number}" + (" chosen" if point.score is chosen.score else "")
        rows.append([name, *_score_cells(point.score, curve)])
    return rows


def _confirmation_cells(found: Confirmation) -> list[list[str]]:
    rows = [["untuned", *_score_cells(score, None)] for score in found.baseline]
    return [*rows, ["chosen", *_score_cells(found.chosen, found.baseline)]]


def _score_cells(score: Score, untuned: Sequence[Score] | None) -> list[str]:
    """Cells of a row; `untuned` is the untuned network's curve, None on its own rows."""
    accuracy = "-" if score.accuracy is None else f"{100 * score.accuracy:.2f}"
    needs = "-" if untuned is None else _needs(score, untuned)
    return [f"{score.step}", f"{score.ratio:.4f}", needs, f"{score.correlation:.4f}", f"{100 * score.agreement:.2f}", accuracy]


def _needs(score: Score, untuned: Sequence[Score]) -> str:
    ratio = ratio_at(untuned, score.correlation)
    if score.correlation < untuned[0].correlation:
        return f"< {untuned[0].ratio:.4f}"
    if ratio is None:
        return f"> {untuned[-1].ratio:.4f}"
    return f"{ratio:.4f} ({100 * (score.ratio / ratio - 1):+.0f} %)"
