"""Predicted against measured time of a step, image by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synaptile.report.canvas import panels, rule, save
from synaptile.studies.validation import Validation

_COLOURS = ("#0072B2", "#D55E00")


def validation_figure(found: Validation, stem: str | Path) -> tuple[Path, Path]:
    """Draw to ``<stem>.png`` and ``<stem>.svg``; returns the paths.

    Left: images that were measured one by one. Right, where all were run: all of them, either side in rising order.
    """
    figure, grid = panels(10 if found.whole else 5.4, 4.6, 2 if found.whole else 1, 2)
    count = min(found.images, found.first_us.size)
    for axes, measured, ordered in zip(grid, (found.first_us[:count], found.sorted_us), (False, True), strict=False):
        for prediction, colour in zip(found.predictions, _COLOURS, strict=True):
            predicted = np.sort(prediction.image_us) if ordered else prediction.image_us[:count]
            error = found.error(prediction)
            told = prediction.chip if error is None else f"{prediction.chip} ({100 * error:+.1f} % over all)"
            axes.scatter(measured, predicted, s=12 if ordered else 26, color=colour, label=told, zorder=3, linewidths=0)
        ends = [20, max(95.0, float(measured.max()) + 5)]
        axes.plot(ends, ends, color="#333333", linewidth=1, zorder=2)
        axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="measured, us per step", ylabel="predicted, us per step")
        axes.set_title(f"all {found.images} images, in rising order" if ordered else f"images 0 to {count - 1}", fontsize=10)
        rule(axes, "both")
    grid[0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.suptitle(f"{found.name}, spiking time alone", x=0.01, ha="left", fontsize=11)
    return save(figure, stem)
