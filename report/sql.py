"""SQL over tables of ours: one query, which reads these tables and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import duckdb
import pyarrow as pa

from synaptile.foundation.errors import InputError
from synaptile.report.views.document import Sheet

_QUERIES = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


MAX_SECONDS = 60.0
MAX_BYTES = 2 << 30
"""What one query may take; then it is stopped."""


def answer(tables: Mapping[str, Any], sql: str, *, seconds: float = MAX_SECONDS) -> pa.Table:
    """Answer one SELECT over tables (pyarrow's, or datasets of files) by name.

    The query reads these and nothing else: no other file, no network, no variable of the program, and it ends within `seconds`
    and `MAX_BYTES` of memory. Raises InputError with DuckDB's message for SQL that it refuses, for anything but one query, and
    for one that takes more.
    """
    with duckdb.connect(":memory:") as connection:
        for name, dataset in tables.items():
            connection.register(name, dataset)
        memory = f"memory_limit = '{MAX_BYTES}B'"
        for setting in (
            memory,
            "enable_external_access = false",
            "python_enable_replacements = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _QUERIES:
                raise InputError(f"one SELECT is answered, over {', '.join(tables)}; this is not one: {sql.strip()[:200]!r}")
            return _within(seconds, connection, sql)
        except duckdb.InterruptException as error:
            raise InputError(
                f"stopped after {seconds:g} s: let it read less (a WHERE, a LIMIT), or write the table as Parquet and query that"
            ) from error
        except duckdb.Error as error:
            raise InputError(f"{str(error).strip()}\ntables: {', '.join(tables)}") from error


def _within(seconds: float, connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer of a query that runs beside this thread, so that Ctrl-C and the end of its time reach it."""
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(lambda: connection.sql(sql).to_arrow_table())
        try:
            result: pa.Table = running.result(timeout=seconds)
        except (TimeoutError, KeyboardInterrupt) as stopped:
            while not running.done():
                connection.interrupt()
                wait((running,), timeout=0.1)
            if isinstance(stopped, KeyboardInterrupt):
                raise
            return running.result()  # raises what the interruption did, or came through at the last moment
    return result


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
