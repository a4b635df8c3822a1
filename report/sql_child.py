"""The process that answers one SQL query, within the memory and the time that it is given; `report/sql.py` runs this file.

Standard input: one line of JSON (`sql`; `tables`, by name the files of a Parquet dataset, or null for a table that follows;
`memory_bytes`; `seconds`), then the tables that follow as Arrow streams. Standard output: the answer as one Arrow stream.
Standard error: why there is none. It imports nothing of Synaptile, so that it begins quickly.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import duckdb
import pyarrow as pa

REFUSED, OUT_OF_MEMORY = 3, 4
"""Exit status where there is no answer."""
_QUERIES = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def main() -> int:
    """Answer what standard input asks; gives the exit status."""
    asked = json.loads(sys.stdin.buffer.readline())
    _bound(asked["memory_bytes"], asked["seconds"])
    try:
        found = answered(asked["sql"], {name: _table(files) for name, files in asked["tables"].items()}, asked["memory_bytes"])
        with pa.ipc.new_stream(sys.stdout.buffer, found.schema) as stream:
            stream.write_table(found)
    except (MemoryError, duckdb.OutOfMemoryException):
        return OUT_OF_MEMORY
    except (duckdb.Error, pa.ArrowException, ValueError) as error:
        print(str(error).strip(), file=sys.stderr)
        return REFUSED
    return 0


def answered(sql: str, tables: dict[str, Any], memory_bytes: int) -> pa.Table:
    """The answer of one SELECT over tables, which reads these and nothing else. Raises ValueError for anything but one query."""
    with duckdb.connect(":memory:") as connection:
        for name, table in tables.items():
            connection.register(name, table)
        for setting in (
            f"memory_limit = '{memory_bytes}B'",
            "enable_external_access = false",
            "python_enable_replacements = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _QUERIES:
            raise ValueError(f"one SELECT is answered; this is not one: {sql.strip()[:200]!r}")
        return connection.sql(sql).to_arrow_table()


def _table(files: list[str] | None) -> Any:
    if files is None:
        return pa.ipc.open_stream(sys.stdin.buffer).read_all()
    import pyarrow.dataset as ds

    return ds.dataset(files, format="parquet")


def _bound(memory_bytes: int, seconds: float) -> None:
    """Have the system end this process beyond its limits, even if whoever asked has died.

    DuckDB does not count the strings of a block of rows, nor Arrow's copy of an answer: half as much again is for them. Where
    the system has no such limits (Windows; of memory, macOS), DuckDB's own is left, and the time for which the asker waits.
    """
    try:
        import resource
    except ImportError:
        return
    pa.set_memory_pool(pa.system_memory_pool())  # others take address space ahead
    most, given = memory_bytes * 3 // 2, resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (most if given == resource.RLIM_INFINITY else min(most, given),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)


if __name__ == "__main__":
    sys.exit(main())
