"""Does a query end within its time and memory, and read nothing but its tables?"""

from __future__ import annotations

import subprocess
import sys
import time

import pyarrow as pa
import pytest

from synaptile.foundation.errors import InputError
from synaptile.report.sql import answer

TABLES = {"t": pa.table({"a": [1, 2, 3]})}


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "with recursive n(a) as (select 1 union all select a + 1 from n) select count(*) from n",
        "select sum(x.range * y.range) from range(10000000) x, range(10000000) y",
    ],
)
def test_a_query_without_end_is_stopped(sql: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(InputError, match="stopped after 1 s: let it read less"):
        answer(TABLES, sql, seconds=1)
    assert time.perf_counter() - begun < 30


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    with pytest.raises(InputError, match=r"Out of Memory|stopped after"):
        answer(TABLES, "select list(range) from range(3000000000)", seconds=20)


def test_an_answer_in_time_is_given() -> None:
    assert answer(TABLES, "select sum(a) as total from t").to_pydict() == {"total": [6]}


@pytest.mark.slow
def test_a_command_ends_though_a_block_of_long_rows_goes_on() -> None:
    """In a process of its own: such a block takes 20 GB, beyond DuckDB's own limit, and goes on in the thread that asked."""
    asked = """
import pyarrow as pa
from synaptile import cli
from synaptile.__main__ import main
from synaptile.report.sql import answer

sql = "select sum(length(repeat('ab', 100000000 + range::int))) from range(2000)"
cli.app = lambda: answer({"t": pa.table({"a": [1]})}, sql, seconds=1)
main()
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and done.stderr.startswith("error: stopped after 1 s")
