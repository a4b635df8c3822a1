"""`synaptile sweep` as users meet it, and the pictures that it writes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from synaptile.cli import main
from synaptile.studies.sweeping.parquet import read_points
from tests.sweep.studies import tiny

HOSTILE = "[/] <script>x</script> $(id) [bold]"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synaptile", "sweep", *(str(argument) for argument in arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return run


def study_file(folder: Path, **changes: Any) -> Path:
    path = folder / "study.yaml"
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(tiny(folder, **changes), file)
    return path


@pytest.mark.slow
def test_it_prints_and_writes_the_front(command: Any, tmp_path: Path) -> None:
    path = study_file(tmp_path, name=HOSTILE)
    code, out, err = command(path, "-o", tmp_path / "out", "--html", tmp_path / "page.html")
    assert code == 0, err
    assert out.startswith(HOSTILE) and "12 of 12, 4 failed" in out and re.search(r"executed +once", out)
    assert "Pareto front: " in out and "Failed: 4 points" in out and "does not fit: mesh.max_chips" in out
    document = json.loads((tmp_path / "out" / "sweep.json").read_text())
    table = read_points(tmp_path / "out" / "points.parquet").to_pylist()
    assert [row["point"] for row in table if row["on_front"]] == sorted(point["point"] for point in document["front"])
    assert document["failed"] == 4 and document["executions"] == 1
    for name in ("pareto.png", "pareto.svg"):
        assert (tmp_path / "out" / name).stat().st_size > 10_000
    assert (tmp_path / "page.html").stat().st_size < 300_000
    before = (tmp_path / "out" / "pareto.png").read_bytes()
    assert command(path, "-o", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "pareto.png").read_bytes() == before, "the same points draw the same picture"
    with Image.open(tmp_path / "out" / "pareto.png") as picture:
        assert len(set(picture.convert("RGB").resize((200, 60)).get_flattened_data())) > 20


@pytest.mark.slow
def test_sql_answers_alone(command: Any, tmp_path: Path) -> None:
    path = study_file(tmp_path, grid={"steps": [1, 2], "chip.synapse_core.lanes_per_cycle": [1, 2]})
    sql = (
        "SELECT steps, min(latency_ms) AS best FROM points WHERE chip_synapse_core_lanes_per_cycle > 1 GROUP BY steps ORDER BY 1"
    )
    code, out, err = command(path, "-o", tmp_path / "out", "--sql", sql)
    assert code == 0, err
    assert "2 rows" in out and "best" in out and "Pareto" not in out
    code, _, err = command(path, "-o", tmp_path / "out", "--sql", "SELECT * FROM nothing")
    assert code == 2 and "tables: points" in " ".join(err.split())


def test_one_objective_still_has_a_figure(command: Any, tmp_path: Path) -> None:
    path = study_file(tmp_path, objectives=["energy_eq30_pj"], grid={"steps": [1, 2]})
    assert command(path, "-o", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "pareto.png").is_file()


def test_a_sweep_in_which_all_fail_is_told(command: Any, tmp_path: Path) -> None:
    grid = {"memory": {"m": {"chip.synapse_core.weight_memory_bits": 64, "chip.synapse_core.weight_bank_bits": 64}}}
    code, out, err = command(study_file(tmp_path, grid=grid), "-o", tmp_path / "out", "--html", tmp_path / "page.html")
    assert code == 0, err
    assert "there is no Pareto front" in out and "Failed: 1 point" in out and not (tmp_path / "out" / "pareto.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", 0), "--workers is 0"),
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "exclude each other"),
        (("-o", "FILE"), "is a file"),
    ],
)
def test_options_that_cannot_be(command: Any, tmp_path: Path, arguments: list[object], said: str) -> None:
    path = study_file(tmp_path)
    given = [path if argument == "FILE" else argument for argument in arguments]
    code, _, err = command(path, *given)
    assert code == 2 and said in " ".join(err.split())


def test_the_missing_extra_is_named(command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("synaptile.studies.extra.find_spec", lambda _: None)
    path = study_file(tmp_path, grid=None, search={"parameters": {"steps": [1]}, "trials": 1})
    code, _, err = command(path, "-o", tmp_path / "out")
    assert code == 2 and "synaptile[study]" in err and not (tmp_path / "out").exists()
