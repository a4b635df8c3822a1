"""SQL over tables of ours: one query, which reads these tables and nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread
from typing import Any

import duckdb
import pyarrow as pa

from synaptile.foundation.errors import InputError
from synaptile.report.views.document import Sheet

_QUERIES = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


MAX_SECONDS = 30.0
MAX_BYTES = 2 << 30
"""What one query may take; then it is stopped."""
GRACE_SECONDS = 5.0
"""How long a query that is stopped is waited for: DuckDB stops between blocks of rows, and one of long rows takes minutes."""


def answer(tables: Mapping[str, Any], sql: str, *, seconds: float = MAX_SECONDS) -> pa.Table:
    """Answer one SELECT over tables (pyarrow's, or datasets of files) by name.

    The query reads these and nothing else: no other file, no network, no variable of the program, and it ends within `seconds`
    and `MAX_BYTES` of memory. Strings of one block of rows are not in that limit: DuckDB does not count them, and a query of rows
    that are hundreds of megabytes long goes on in its thread to the end of its block. Raises InputError with DuckDB's message
    for SQL that it refuses, for anything but one query, and for one that takes more.
    """
    connection, ended = duckdb.connect(":memory:"), Future[pa.Table]()
    Thread(target=_ask, args=(connection, tables, sql, ended), name="query", daemon=True).start()
    try:
        return _within(seconds, connection, ended)
    except duckdb.InterruptException as error:
        raise InputError(
            f"stopped after {seconds:g} s: let it read less (a WHERE, a LIMIT), or write the table as Parquet and query that"
        ) from error
    except duckdb.Error as error:
        raise InputError(f"{str(error).strip()}\ntables: {', '.join(tables)}") from error


def _ask(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Any], sql: str, ended: Future[pa.Table]) -> None:
    """Answer a query in a thread of its own, which nobody has to wait for, and close the connection."""
    try:
        with connection:
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
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _QUERIES:
                raise InputError(f"one SELECT is answered, over {', '.join(tables)}; this is not one: {sql.strip()[:200]!r}")
            ended.set_result(connection.sql(sql).to_arrow_table())
    except BaseException as error:  # told to whoever asked
        ended.set_exception(error)


def _within(seconds: float, connection: duckdb.DuckDBPyConnection, ended: Future[pa.Table]) -> pa.Table:
    """The answer of a query, which Ctrl-C and the end of its time reach."""
    try:
        return ended.result(timeout=seconds)
    except (TimeoutError, KeyboardInterrupt, SystemExit) as stopped:
        until = time.monotonic() + GRACE_SECONDS
        while not ended.done() and time.monotonic() < until:
            with suppress(duckdb.ConnectionException):  # closed, as it ended just now
                connection.interrupt()
            wait((ended,), timeout=0.1)
        if not isinstance(stopped, TimeoutError):
            raise
        if ended.done():
            return ended.result()  # raises what the interruption did, or came through at the last moment
        raise duckdb.InterruptException from stopped


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
