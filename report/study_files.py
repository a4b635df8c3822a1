"""The files that a finished study leaves beside its journal, the same for the same result."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from synaptile.foundation.files import write_text
from synaptile.report.functions_figure import functions_figure
from synaptile.report.render.html import html
from synaptile.report.render.markdown import markdown
from synaptile.report.sizing_figure import sizing_figure
from synaptile.report.sweep_figure import sweep_figure
from synaptile.report.tuning_figure import front_figure
from synaptile.report.validation_figure import validation_figure
from synaptile.report.views.dataset import dataset_document
from synaptile.report.views.functions import functions_document
from synaptile.report.views.sizing import sizing_document
from synaptile.report.views.tuning import tuning_document
from synaptile.report.views.validation import validation_document
from synaptile.studies.dataset.published import PAPER_TABLE_1
from synaptile.studies.dataset.table import DatasetTable, published_at
from synaptile.studies.functions import FunctionTradeOff
from synaptile.studies.sizing.answer import Sizing
from synaptile.studies.sweeping.parquet import FILE, write_points
from synaptile.studies.sweeping.rows import BY_NAME, Sweep
from synaptile.studies.tuning.trials import Tuning, loss_against
from synaptile.studies.validation import Validation

FORMAT_VERSION = 1
"""Version of the JSON layouts."""


def write_sweep(sweep: Sweep, directory: Path) -> tuple[Path, ...]:
    """Write points.parquet, sweep.json and, where any point was evaluated, the figure; returns their paths."""
    write_points(sweep, directory / FILE)
    figures = sweep_figure(sweep, directory / "pareto") if sweep.evaluated else ()
    return (directory / FILE, *_written(directory, "sweep", json=sweep_json(sweep)), *figures)


def write_sizing(sizing: Sizing, directory: Path) -> tuple[Path, ...]:
    """Write size.json, size.md and the figure; returns their paths."""
    document = _json("sizing", asdict(sizing))
    return (
        *_written(directory, "size", json=document, md=markdown(sizing_document(sizing))),
        *sizing_figure(sizing, directory / "size"),
    )


def write_tuning(tuning: Tuning, directory: Path) -> tuple[Path, ...]:
    """Write tune.json, .csv, .md and the figure; returns their paths."""
    texts = {"json": tuning_json(tuning), "csv": tuning_csv(tuning), "md": markdown(tuning_document(tuning))}
    return (*_written(directory, "tune", **texts), *front_figure(tuning, directory / "pareto"))


def write_functions(found: FunctionTradeOff, directory: Path) -> tuple[Path, ...]:
    """Write functions.json, functions.md and the figure; returns their paths."""
    texts = {"json": _json("functions", asdict(found)), "md": markdown(functions_document(found))}
    return (*_written(directory, "functions", **texts), *functions_figure(found, directory / "functions"))


def write_table1(table: DatasetTable, directory: Path) -> tuple[Path, ...]:
    """Write table1.json, .csv and .md; returns their paths."""
    return _written(directory, "table1", json=dataset_json(table), csv=dataset_csv(table), md=markdown(dataset_document(table)))


def write_validation(found: Validation, directory: Path) -> tuple[Path, ...]:
    """Write validation.json, .md, .html and the figure; returns their paths."""
    document = validation_document(found)
    figures = validation_figure(found, directory / "validation")
    page = f'<!doctype html><meta charset="utf-8"><title>{found.name}</title>{html(document)}<img src="{figures[0].name}">'
    texts = {"json": validation_json(found), "md": markdown(document), "html": page}
    return (*_written(directory, "validation", **texts), *figures)


def validation_json(found: Validation) -> str:
    """What was predicted and measured, image by image."""
    told = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(found).items()}
    predictions = [
        {
            "chip": one.chip,
            "step_us": one.step_us,
            "image_us": one.image_us.tolist(),
            "barrier_us": one.barrier_us,
            "error": found.error(one),
            "rms_us": found.rms_us(one),
            "sorted_rms_us": found.sorted_rms_us(one),
        }
        for one in found.predictions
    ]
    return _json("validation", told | {"predictions": predictions})


def sweep_json(sweep: Sweep) -> str:
    """What was swept, the front with all figures, and failures by reason; every point is in the Parquet table."""
    document = {
        "name": sweep.name,
        "description": sweep.description,
        "synthetic": sweep.synthetic,
        "facts": dict(sweep.facts),
        "axes": list(sweep.axes),
        "objectives": [{"name": name, "unit": BY_NAME[name].unit, "better": BY_NAME[name].better} for name in sweep.objectives],
        "planned": sweep.planned,
        "points": len(sweep.rows),
        "failed": sweep.failed,
        "executions": sweep.executions,
        "front": [{"point": row.number, "labels": dict(row.labels), "figures": vars(row.figures)} for row in sweep.front],
        "reasons": [vars(one) for one in sweep.reasons],
        "notes": list(sweep.notes),
        "settings": dict(sweep.settings),
    }
    return _json("sweep", document)


def tuning_json(tuning: Tuning) -> str:
    """All trials."""
    document = {
        **asdict(tuning),
        "note": tuning.bounds_note,
        "front": [{"trial": point.trial.number, "step": point.score.step} for point in tuning.front],
        "chosen": {"trial": tuning.chosen.trial.number, "step": tuning.chosen.score.step},
    }
    return _json("tuning", document)


def tuning_csv(tuning: Tuning) -> str:
    """One line per trial and step."""
    head = ["trial", "step", "ratio", "correlation", "agreement", "accuracy", "loss", "front", "chosen"]
    groups, front, chosen = list(tuning.baseline.factors), tuning.front, tuning.chosen
    lines: list[list[Any]] = [[*head, *groups, "levels"]]
    for trial in tuning.trials:
        for score in trial.scores:
            loss = loss_against(tuning.target, score, tuning.hold)
            marks = [int(any(point.score is score for point in front)), int(chosen.score is score)]
            figures = [score.ratio, score.correlation, score.agreement, score.accuracy, loss]
            lines.append([trial.number, score.step, *figures, *marks, *(trial.factors[group] for group in groups), trial.levels])
    return _csv(lines)


def dataset_json(table: DatasetTable) -> str:
    """All figures of a data set."""
    name, own = table.paper
    rows = []
    for row in table.rows:
        at = published_at(table, row.step)
        published = None if at is None else {"accuracy_percent": at[0], "ratio": at[1]}
        rows.append({**asdict(row), "published": published})
    document = {
        **{key: value for key, value in asdict(table).items() if key not in ("rows", "skipped", "settings")},
        "skipped_count": len(table.skipped),
        "skipped": [{"image": image, "why": why} for image, why in table.skipped],
        "published": {"architecture": name, "same_architecture": own, "ann_accuracy_percent": PAPER_TABLE_1[name].ann_accuracy},
        "rows": rows,
        "settings": dict(table.settings),
    }
    return _json("dataset table", document)


def dataset_csv(table: DatasetTable) -> str:
    """One line per step; shares 0..1, what is not known empty."""
    figures = ("accuracy", "agreement", "correlation", *(f"ratio_{name}" for name in table.rows[0].ratios))
    errors = [name for figure in figures for name in (figure, f"{figure}_error")]
    lines: list[list[Any]] = [["step", "images", *errors, "published", "published_accuracy", "published_ratio"]]
    for row in table.rows:
        estimates = [row.accuracy, row.agreement, row.correlation, *row.ratios.values()]
        values = [value for e in estimates for value in ((None, None) if e is None else (e.value, e.error))]
        at = published_at(table, row.step)
        paper = (None, None) if at is None else (at[0] / 100, at[1])
        lines.append([row.step, table.images, *values, table.paper[0], *paper])
    return _csv(lines)


def _json(kind: str, document: Mapping[str, Any]) -> str:
    head = {"format": f"synaptile {kind}", "version": FORMAT_VERSION}
    return json.dumps(head | dict(document), indent=2, allow_nan=False) + "\n"


def _csv(lines: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _written(directory: Path, stem: str, **texts: str) -> tuple[Path, ...]:
    paths = {suffix: directory / f"{stem}.{suffix}" for suffix in texts}
    for suffix, path in paths.items():
        write_text(path, texts[suffix])
    return tuple(paths.values())
