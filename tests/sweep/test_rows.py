"""Is the front the front, and is every failure counted?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.energy import LADDER
from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.mapper.refusal import DoesNotFit, Shortfall
from synaptile.report.sql import answer
from synaptile.report.study_files import sweep_json
from synaptile.report.views.sweep import short_names
from synaptile.studies.sweeping.journal import Journal
from synaptile.studies.sweeping.parquet import points_table, read_points, write_points
from synaptile.studies.sweeping.reasons import reason_of
from synaptile.studies.sweeping.rows import FIGURES, PointFigures, PointRow, Sweep, pareto

FACTS = {"network": "n", "images": "1", "chip": "c", "steps": "1", "kind": "grid"}


def sweep_of(
    rows: list[PointRow], objectives: tuple[str, ...] = ("latency_ms", "accuracy"), axes: tuple[str, ...] = ("steps",)
) -> Sweep:
    return Sweep("s", "", axes, objectives, tuple(rows), len(rows), 1, FACTS, (), {})


def row(number: int, latency: float | None, accuracy: float | None, **label: object) -> PointRow:
    return PointRow(number, label or {"steps": number}, PointFigures(latency_ms=latency, accuracy=accuracy), "e")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=40))
def test_the_front_is_what_no_other_beats(points: list[tuple[int, int, int]]) -> None:
    losses = np.array(points, float).reshape(-1, 3)
    beaten = [any((other <= own).all() and (other < own).any() for other in losses) for own in losses]
    np.testing.assert_array_equal(pareto(losses), ~np.array(beaten, bool))


def test_more_is_better_where_the_figure_says_so() -> None:
    found = sweep_of([row(0, 1.0, 0.2), row(1, 2.0, 0.9), row(2, 3.0, 0.9), row(3, 0.5, None)])
    assert [one.number for one in found.front] == [0, 1], "a point without an objective is on no front"
    assert json.loads(sweep_json(found))["front"][1]["figures"]["accuracy"] == 0.9


def test_the_table_has_a_row_a_point_and_types_that_sql_understands() -> None:
    rows = [row(0, 1.0, 0.5, steps=1, chip="a"), PointRow(1, {"steps": 2, "chip": None}, reason="no", message="no at all")]
    table = points_table(sweep_of(rows, axes=("steps", "chip")))
    assert table.schema.field("steps").type == pa.int64() and table.schema.field("chip").type == pa.string()
    assert table["status"].to_pylist() == ["ok", "failed"] and table["chip"].to_pylist() == ["a", None]
    assert answer({"points": table}, "SELECT count(*) AS n FROM points WHERE status = 'failed'").to_pylist() == [{"n": 1}]
    mixed = points_table(sweep_of([row(0, 1.0, 0.5, steps=1), row(1, 1.0, 0.5, steps=1.5)]))
    assert mixed["steps"].to_pylist() == [1.0, 1.5]
    words = points_table(sweep_of([row(0, 1.0, 0.5, steps=True), row(1, 1.0, 0.5, steps="b")]))
    assert words["steps"].to_pylist() == ["True", "b"]


def test_sql_reads_the_table_and_nothing_else(tmp_path: Path) -> None:
    write_points(sweep_of([row(0, 1.0, 0.5)]), tmp_path / "points.parquet")
    table = read_points(tmp_path / "points.parquet")
    for sql in (
        f"SELECT * FROM '{tmp_path}/points.parquet'",
        "DROP TABLE points",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM points",
    ):
        with pytest.raises(InputError):
            answer({"points": table}, sql)
    (tmp_path / "other.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(FileFormatError, match="no readable Parquet"):
        read_points(tmp_path / "other.parquet")


def test_thousands_of_failures_are_a_few_reasons() -> None:
    def short(demand: int) -> DoesNotFit:
        return DoesNotFit("g", f"chip-{demand:08x}", (Shortfall("mesh.width", demand, 4, "cores", "all", ("more",)),))

    said = [reason_of(short(number)) for number in range(3000)]
    said += [reason_of(InputError(f"chip 'c-{number:x}': clock_mhz is {number}.5: too slow")) for number in range(3000)]
    rows = [PointRow(number, {"steps": number}, reason=reason, message=reason) for number, reason in enumerate(said)]
    reasons = sweep_of(rows).reasons
    assert [(one.count, one.first) for one in reasons] == [(3000, 0), (3000, 3000)]
    assert reasons[0].reason == "does not fit: mesh.width" and reasons[1].reason == "InputError: chip: clock_mhz is N: too slow"


def test_a_torn_line_is_done_again_and_a_damaged_one_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "d")
    assert journal.read() == {}
    for number in range(3):
        journal.append(row(number, 1.0, None))
    with journal.file.open("ab") as file:
        file.write(b'{"number":3,"lab')
    assert sorted(journal.read()) == [0, 1, 2]
    journal.append(row(3, 2.0, None))
    assert journal.read()[3].figures["latency_ms"] == 2.0
    whole = journal.file.read_bytes()
    journal.file.write_bytes(whole.replace(b'"number":1', b'"humber":1'))
    with pytest.raises(FileFormatError, match=r"points\.jsonl:3: damaged"):
        journal.read()
    journal.file.write_bytes(whole)
    with pytest.raises(FileFormatError, match="another study"):
        Journal(tmp_path, "e").read()


def test_names_are_as_short_as_tells_them_apart() -> None:
    names = ("steps", "chip.synapse_core.state_memory_kib", "chip.ec_core.state_memory_kib", "chip.clock_mhz")
    assert list(short_names(names).values()) == [
        "steps",
        "synapse_core.state_memory_kib",
        "ec_core.state_memory_kib",
        "clock_mhz",
    ]


def test_a_figure_that_no_table_knows_is_refused_and_none_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="latency_mss"):
        PointFigures(latency_mss=1.0)  # type: ignore[call-arg]  # misspelt on purpose
    with pytest.raises(KeyError, match="accurracy"):
        PointFigures()["accurracy"]
    journal = Journal(tmp_path, "d")
    journal.append(row(0, 1.0, None))
    journal.file.write_bytes(journal.file.read_bytes().replace(b'"interval_ms"', b'"intervall_ms"'))
    with pytest.raises(FileFormatError, match=r"points\.jsonl:2: damaged"):
        journal.read()


def test_every_rung_and_accounting_of_a_bill_has_its_columns() -> None:
    names = {figure.name for figure in FIGURES}
    assert names >= {f"energy_{rung}_pj" for rung in LADDER} | {f"ratio_{name}" for name in ("released", *LADDER)}
