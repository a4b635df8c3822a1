"""Is a trace announced in its size, written whole or not at all, and its errors said plainly?"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.foundation.errors import InputError
from synaptile.report.trace import TraceFormat, TraceLevel, Window, estimate_size, write_trace
from synaptile.report.trace.aggregate import into_bins
from synaptile.report.trace.window import select
from tests.trace.timelines import timeline

FORMATS: tuple[TraceFormat, ...] = ("perfetto", "vcd", "parquet")
LEVELS: tuple[TraceLevel, ...] = ("full", "aggregate")


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("window", [None, Window(nodes=("blocks.0.*",), steps=(2, 3))])
@pytest.mark.parametrize("sampled", [True, False])
def test_the_size_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: TraceFormat, level: TraceLevel, window: Window | None, sampled: bool
) -> None:
    run = timeline(images=4, steps=3)
    if sampled:
        monkeypatch.setattr("synaptile.report.trace.sections.SAMPLED_ROWS", 100)
        monkeypatch.setattr("synaptile.report.trace.vcd.SAMPLED_CHANGES", 100)
        monkeypatch.setattr("synaptile.report.trace.parquet.ROWS_AT_ONCE", 200)
    announced = estimate_size(run, window, format, level)
    real = size(write_trace(run, tmp_path / "trace", format, window, level))
    assert announced == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_the_earlier_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: TraceFormat) -> None:
    run = timeline()
    path = write_trace(run, tmp_path / "trace", format)
    before = {file.name: file.read_bytes() for file in (path.iterdir() if path.is_dir() else [path])}

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {
        "perfetto": "synaptile.report.trace.perfetto.write_sections",
        "vcd": "vcd.VCDWriter.change",
        "parquet": "synaptile.report.trace.parquet.pq.ParquetWriter.write_table",
    }
    monkeypatch.setattr(target[format], full)
    with pytest.raises(InputError, match="No space left on device"):
        write_trace(run, path, format)
    after = {file.name: file.read_bytes() for file in (path.iterdir() if path.is_dir() else [path])}
    assert after == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["trace"], "nothing half written is left"


def test_a_folder_that_cannot_take_its_place_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = timeline()
    path = write_trace(run, tmp_path / "trace", "parquet")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match="Input/output error"):
        write_trace(run, path, "parquet", level="aggregate")
    assert (path / "jobs.parquet").is_file()
    assert [entry.name for entry in tmp_path.iterdir()] == ["trace"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_run_gives_the_same_bytes(tmp_path: Path, format: TraceFormat) -> None:
    first, second = (write_trace(timeline(), tmp_path / name, format) for name in "ab")
    for one, other in zip(sorted(first.rglob("*")) or [first], sorted(second.rglob("*")) or [second], strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
def test_progress_runs_to_the_end(tmp_path: Path, format: TraceFormat, level: TraceLevel) -> None:
    told: list[tuple[int, int]] = []
    write_trace(timeline(), tmp_path / "trace", format, level=level, progress=lambda done, total: told.append((done, total)))
    assert told and told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_unknown_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format 'fst': use one of perfetto, vcd, parquet"):
        write_trace(timeline(), tmp_path / "trace", "fst")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no level 'all': use one of full, aggregate"):
        estimate_size(timeline(), level="all")  # type: ignore[arg-type]


def test_bins_are_bounded_however_long_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = timeline()
    monkeypatch.setattr("synaptile.report.trace.aggregate.MOST_SAMPLES", 2_000)
    kept = select(run)
    bins = into_bins(run, kept)
    assert bins.cores.size + bins.link_busy.size <= 2_000
    assert bins.cores[:, 0].sum(axis=1).tolist() == run.cores.busy.tolist()
    assert bins.link_busy.sum(axis=1).tolist() == run.links.busy_cycles.tolist()
    assert (bins.cores[:, :3].sum(axis=1) <= np.diff(bins.edges)).all()


def test_bins_of_a_window_are_cut_at_its_edges() -> None:
    run = timeline()
    bins = into_bins(run, select(run, Window(from_cycle=101, to_cycle=303)))
    cycles = np.arange(101, 303)
    for core, sums in enumerate(bins.cores):
        own = run.jobs.core == core
        busy = ((run.jobs.start_cycles[own][:, None] <= cycles) & (cycles < run.jobs.end_cycles[own][:, None])).sum(axis=0)
        assert sums[0].tolist() == np.add.reduceat(busy, bins.edges[:-1] - 101).tolist()


def test_a_missing_parent_is_made(tmp_path: Path) -> None:
    for format in FORMATS:
        path = write_trace(timeline(), tmp_path / "deep" / format / "trace", format)
        assert size(path) > 0
    shutil.rmtree(tmp_path / "deep")
