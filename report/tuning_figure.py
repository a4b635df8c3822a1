"""Figure of a search for thresholds: energy ratio against agreement with the original network. PNG and SVG."""

from __future__ import annotations

from pathlib import Path

from synaptile.report.canvas import blank, rule, save
from synaptile.studies.tuning.trials import Tuning


def front_figure(tuning: Tuning, stem: Path) -> tuple[Path, Path]:
    """Draw ratio against correlation: all trials and steps, the front, the untuned curve, to ``<stem>.png`` and ``.svg``."""
    figure, axes = blank(7.2, 4.4)
    scores = [score for trial in tuning.trials[1:] for score in trial.scores]
    front = [point.score for point in tuning.front]
    untuned, chosen = tuning.baseline.scores, tuning.chosen.score
    axes.scatter([s.ratio for s in scores], [s.correlation for s in scores], s=14, color="#aaaaaa", label="trials", zorder=2)
    axes.step(
        [s.ratio for s in front],
        [s.correlation for s in front],
        where="post",
        color="#0072B2",
        linewidth=1.5,
        label="Pareto front",
        zorder=3,
    )
    axes.plot(
        [s.ratio for s in untuned],
        [s.correlation for s in untuned],
        color="#E69F00",
        marker="s",
        linestyle="--",
        markersize=6,
        label="untuned",
        zorder=4,
    )
    for score in untuned:
        axes.annotate(f"T={score.step}", (score.ratio, score.correlation), (6, -11), textcoords="offset points", fontsize=8)
    axes.scatter(chosen.ratio, chosen.correlation, s=150, marker="*", color="#D55E00", label=f"chosen, T={chosen.step}", zorder=5)
    limit = tuning.target.correlation - tuning.loss
    axes.axhline(limit, color="#333333", linewidth=1, linestyle=":", zorder=1, label=f"allowed loss {tuning.loss:g}")
    axes.set_xlabel(f"energy of T steps / one ANN pass ({tuning.accounting})")
    axes.set_ylabel("correlation of logits with the ANN's")
    axes.set_title(f"{tuning.model}, {len(tuning.trials)} trials on {tuning.images} images", loc="left", fontsize=11)
    rule(axes, "both")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return save(figure, stem)
