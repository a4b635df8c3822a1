"""Do the tables of a Parquet trace hold the timeline, and does SQL over them reach these tables and nothing else?"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from synaptile.foundation.errors import ConservationError, FileFormatError, InputError
from synaptile.report.trace import Window, answer_table, link_names, query, write_trace
from synaptile.report.trace.names import job_nodes
from synaptile.report.trace.parquet import ParquetTrace
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.timeline import OPERANDS, UNITS, Timeline
from tests.trace.timelines import timeline


@pytest.fixture(scope="module")
def run() -> Timeline:
    return timeline(images=2)


@pytest.fixture(scope="module")
def folder(run: Timeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trace(run, tmp_path_factory.mktemp("parquet") / "trace", "parquet")


def test_jobs_and_messages_are_the_timelines(run: Timeline, folder: Path) -> None:
    jobs = pq.read_table(folder / "jobs.parquet")
    for column in ("core", "part", "image", "ready_cycles", "start_cycles", "end_cycles", "operations", "spikes"):
        assert jobs[column].to_pylist() == getattr(run.jobs, column).tolist(), column
    assert jobs["step"].to_pylist() == (run.jobs.step + 1).tolist()
    assert jobs["node"].to_pylist() == [run.program.node_names[node] for node in job_nodes(run)]
    assert jobs["token"].to_pylist() == [None if token == OPERANDS else token for token in run.jobs.token.tolist()]
    assert jobs["start_ns"].to_pylist() == (2.0 * run.jobs.start_cycles).tolist()
    messages = pq.read_table(folder / "messages.parquet")
    for column in ("job", "elements", "flits", "hops", "crossings", "injected_cycles", "delivered_cycles"):
        assert messages[column].to_pylist() == getattr(run.messages, column).tolist(), column


def test_links_and_cores_carry_names_units_and_totals(run: Timeline, folder: Path) -> None:
    links = pq.read_table(folder / "links.parquet")
    assert links["name"].to_pylist() == list(link_names(run))
    assert links["busy_cycles"].to_pylist() == run.links.busy_cycles.tolist()
    cores = pq.read_table(folder / "cores.parquet")
    for number, unit in enumerate(UNITS):
        assert cores[f"{unit}_busy_cycles"].to_pylist() == run.cores.unit_busy[:, number].tolist()
    held = {name for names in cores["nodes"].to_pylist() for name in names}
    assert held == {run.program.node_names[node] for node in run.program.parts.node}


def test_metadata_carries_versions_and_digests(run: Timeline, folder: Path) -> None:
    for file in folder.iterdir():
        about = json.loads(pq.read_schema(file).metadata[b"synaptile"])
        assert (about["format"], about["version"]) == ("synaptile trace", 1)
        assert about["graph"]["digest"] == run.program.graph.digest
        assert about["chip"]["digest"] == run.program.chip.digest
        assert about["provenance"]["numpy"] == np.__version__


def test_a_query_answers_over_all_tables(run: Timeline, folder: Path) -> None:
    answer = query(folder, "SELECT node, sum(operations)::BIGINT AS operations FROM jobs GROUP BY node ORDER BY node")
    sums: dict[str, int] = {}
    for node, operations in zip(job_nodes(run), run.jobs.operations.tolist(), strict=True):
        sums[run.program.node_names[node]] = sums.get(run.program.node_names[node], 0) + operations
    assert answer.to_pylist() == [{"node": name, "operations": sums[name]} for name in sorted(sums)]
    joined = query(
        folder, "SELECT count(*) AS n FROM messages m JOIN jobs USING (job) JOIN cores c ON c.core = m.source_core, links"
    )
    assert joined["n"].to_pylist() == [len(run.messages.job) * len(run.links.kind)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT cycles FROM jobs", 'column "cycles" not found'),
        ("SELECT * FROM folder", "folder does not exist"),
        ("SELECT * FROM read_csv('/etc/hostname')", "disabled"),
        ("SELECT * FROM glob('/*')", "disabled"),
        ("SELECT * FROM '/etc/hostname'", "does not exist"),
        ("COPY jobs TO 'copy.csv'", "not one"),
        ("ATTACH 'other.db'", "not one"),
        ("SET enable_external_access = true", "not one"),
        ("CREATE TABLE mine AS SELECT 1", "not one"),
        ("DROP VIEW jobs", "not one"),
        ("SELECT 1; SELECT 2", "not one"),
        ("", "not one"),
    ],
)
def test_sql_that_is_wrong_or_reaches_out_is_refused(folder: Path, sql: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        query(folder, sql)


def test_an_answer_is_shown_as_a_table(run: Timeline, folder: Path) -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(answer_table(query(folder, "SELECT job, node, token, start_ns FROM jobs ORDER BY job"), 7))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == f"the first 7 of {len(run.jobs.part):,} rows"
    first = [line.split() for line in lines if line.strip().startswith("0 ")]
    token = int(run.jobs.token[0])
    assert first == [["0", run.program.node_names[job_nodes(run)[0]], str(token), f"{2.0 * run.jobs.start_cycles[0]:g}"]]


def test_what_is_no_trace_is_refused(run: Timeline, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no Parquet trace"):
        query(tmp_path, "SELECT 1")
    (tmp_path / "jobs.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(FileFormatError, match="no readable Parquet"):
        query(tmp_path, "SELECT 1")
    pq.write_table(pa.table({"job": [1]}), tmp_path / "jobs.parquet")
    with pytest.raises(FileFormatError, match="not written as a trace"):
        query(tmp_path, "SELECT 1")


def test_a_window_keeps_its_rows_under_their_numbers(run: Timeline, tmp_path: Path) -> None:
    folder = write_trace(run, tmp_path / "part", "parquet", Window(nodes=("head",)))
    jobs = pq.read_table(folder / "jobs.parquet")
    expected = np.flatnonzero(job_nodes(run) == run.program.node_names.index("head"))
    assert jobs["job"].to_pylist() == expected.tolist()
    assert set(jobs["node"].to_pylist()) == {"head"}


def test_aggregate_tables_add_up(run: Timeline, tmp_path: Path) -> None:
    folder = write_trace(run, tmp_path / "sums", "parquet", level="aggregate")
    by_core = "SELECT sum({})::BIGINT AS n FROM {} GROUP BY core ORDER BY core"
    busy = query(folder, by_core.format("busy_cycles", "bins"))["n"].to_pylist()
    assert busy == run.cores.busy.tolist()
    for column, table in (("stalled_input_cycles", "stalled_input"), ("stalled_network_cycles", "stalled_network")):
        assert query(folder, by_core.format(column, "bins"))["n"].to_pylist() == getattr(run.cores, table).tolist()
    links = query(folder, "SELECT sum(busy_cycles)::BIGINT AS n FROM link_bins GROUP BY link ORDER BY link")
    assert links["n"].to_pylist() == run.links.busy_cycles.tolist()
    for table in ("bins", "steps"):
        for column in ("operations", "spikes"):
            total = query(folder, f"SELECT sum({column})::BIGINT AS n FROM {table}")["n"].to_pylist()
            assert total == [getattr(run.jobs, column).sum()]
    steps = query(folder, "SELECT min(step) AS a, max(step) AS b, max(end_cycles) AS c, sum(jobs)::BIGINT AS d FROM steps")
    assert steps.to_pylist() == [{"a": 1, "b": 2, "c": run.jobs.end_cycles.max(), "d": len(run.jobs.part)}]


def test_a_folder_is_replaced_whole_and_never_one_with_other_files(run: Timeline, tmp_path: Path) -> None:
    folder = write_trace(run, tmp_path / "trace", "parquet")
    write_trace(run, folder, "parquet", level="aggregate")
    assert sorted(file.stem for file in folder.iterdir()) == ["bins", "cores", "link_bins", "links", "steps"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"'notes\.txt'"):
        write_trace(run, folder, "parquet")
    assert (folder / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="needs a folder"):
        write_trace(run, tmp_path / "file", "parquet")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "trace"]


def test_tables_that_lack_a_job_are_an_error(run: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ParquetTrace.full

    def forgetful(timeline: Timeline, selection: Selection) -> ParquetTrace:
        most = int(np.argmax(timeline.jobs.spikes))
        return whole(timeline, Selection(**{**vars(selection), "jobs": np.delete(selection.jobs, most)}))

    monkeypatch.setattr(ParquetTrace, "full", forgetful)
    with pytest.raises(ConservationError, match=r"operations|spikes"):
        write_trace(run, tmp_path / "trace", "parquet")
    assert not list(tmp_path.iterdir())
