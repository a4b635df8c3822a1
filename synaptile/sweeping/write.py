"""The files of a sweep: points.parquet, sweep.json and a figure, the same for the same points."""

from __future__ import annotations

from pathlib import Path

from synaptile.foundation.files import write_text
from synaptile.report.sweep_figure import sweep_figure
from synaptile.report.sweep_parquet import FILE, write_points
from synaptile.report.sweep_rows import Sweep
from synaptile.report.sweep_tables import to_json


def write_sweep(sweep: Sweep, directory: Path) -> tuple[Path, ...]:
    """Write them into `directory`, each atomically. Returns their paths; there is no figure where no point was evaluated."""
    write_points(sweep, directory / FILE)
    write_text(directory / "sweep.json", to_json(sweep))
    figures = sweep_figure(sweep, directory / "pareto") if sweep.evaluated else ()
    return directory / FILE, directory / "sweep.json", *figures
