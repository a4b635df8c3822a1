"""What a dataset run measured, one row per time step, and which of the paper's figures stand beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synaptile.foundation.shown import Shown
from synaptile.studies.dataset.published import PAPER_STEPS, PAPER_TABLE_1

PAPER_GMACS: Mapping[str, float] = {"ViT-S/16": 4.541, "ViT-B/16": 17.45, "ViT-L/16": 61.40, "EVA": 619.8}
"""Dense MACs of one pass of the paper's networks in units of 1e9, by the structures it names (without patch embedding)."""

_TIMM_NAMES = {
    "vit_small_patch16_224": "ViT-S/16",
    "vit_base_patch16_224": "ViT-B/16",
    "vit_large_patch16_224": "ViT-L/16",
    "eva_giant_patch14_336": "EVA",
}


@dataclass(frozen=True)
class Estimate:
    """A mean over images and its standard error; `error` is None where one image gives none."""

    value: float
    error: float | None


@dataclass(frozen=True)
class StepRow:
    """One time step. `accuracy` is None without labels, a ratio None where an operation is unpriced; all are 0..1 but ratios.

    `agreement` is how often the top-1 class is the original network's, `correlation` that of the logits, a mean over images.
    """

    step: int
    accuracy: Estimate | None
    agreement: Estimate
    correlation: Estimate
    ratios: Mapping[str, Estimate | None]


@dataclass(frozen=True, repr=False)
class DatasetTable(Shown):
    """A dataset run. `skipped` lists (file or index, why) of images that could not be read; `notes` how figures came about."""

    model: str
    architecture: str
    ann_gmacs: float
    chip: str
    number_format: str
    images: int
    ann_accuracy: Estimate | None
    rows: tuple[StepRow, ...]
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    settings: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"DatasetTable({self.model!r} on {self.chip!r}: {self.images} images, {len(self.rows)} steps)"

    @property
    def paper(self) -> tuple[str, bool]:
        """Row of the paper's Table 1 to put beside, and whether it is of this very architecture or the nearest by MACs."""
        if (name := _TIMM_NAMES.get(self.architecture.split(".")[0])) is not None:
            return name, True
        return min(PAPER_GMACS, key=lambda row: abs(math.log(PAPER_GMACS[row] / self.ann_gmacs))), False


def binomial(hits: int, trials: int) -> Estimate:
    """A share of `trials` and its binomial standard error sqrt(p (1 - p) / N)."""
    share = hits / trials
    return Estimate(share, math.sqrt(share * (1 - share) / trials))


def published_at(table: DatasetTable, step: int) -> tuple[float, float] | None:
    """The paper's accuracy in percent and energy ratio at a step; None where it prints none."""
    row = PAPER_TABLE_1[table.paper[0]]
    return (row.accuracy[PAPER_STEPS.index(step)], row.ratio[PAPER_STEPS.index(step)]) if step in PAPER_STEPS else None
