"""The files that a finished study leaves beside its journal, the same for the same result."""

from __future__ import annotations

from pathlib import Path

from synaptile.foundation.files import write_text
from synaptile.report import dataset_tables, sizing_tables, sweep_tables, tuning_tables
from synaptile.report.sizing_figure import sizing_figure
from synaptile.report.sweep_figure import sweep_figure
from synaptile.report.tuning_figure import front_figure
from synaptile.studies.dataset.table import DatasetTable
from synaptile.studies.sizing.answer import Sizing
from synaptile.studies.sweeping.parquet import FILE, write_points
from synaptile.studies.sweeping.rows import Sweep
from synaptile.studies.tuning.trials import Tuning


def write_sweep(sweep: Sweep, directory: Path) -> tuple[Path, ...]:
    """Write points.parquet, sweep.json and, where any point was evaluated, the figure; returns their paths."""
    write_points(sweep, directory / FILE)
    figures = sweep_figure(sweep, directory / "pareto") if sweep.evaluated else ()
    return (directory / FILE, *_written(directory, "sweep", json=sweep_tables.to_json(sweep)), *figures)


def write_sizing(sizing: Sizing, directory: Path) -> tuple[Path, ...]:
    """Write size.json, size.md and the figure; returns their paths."""
    texts = _written(directory, "size", json=sizing_tables.to_json(sizing), md=sizing_tables.to_markdown(sizing))
    return (*texts, *sizing_figure(sizing, directory / "size"))


def write_tuning(tuning: Tuning, directory: Path) -> tuple[Path, ...]:
    """Write tune.json, .csv, .md and the figure; returns their paths."""
    tables = tuning_tables
    texts = _written(directory, "tune", json=tables.to_json(tuning), csv=tables.to_csv(tuning), md=tables.to_markdown(tuning))
    return (*texts, *front_figure(tuning, directory / "pareto"))


def write_table1(table: DatasetTable, directory: Path) -> tuple[Path, ...]:
    """Write table1.json, .csv and .md; returns their paths."""
    tables = dataset_tables
    return _written(directory, "table1", json=tables.to_json(table), csv=tables.to_csv(table), md=tables.to_markdown(table))


def _written(directory: Path, stem: str, **texts: str) -> tuple[Path, ...]:
    paths = []
    for suffix, text in texts.items():
        paths.append(directory / f"{stem}.{suffix}")
        write_text(paths[-1], text)
    return tuple(paths)
