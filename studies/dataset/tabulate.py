"""Records of batches to the table of a data set: means and standard errors over images, in the order of the listing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import HOROWITZ, dense_operations, table_for
from synaptile.foundation.errors import ConservationError, ImageError
from synaptile.mapper import CoreProgram
from synaptile.simulator.activity import OPS
from synaptile.studies.dataset.record import BatchRecord
from synaptile.studies.dataset.run import DatasetRun
from synaptile.studies.dataset.table import DatasetTable, Estimate, StepRow, binomial

Float = NDArray[np.float64]

NOTES = (
    "Accuracy and top-1 agreement: binomial standard error sqrt(p(1-p)/N).",
    "Ratios and correlation: standard error of the mean over images (sample deviation over sqrt(N)).",
    "eq30 and released are counted image by image. executed is too: operations caused by spikes follow each image's own spikes, "
    "the others are the same for every image.",
)


def tabulate(dataset: DatasetRun, records: list[BatchRecord]) -> DatasetTable:
    """The table of a study whose batches are all done. Raises ImageError where no image could be read."""
    skipped = [entry for record in records for entry in record.skipped]
    if len(skipped) == len(dataset.listing):
        raise ImageError(f"none of the {len(skipped)} images could be read; the first: {skipped[0][1]}")
    index = np.concatenate([record.index for record in records])
    if sorted([*index.tolist(), *(entry[0] for entry in skipped)]) != list(range(len(dataset.listing))):
        raise ConservationError(f"the batches hold {len(index)} images and skip {len(skipped)} of {len(dataset.listing)} listed")
    graph, chip = dataset.program.graph, dataset.program.chip
    labels = dataset.listing.labels[index]
    known = labels if bool((labels >= 0).all()) else None
    number_format = next(record.number_format for record in records if len(record.index))
    predicted = np.concatenate([record.predicted for record in records], axis=1)
    ann = np.concatenate([record.ann_predicted for record in records])
    correlation = np.concatenate([record.correlation for record in records], axis=1)
    ratios = energy_ratios(dataset.program, records, number_format)
    rows = tuple(
        StepRow(
            step + 1,
            None if known is None else binomial(int((predicted[step] == known).sum()), len(index)),
            binomial(int((predicted[step] == ann).sum()), len(index)),
            mean_of(correlation[step]),
            {name: None if values is None else mean_of(values[step]) for name, values in ratios.items()},
        )
        for step in range(len(predicted))
    )
    names = dataset.listing.names
    return DatasetTable(
        graph.name,
        str(graph.metadata.get("model", graph.name)),
        sum(graph.ann_macs.values()) / 1e9,
        chip.name,
        number_format,
        len(index),
        None if known is None else binomial(int((ann == known).sum()), len(index)),
        rows,
        tuple((names[position] if names else str(position), why) for position, why in skipped),
        NOTES if known is not None else (*NOTES, "No accuracy: not every image has a label."),
        dataset.settings,
    )


def energy_ratios(program: CoreProgram, records: list[BatchRecord], number_format: str) -> dict[str, Float | None]:
    """E_SNN / E_ANN of steps 1..t by accounting, shape (steps, images); None where an operation is unpriced."""
    graph, chip = program.graph, program.chip
    paper_prices, chip_prices = HOROWITZ.prices(number_format), table_for(chip).prices(number_format)
    mac, ac = paper_prices["mac"].pj, paper_prices["ac"].pj
    assert mac is not None and ac is not None
    dense = sum(graph.ann_macs.values()) * mac
    ratios: dict[str, Float | None] = {
        name: np.concatenate([getattr(record, name) for record in records], axis=1).cumsum(axis=0) * (ac / dense)
        for name in ("eq30", "released")
    }
    executed = np.concatenate([record.executed for record in records], axis=2).cumsum(axis=1)
    ann_pj, snn_pj = 0.0, np.zeros(executed.shape[1:])
    for operations in dense_operations(graph).values():
        for (_, op), count in operations.items():
            ann_pj += count * (math.nan if chip_prices[op].pj is None else chip_prices[op].pj or 0.0)
    for op, counts in zip(OPS, executed, strict=True):
        if counts.any():
            pj = chip_prices[op].pj
            snn_pj += counts * (math.nan if pj is None else pj)
    ratios["executed"] = snn_pj / ann_pj if math.isfinite(ann_pj) and bool(np.isfinite(snn_pj).all()) else None
    return ratios


def mean_of(values: Float) -> Estimate:
    """Mean over images and its standard error; no error from one image."""
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
