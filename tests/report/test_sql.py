"""Does a query end within its time and memory, and read nothing but its tables?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pyarrow as pa
import pytest

from synaptile.foundation.errors import InputError
from synaptile.report.sql import MAX_BYTES, answer

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
@pytest.mark.parametrize(
    "sql",
    [
        "select list(range) from range(3000000000)",
        "select sum(length(repeat('ab', 100000000 + range::int))) from range(2000)",  # strings that DuckDB does not count
        "select repeat('a', 2000000000)",
    ],
)
def test_memory_is_bounded(sql: str) -> None:
    """Measured in a process of its own, as the peak of all that it began."""
    asked = f"""
import resource
import pyarrow as pa
from synaptile.foundation.errors import InputError
from synaptile.report.sql import answer

try:
    answer({{"t": pa.table({{"a": [1]}})}}, {sql!r})
except InputError as error:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, error)
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=100)
    peak_kib, said = done.stdout.split(maxsplit=1)
    assert said.startswith("out of memory: a query may take 2 GiB") or said.startswith("stopped after 30 s")
    assert int(peak_kib) << 10 < MAX_BYTES * 3 // 2 + (1 << 28), "beyond what it was given and the libraries' own files"


def test_an_answer_in_time_is_given_in_the_types_of_its_columns() -> None:
    found = answer(TABLES, "select sum(a) as total, interval 3 day as days, {'x': [a]} as nested from t group by a order by a")
    assert found["total"].to_pylist() == [1, 2, 3] and found["nested"].to_pylist()[2] == {"x": [3]}
    assert answer(TABLES, "explain select a from t").num_rows == 1


ENDLESS = """
import pyarrow as pa
from synaptile import cli
from synaptile.__main__ import main
from synaptile.report.sql import answer

sql = "with recursive n(a) as (select 1 union all select a + 1 from n) select count(*) from n"
cli.app = lambda: answer({"t": pa.table({"a": [1]})}, sql, seconds=SECONDS)
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "seconds", "status"), [(signal.SIGINT, 100, 130), (signal.SIGTERM, 100, 143), (signal.SIGKILL, 5, -signal.SIGKILL)]
)
def test_the_process_of_a_query_goes_with_the_command(sign: int, seconds: int, status: int) -> None:
    """At once by Ctrl-C and SIGTERM; a command that is killed tells nobody, and the query ends with its time."""
    command = subprocess.Popen([sys.executable, "-c", ENDLESS.replace("SECONDS", str(seconds))])
    try:
        until = time.monotonic() + 60
        while not (children := psutil.Process(command.pid).children()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)  # into the query
        command.send_signal(sign)
        assert command.wait(timeout=30) == status
        assert children and not psutil.wait_procs(children, timeout=30)[1]
    finally:
        command.kill()
