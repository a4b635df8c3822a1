"""What a candidate is worth: energy ratio and agreement with the original network on a set of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.images import ImageSet
from synaptile.mapper import CoreProgram, map_graph
from synaptile.studies.answers import original_answers
from synaptile.studies.dataset.listing import Batch
from synaptile.studies.dataset.measure import measure
from synaptile.studies.dataset.tabulate import energy_ratios
from synaptile.studies.tuning.trials import Score

ScoreGraph = Callable[[SpikingGraph], tuple[Score, ...]]


@dataclass(eq=False)
class Scorer:
    """Scores graphs that differ in their thresholds only, after each of `steps` steps, in one accounting.

    Graphs with as many thresholds are mapped alike, so each number is mapped once.
    """

    images: ImageSet
    chip: Chip
    steps: int
    accounting: str
    numeric: str = "float32"
    threads: int | None = None
    _answers: NDArray[np.floating] | None = None
    _mapped: dict[tuple[int, ...], CoreProgram] = field(default_factory=dict)

    def __call__(self, graph: SpikingGraph) -> tuple[Score, ...]:
        """Score a graph. Raises InputError where the chip leaves an operation of the accounting unpriced."""
        if self._answers is None:
            self._answers = original_answers(graph, self.images.images)
        program = self._program(graph)
        batch = Batch(self.images.images, np.arange(len(self.images.images)))
        record = measure(program, batch, self.steps, self.numeric, self.threads, self._answers)
        ratios = energy_ratios(program, [record], record.number_format)[self.accounting]
        if ratios is None:
            raise InputError(
                f"{self.chip.name} leaves operations of accounting {self.accounting!r} unpriced: "
                "price them in the chip file, or tune for another accounting"
            )
        labels = self.images.labels
        known = bool((labels >= 0).all())
        return tuple(
            Score(
                step + 1,
                float(ratios[step].mean()),
                float(record.correlation[step].mean()),
                float((record.predicted[step] == record.ann_predicted).mean()),
                float((record.predicted[step] == labels).mean()) if known else None,
            )
            for step in range(self.steps)
        )

    def _program(self, graph: SpikingGraph) -> CoreProgram:
        levels = tuple(site.n for site in graph.sites)
        if levels not in self._mapped:
            self._mapped[levels] = map_graph(graph, self.chip, placement="row_major")
        return replace(self._mapped[levels], graph=graph)
