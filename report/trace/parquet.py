"""A trace as a folder of Parquet files, replaced as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.foundation.types import Progress
from synaptile.report.trace.conserve import job_totals
from synaptile.report.trace.tables import METADATA_KEY, aggregate_tables, full_tables
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.timeline import Timeline

TABLES = ("jobs", "messages", "links", "cores", "bins", "link_bins", "steps", "phases", "fetches")
"""Files that such a folder may hold, without ``.parquet``."""

ROWS_AT_ONCE = 65_536
"""Rows of a row group."""

SAMPLED_GROUPS = 4
"""Row groups of each table that are written to estimate its size."""


@dataclass(frozen=True)
class ParquetTrace:
    """Tables, one a file of a folder."""

    timeline: Timeline
    tables: Mapping[str, pa.Table]

    @classmethod
    def full(cls, timeline: Timeline, selection: Selection) -> Self:
        """Every job and message."""
        return cls(timeline, full_tables(timeline, selection))

    @classmethod
    def aggregate(cls, timeline: Timeline, selection: Selection) -> Self:
        """Sums over bins of time, and over steps."""
        return cls(timeline, aggregate_tables(timeline, selection))

    def estimate(self) -> int:
        """Bytes that `write` will write: exact for small tables, from some row groups for large ones."""
        return sum(_estimate(table) for table in self.tables.values())

    def write(self, path: Path, progress: Progress | None) -> None:
        """Write into a folder."""
        write_tables(self.tables, path, progress)

    def totals(self, path: Path) -> dict[str, tuple[int, int]]:
        """What the file of jobs holds, rows in that of fetches, and what the timeline and its run do."""
        held = job_totals(self.timeline)
        read = pq.read_table(path / "jobs.parquet", columns=list(held))
        totals = {name: (pc.sum(read[name]).as_py() or 0, total) for name, total in held.items()}
        if "fetches" in self.tables:
            written = pq.read_table(path / "fetches.parquet", columns=["rows"])["rows"]
            images, fetches = self.timeline.images, self.timeline.activity.fetches.values()
            tallied = sum(int(fetched.rows[:, :images].sum(dtype=np.int64)) for fetched in fetches)
            totals["rows fetched"] = int(np.asarray(written).sum(dtype=np.int64)), tallied
        return totals


def write_tables(tables: Mapping[str, pa.Table], folder: Path, progress: Progress | None) -> None:
    """Write one file a table, row group by row group."""
    total, done = sum(table.num_rows for table in tables.values()), 0
    for name, table in tables.items():
        with (folder / f"{name}.parquet").open("wb") as file, _writer(file, table) as writer:
            for group in _groups(table):
                writer.write_table(group)
                done += group.num_rows
                if progress is not None:
                    progress(done, total)


def read_tables(folder: str | Path) -> dict[str, Any]:
    """The files of a Parquet trace as pyarrow datasets, by name, their rows left on disk.

    Raises InputError where there is no such folder or no trace in it, FileFormatError for a file that is no Parquet, or that
    another program or a newer version wrote.
    """
    import pyarrow.dataset as ds  # half a second, pandas with it

    path = Path(folder)
    found = {name: path / f"{name}.parquet" for name in TABLES if (path / f"{name}.parquet").is_file()}
    if not found:
        raise InputError(f"{folder} holds no Parquet trace: write one with format 'parquet' first")
    tables = {}
    for name, file in found.items():
        try:
            metadata = pq.read_schema(file).metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise FileFormatError(f"{file} is no readable Parquet file: {error}") from error
        if METADATA_KEY not in metadata:
            raise FileFormatError(f"{file} was not written as a trace: its metadata has no {METADATA_KEY.decode()!r}")
        tables[name] = ds.dataset(file, format="parquet")
    return tables


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; on success it takes its place, on any error it is removed and the old one stays.

    Refuses a target that holds anything but a Parquet trace, since replacing it would delete that.
    """
    if target.is_dir():
        others = sorted(entry.name for entry in target.iterdir() if entry.name not in {f"{name}.parquet" for name in TABLES})
        if others:
            raise InputError(f"{target} holds other files, {others[0]!r} the first: name a new folder for the Parquet trace")
    elif target.exists():
        raise InputError(f"{target} is a file: a Parquet trace needs a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb+") as written:
                os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        _exchange(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, target: Path) -> None:
    """Put a folder in the place of another, and the other back should that fail."""
    if not target.exists():
        new.rename(target)
        return
    old = new.with_suffix(".old")
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _estimate(table: pa.Table) -> int:
    groups = list(_groups(table))
    # The last group may be shorter than the others: whole groups are sampled, and scaled by rows.
    sampled = groups if len(groups) <= SAMPLED_GROUPS else [groups[i * (len(groups) - 1) // SAMPLED_GROUPS] for i in range(4)]
    empty, filled = _size(table, []), _size(table, sampled)
    rows = sum(group.num_rows for group in sampled)
    return empty + round((filled - empty) * (table.num_rows / rows if rows else 1))


def _size(table: pa.Table, groups: list[pa.Table]) -> int:
    sink = pa.MockOutputStream()
    with _writer(sink, table) as writer:
        for group in groups:
            writer.write_table(group)
    return int(sink.size())


def _writer(sink: Any, table: pa.Table) -> Any:
    return pq.ParquetWriter(sink, table.schema, compression="zstd")


def _groups(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(begin, ROWS_AT_ONCE) for begin in range(0, table.num_rows, ROWS_AT_ONCE))
