"""SQL over a Parquet trace."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from synaptile.report.sql import answer, answer_table
from synaptile.report.trace.parquet import read_tables

__all__ = ["answer_table", "query"]


def query(path: str | Path, sql: str) -> pa.Table:
    """Answer one SELECT over the tables of a Parquet trace: jobs, messages, links, cores (or bins, link_bins, steps).

    The query reads these and nothing else: no other file, no network, no variable of the program. Raises InputError with
    DuckDB's message for SQL that it refuses, and for anything but one query.
    """
    return answer(read_tables(path), sql)
