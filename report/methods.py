"""Conversions side by side: accuracy and energy at equal agreement with the dense network that each stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import LADDER, EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.report.canvas import panels, rule, save
from synaptile.report.embedding import cosines
from synaptile.report.equal import agreement_per_step, first_to_stay, share_answered
from synaptile.report.numbers import percent
from synaptile.report.views.document import Sheet
from synaptile.simulator import Activity

AGREEMENT = 0.99
TIMED = ("mJ", "ms", "mJ ms")
"""Lines of scheduled runs: energy of the highest rung per image, latency, energy-delay product."""
_ACCOUNTINGS = ("eq30", "released", *LADDER)
# Okabe and Ito's colours, with markers and dashes that say the same.
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
    {"color": "#E69F00", "linestyle": "-", "marker": "v"},
    {"color": "#000000", "linestyle": "--", "marker": "x"},
)


@dataclass(frozen=True)
class MethodRun:
    """One method's priced run. `answers` are the logits of its ANN (ECMT) or QANN (SpikeZIP), shape (images, classes).

    Of no classes where the network was trained as spiking and has no dense one. `labels` has shape (images,); None where the
    images are not labelled. `embeds`: answers are embeddings of sentences, and agreement is their mean cosine.
    """

    name: str
    report: EnergyReport
    answers: NDArray[np.floating]
    labels: NDArray[np.integer] | None = None
    embeds: bool = False

    def agreement(self) -> NDArray[np.float64] | None:
        """Share of images answered as the dense network does, or mean cosine, at each step, shape (steps,); None without one."""
        if self.embeds:
            return np.asarray(cosines(self.report.activity.logits, self.answers).mean(axis=1))
        return agreement_per_step(self.report.activity, self.answers)

    def accuracy(self) -> NDArray[np.float64] | None:
        """Share of images answered rightly, at each step, shape (steps,)."""
        return None if self.labels is None else share_answered(self.report.activity, self.labels)

    def step_of(self, agreement: float) -> int | None:
        """The first step from which the agreement stays at least as high to the end of the run; None without one.

        A network trained as spiking has one number of steps: all of the run's.
        """
        agrees = self.agreement()
        return self.report.steps if agrees is None else first_to_stay(agrees, agreement)

    def shown(self, values: NDArray[np.float64] | None, step: int) -> str:
        """One of the run's agreements or accuracies at a step, as text."""
        if values is None:
            return "-"
        return f"{values[step - 1]:.4f}" if self.embeds else percent(float(values[step - 1]))


def method_table(runs: Sequence[MethodRun], agreement: float = AGREEMENT) -> Sheet:
    """Steps, accuracy and the ratio of every accounting and rung, a column per method at its first step of equal agreement.

    Raises InputError for no runs, runs of different rungs, or an agreement outside 0..1.
    """
    rungs = _common_rungs(runs)
    if not 0 < agreement <= 1:
        raise InputError(f"agreement is {agreement:g}, needs to lie above 0 and at most at 1")
    timed = TIMED if all(run.report.timeline is not None for run in runs) else ()
    wanted = f"a mean cosine of {agreement:g}" if runs[0].embeds else f"{percent(agreement)} agreement"
    names = ("steps", "agrees", "right", "dense right", *rungs, *timed)
    rows = zip(names, *(_column(run, run.step_of(agreement), rungs, timed) for run in runs), strict=True)
    return Sheet(
        f"At {wanted} with the dense network",
        ("", *(run.name for run in runs)),
        tuple(rows),
        caption="steps: the first from which agreement stays, all of a network trained as spiking; ratios: energy of these steps "
        "over one pass of the dense network (the ANN of ECMT, the QANN of SpikeZIP, a trained one's own layers) on the same chip",
    )


def _column(run: MethodRun, step: int | None, rungs: Sequence[str], timed: Sequence[str]) -> tuple[str, ...]:
    """What the table says of a run at a step; None: it never agrees as well."""
    known = run.labels is not None and run.answers.shape[1]
    dense = percent(float((run.answers.argmax(axis=1) == run.labels).mean())) if known else "-"
    if step is None:
        return f">{run.report.steps}", run.shown(run.agreement(), run.report.steps), "-", dense, *("-" for _ in (*rungs, *timed))
    ratios = (f"{run.report.ratio(rung, step=step):.3g}" for rung in rungs)
    return str(step), run.shown(run.agreement(), step), run.shown(run.accuracy(), step), dense, *ratios, *_timed(run, step, timed)


def _timed(run: MethodRun, step: int, timed: Sequence[str]) -> tuple[str, ...]:
    """Energy of the highest rung, latency and their product through a step; nothing without a schedule."""
    if not timed or run.report.timeline is None:
        return ()
    timeline = run.report.timeline
    ms = float(timeline.first_image_cycles[step - 1]) / (1e3 * timeline.clock_mhz)
    energy_mj = 1e-9 * run.report.rung(run.report.top, step=step).snn_pj
    return f"{energy_mj:.4g}", f"{ms:.3g}", f"{energy_mj * ms:.4g}"


