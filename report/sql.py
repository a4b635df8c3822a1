"""SQL over tables of ours: one query, in a process of its own, which reads these tables and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from synaptile.foundation.errors import InputError
from synaptile.report.sql_child import OUT_OF_MEMORY, REFUSED
from synaptile.report.views.document import Sheet

MAX_SECONDS = 30.0
MAX_BYTES = 2 << 30
"""What one query may take; then its process is ended."""
_CHILD = Path(__file__).with_name("sql_child.py")
_LESS = "let it read less (a WHERE, a LIMIT), or write the table as Parquet and query that"


def answer(tables: Mapping[str, Any], sql: str, *, seconds: float = MAX_SECONDS) -> pa.Table:
    """Answer one SELECT over tables (pyarrow's, or datasets of Parquet files) by name.

    The query runs in a process of its own, as nothing inside one ends DuckDB at a given moment: it reads these tables and nothing
    else, no other file, no network, no variable of the program, and has ended after `seconds` or with `MAX_BYTES` of memory (and
    half as much for what DuckDB does not count). Raises InputError with DuckDB's message for SQL that it refuses, for anything
    but one query, and for one that takes more.
    """
    files = {name: getattr(table, "files", None) for name, table in tables.items()}
    asked = {"sql": sql, "tables": files, "memory_bytes": MAX_BYTES, "seconds": seconds}
    request = pa.BufferOutputStream()
    request.write(json.dumps(asked).encode() + b"\n")
    for name, table in tables.items():
        if files[name] is None:
            with pa.ipc.new_stream(request, table.schema) as stream:
                stream.write_table(table)
    command = [sys.executable, "-P", str(_CHILD)]  # -P: what lies beside that file is no module of its own
    try:
        # In a session of its own: Ctrl-C reaches this process alone, which then ends that one.
        done = subprocess.run(
            command, input=request.getvalue(), capture_output=True, timeout=seconds, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"stopped after {seconds:g} s: {_LESS}") from error
    if done.returncode == 0:
        return pa.ipc.open_stream(done.stdout).read_all()
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == REFUSED:
        raise InputError(f"{said}\ntables: {', '.join(tables)}")
    if done.returncode == OUT_OF_MEMORY or done.returncode < 0:  # ended by the system
        raise InputError(f"out of memory: a query may take {MAX_BYTES >> 30} GiB; {_LESS}")
    raise InputError(f"the process of the query ended with {done.returncode}: {said[-500:]}")


def answer_table(answer: pa.Table, count: int = 50) -> Sheet:
    """The first `count` rows of an answer for the terminal; its title says how many there are."""
    rows = answer.slice(0, count).to_pydict()
    shown = f"{answer.num_rows:,} rows" if answer.num_rows <= count else f"the first {count} of {answer.num_rows:,} rows"
    cells = zip(*(map(_cell, column) for column in rows.values()), strict=True)
    prose = tuple(known.name for known in answer.schema if not _is_number(known.type))
    return Sheet(shown, tuple(answer.column_names), tuple(cells), left=0, prose=prose)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
