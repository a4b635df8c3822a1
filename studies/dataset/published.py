"""Table 1 of the paper (ECMT): ImageNet-1k accuracy and energy ratio at each number of time steps, as printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAPER_STEPS = (1, 2, 4, 6, 8, 10, 12)
"""Time steps of the paper's Table 1."""


@dataclass(frozen=True)
class PaperRow:
    """One architecture: accuracies in percent and energy ratios at `PAPER_STEPS`."""

    ann_accuracy: float
    accuracy: tuple[float, ...]
    ratio: tuple[float, ...]


PAPER_TABLE_1: Mapping[str, PaperRow] = MappingProxyType(
    {
        "ViT-S/16": PaperRow(78.04, (0.17, 10.66, 62.85, 73.22, 76.03, 77.07, 77.41), (0.06, 0.15, 0.37, 0.59, 0.82, 1.03, 1.25)),
        "ViT-B/16": PaperRow(80.77, (0.24, 20.89, 69.98, 77.81, 79.40, 80.12, 80.38), (0.04, 0.12, 0.30, 0.48, 0.66, 0.84, 1.01)),
        "ViT-L/16": PaperRow(84.88, (3.62, 75.38, 83.20, 84.32, 84.60, 84.68, 84.71), (0.04, 0.12, 0.27, 0.43, 0.58, 0.74, 0.89)),
        "EVA": PaperRow(89.62, (2.49, 84.08, 88.60, 89.23, 89.40, 89.45, 89.51), (0.06, 0.15, 0.35, 0.55, 0.74, 0.93, 1.13)),
    }
)
"""Architecture -> its row of Table 1."""