def method_steps_table(runs: Sequence[MethodRun], rung: str, steps: Sequence[int]) -> Sheet:
    """Accuracy (agreement where images are not labelled) and the ratio of one rung at chosen steps, a column per method.

    Raises InputError for no runs or a rung that one of them does not reach.
    """
    _check_rung(runs, rung)
    rows = []
    for step in steps:
        cells = ["-" if step > run.report.steps else _answered(run, rung, step) for run in runs]
        rows.append((str(step), *cells))
    what = "right" if runs[0].labels is not None else "agreeing"
    return Sheet(
        f"Answers {what} and energy ratio ({rung}) per step", ("steps", *(run.name for run in runs)), tuple(rows), left=0
    )


def _answered(run: MethodRun, rung: str, step: int) -> str:
    accuracy = run.accuracy()
    share = run.shown(run.agreement() if accuracy is None else accuracy, step)
    return f"{share} at {run.report.ratio(rung, step=step):.3g}"


def _check_rung(runs: Sequence[MethodRun], rung: str) -> None:
    if rung not in (common := _common_rungs(runs)):
        raise InputError(f"rung {rung!r} is not in every report: use one of {', '.join(common)}")


def method_figure(runs: Sequence[MethodRun], stem: str | Path, *, rung: str = "executed") -> tuple[Path, Path]:
    """Draw agreement and accuracy against steps and against energy to ``<stem>.png`` and ``<stem>.svg``; returns both paths.

    Left: answers by step. Right: the same answers by the energy spent so far on `rung`, in passes of the dense network. A dotted
    line marks the step at which the last image of a settling network came to rest. Raises InputError as `method_steps_table`.
    """
    _check_rung(runs, rung)
    if len(runs) > len(_LOOKS):
        raise InputError(f"{len(runs)} runs in one figure, limit {len(_LOOKS)}: draw fewer")
    figure, (left, right) = panels(9.0, 3.9, 2, 2, sharey=True)
    for run, look in zip(runs, _LOOKS, strict=False):
        agrees, steps, accuracy = run.agreement(), np.arange(1, run.report.steps + 1), run.accuracy()
        what = "cosine with its dense network" if run.embeds else "as its dense network"
        every = max(1, run.report.steps // 10)
        for axes, x in ((left, steps), (right, run.report.ratios(rung))):
            plain = {**look, "markersize": 5, "markevery": every, "linewidth": 1.8}
            if agrees is not None:
                axes.plot(x, 100 * agrees, label=f"{run.name}: {what}", **plain)
            if accuracy is not None:
                thin = {"marker": "", "linewidth": 0.9} if agrees is not None else {}
                axes.plot(x, 100 * accuracy, label=f"{run.name}: right", **{**plain, **thin})
        settled = run.report.activity.settled
        if settled is not None and settled.all():
            left.axvline(int(settled.max()), color=look["color"], linewidth=0.8, linestyle=":")
            left.text(
                int(settled.max()), 4, f"all settled, step {int(settled.max())} ", color=look["color"], fontsize=8, ha="right"
            )
    right.axvline(1.0, color="#333333", linewidth=1, zorder=1)
    right.text(1.0, 4, " one dense pass", color="#333333", fontsize=8)
    left.set(xlabel="time steps T", ylabel="cosine, %" if runs[0].embeds else "images, %", ylim=(0, 102))
    right.set_xlabel(f"energy so far / one dense pass ({rung})")
    for axes in (left, right):
        rule(axes)
    report = runs[0].report
    networks = " and ".join(dict.fromkeys(run.report.activity.program.graph.name for run in runs))
    figure.suptitle(f"{networks} on {report.chip.name}, {report.number_format}", fontsize=11, x=0.01, ha="left")
    right.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.1))
    return save(figure, Path(stem))


def settling_notes(activity: Activity) -> tuple[str, ...]:
    """When the images of a run came to rest, in a sentence; nothing for networks that are shown the image at every step."""
    if activity.settled is None:
        return ()
    rested = activity.settled[activity.settled > 0]
    moving = len(activity.settled) - len(rested)
    parts = []
    if len(rested):
        low, mean, high = rested.min(), rested.mean(), rested.max()
        parts.append(f"{len(rested)} of {activity.images} images settled, at steps {low} to {high} (mean {mean:.1f})")
    if moving:
        parts.append(f"{moving} still moved at step {activity.steps}: their answers are not yet those of the quantised network")
    return (f"{'; '.join(parts)}.",)


def _common_rungs(runs: Sequence[MethodRun]) -> tuple[str, ...]:
    if not runs:
        raise InputError("no runs to compare: give at least one")
    reached = [tuple(name for name in dict.fromkeys(_ACCOUNTINGS) if name in run.report.comparisons) for run in runs]
    if len(set(reached)) > 1:
        shown = "; ".join(f"{run.name}: {', '.join(rungs)}" for run, rungs in zip(runs, reached, strict=True))
        raise InputError(f"the reports reach different rungs ({shown}): price them alike, all with a timeline or none")
    return reached[0]
