"""What stopping in time keeps and saves on a run, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.report.numbers import percent
from synaptile.report.views.document import Sheet
from synaptile.studies.stopping import StoppingRule


def stopping_table(
    report: EnergyReport, rule: StoppingRule, answers: NDArray[Any], labels: NDArray[np.integer] | None = None
) -> Sheet:
    """What stopping in time keeps and saves on a run: all steps, mean steps alike, each image in its own time.

    An image is billed at the mean energy of the steps that it ran, of the highest rung. `answers` are the dense network's logits,
    (images, classes). Raises InputError for a rule of another number of steps, and for a run on a chip that works layer-major.
    """
    activity = report.activity
    if report.chip.layer_major:
        raise InputError(
            f"chip {report.chip.name!r} works layer-major: a layer does all {report.steps} steps before the next begins, so no "
            "logits are known in time to stop: map to a chip that works step-major, or run fewer steps"
        )
    logits, images, every = activity.logits, activity.images, np.full(activity.images, activity.steps)
    left = rule.exit_steps(logits)
    fixed = np.full(images, max(1, round(float(left.mean()))))
    predicted, rung = logits.argmax(axis=2), report.comparison(report.top)
    rows = []
    for name, steps in (
        ("all steps", every),
        ("one number of steps for all", fixed),
        (f"{rule.measure} of {rule.bound:.3g}", left),
    ):
        answered = predicted[steps - 1, np.arange(images)]
        energy = rung.snn_pj[steps - 1]
        cells = [
            name,
            f"{steps.mean():.2f}",
            percent(float((answered == answers.argmax(axis=1)).mean())),
            "-" if labels is None else percent(float((answered == labels).mean())),
            f"{1e-9 * energy.mean():.4g}",
            " / ".join(f"{1e-9 * x:.4g}" for x in np.percentile(energy, (10, 50, 90))),
            f"{energy.mean() / rung.ann_pj:.3g}",
        ]
        if report.timeline is not None:
            ms = report.timeline.first_image_cycles[steps - 1] / (1e3 * report.timeline.clock_mhz)
            cells += [f"{ms.mean():.3g}", " / ".join(f"{x:.3g}" for x in np.percentile(ms, (10, 50, 90)))]
        rows.append(tuple(cells))
    timed = ("ms", "ms, 10 / 50 / 90 %") if report.timeline is not None else ()
    return Sheet(
        f"Stopping in time: {activity.program.graph.name}, {images} images",
        ("stops", "steps", "agrees", "right", "mJ", "mJ, 10 / 50 / 90 %", "ratio", *timed),
        tuple(rows),
        caption=f"mJ per image and ratio on rung {report.top}, an image billed at the mean of the steps that it ran; the bound "
        "comes from other images than these",
    )
