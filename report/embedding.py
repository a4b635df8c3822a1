"""Runs of sentence encoders: how near each embedding is to the original network's, step by step, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.report.canvas import panels, rule, save
from synaptile.report.equal import first_to_stay
from synaptile.report.numbers import shown_steps
from synaptile.report.views.document import Sheet
from synaptile.simulator import Activity

# Okabe and Ito's colours, with markers and dashes that say the same.
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
)


@dataclass(frozen=True)
class EmbeddingRun:
    """One conversion's priced run; `answers` are the embeddings it is held against, shape (sentences, width)."""

    name: str
    report: EnergyReport
    answers: NDArray[np.floating]

    def cosines(self) -> NDArray[np.float64]:
        """Cosine of each embedding with its answer, shape (steps, sentences)."""
        return cosines(self.report.activity.logits, self.answers)

    def step_of(self, cosine: float) -> int | None:
        """The first step from which the mean cosine stays at least as high to the end of the run; None without one."""
        return first_to_stay(self.cosines().mean(axis=1), cosine)


def cosines(embeddings: NDArray[np.floating], answers: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine over the last axis, 0 where either is zero; embeddings (steps, sentences, width), answers (sentences, width)."""
    a, b = embeddings.astype(np.float64), answers.astype(np.float64)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(axis=-1) / np.where(norms > 0, norms, 1.0))


def cosine_table(activity: Activity, answers: NDArray[np.floating]) -> Sheet:
    """Mean, least and greatest cosine of a run's embeddings with those of the network it stands for."""
    by_step = cosines(activity.logits, answers)
    rows = []
    for step in shown_steps(activity.steps):
        row = by_step[step - 1]
        rows.append((str(step), *(f"{value:.4f}" for value in (row.mean(), row.min(), row.max()))))
    return Sheet(
        f"Embeddings of {activity.images} sentences, cosine with the dense network's",
        ("steps", "mean", "least", "greatest"),
        tuple(rows),
        left=0,
        caption="The dense network is the graph without spikes: the original encoder for ECMT, the quantised one for SpikeZIP.",
    )


def embedding_steps_table(runs: Sequence[EmbeddingRun], steps: Sequence[int], rungs: Sequence[str]) -> Sheet:
    """Mean and least cosine, and the ratio of chosen accountings and rungs, at chosen steps; a line per run and step.

    Raises InputError for no runs or a rung that one of them does not reach.
    """
    if not runs:
        raise InputError("no runs to compare: give at least one")
    rows = []
    for run in runs:
        by_step = run.cosines()
        for step in (step for step in steps if step <= run.report.steps):
            ratios = (f"{run.report.ratio(rung, step=step):.3g}" for rung in rungs)
            row = by_step[step - 1]
            rows.append((run.name, str(step), f"{row.mean():.4f}", f"{row.min():.4f}", *ratios))
    return Sheet(
        "Cosine with the original encoder, and energy over one dense pass",
        ("method", "steps", "cosine", "least", *rungs),
        tuple(rows),
        caption="cosine: mean over sentences; least: of the worst sentence; ratios: energy of these steps over one dense pass at "
        "the sentences' own lengths",
    )


def embedding_figure(runs: Sequence[EmbeddingRun], stem: str | Path, *, rung: str = "executed") -> tuple[Path, Path]:
    """Draw the mean cosine, and the worst sentence's, by step and by energy, to ``<stem>.png`` and ``<stem>.svg``.

    Raises InputError as `embedding_steps_table`.
    """
    if not runs:
        raise InputError("no runs to compare: give at least one")
    figure, (left, right) = panels(9.0, 3.9, 2, 2, sharey=True)
    for run, look in zip(runs, _LOOKS, strict=False):
        cosine, steps = run.cosines(), np.arange(1, run.report.steps + 1)
        every = max(1, run.report.steps // 10)
        for axes, x in ((left, steps), (right, run.report.ratios(rung))):
            axes.plot(x, cosine.mean(axis=1), label=run.name, markersize=5, markevery=every, linewidth=1.8, **look)
            axes.fill_between(x, cosine.min(axis=1), cosine.max(axis=1), color=look["color"], alpha=0.12, linewidth=0)
    right.axvline(1.0, color="#333333", linewidth=1, zorder=1)
    right.text(1.0, 0.02, " one dense pass", color="#333333", fontsize=8, transform=right.get_xaxis_transform())
    right.set_xscale("log")
    left.set(xlabel="time steps T", ylabel="cosine with the original embedding")
    right.set_xlabel(f"energy so far / one dense pass ({rung})")
    for axes in (left, right):
        rule(axes)
    report = runs[0].report
    title = f"{report.activity.program.graph.name}, {report.activity.images} sentences on {report.chip.name}"
    figure.suptitle(f"{title}, {report.number_format}; bands: worst to best sentence", fontsize=11, x=0.01, ha="left")
    left.legend(frameon=False, fontsize=8, loc="lower right")
    return save(figure, Path(stem))
