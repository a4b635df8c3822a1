"""SQL over tables of ours: one query, which reads these tables and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
from rich.text import Text

from synaptile.foundation.errors import InputError
from synaptile.report.style import Sheet, new_sheet

_QUERIES = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def answer(tables: Mapping[str, Any], sql: str) -> pa.Table:
    """Answer one SELECT over tables (pyarrow's, or datasets of files) by name.

    The query reads these and nothing else: no other file, no network, no variable of the program. Raises InputError with
    DuckDB's message for SQL that it refuses, and for anything but one query.
    """
    with duckdb.connect(":memory:") as connection:
        for name, dataset in tables.items():
            connection.register(name, dataset)
        for setting in ("enable_external_access = false", "python_enable_replacements = false", "lock_configuration = true"):
            connection.execute(f"SET {setting}")
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _QUERIES:
                raise InputError(f"one SELECT is answered, over {', '.join(tables)}; this is not one: {sql.strip()[:200]!r}")
            result: pa.Table = connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"{str(error).strip()}\ntables: {', '.join(tables)}") from error
    return result


def answer_table(answer: pa.Table, count: int = 50) -> Sheet:
    """The first `count` rows of an answer for the terminal; its title says how many there are."""
    rows = answer.slice(0, count).to_pydict()
    shown = f"{answer.num_rows:,} rows" if answer.num_rows <= count else f"the first {count} of {answer.num_rows:,} rows"
    table = new_sheet(shown, *answer.column_names, left=0)
    for column, kind in zip(table.table.columns, answer.schema.types, strict=True):
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    for row in zip(*rows.values(), strict=True):
        texts = ("" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in row)
        table.add_row(*(Text(text) for text in texts))  # what stands in a table is no markup
    return table
