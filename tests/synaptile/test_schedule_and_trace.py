"""The front door to cycles: schedules on the run's chip and another, traces in three formats, SQL, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synaptile.commands.ranges import names, numbers
from tests.synaptile.conftest import Command


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synaptile.hwmodels import load_chip
    from synaptile.images import digits
    from synaptile.mapper import map_graph
    from synaptile.pipeline import execute_images
    from synaptile.studies.answers import ann_logits
    from synaptile.studies.rundir import save_run
    from tests.synaptile.models import small_digits_graph

    graph, chosen = small_digits_graph(), digits("test", 2)
    program = map_graph(graph, load_chip("ecmt45-mini"))
    out = tmp_path_factory.mktemp("run") / "out"
    save_run(execute_images(program, chosen, ann_logits(graph, chosen.images), 2, "float32", None, keep_spikes=2), out)
    return out


@pytest.mark.slow
def test_a_schedule_prints_cycles_and_climbs_the_whole_ladder(synaptile: Command, run_directory: Path) -> None:
    outcome = synaptile("schedule", run_directory, "--images", 2)
    assert outcome.code == 0, outcome.err
    for text in ("latency of an image", "throughput", "busiest", "Critical path", "ratio static"):
        assert text in outcome.out, text
    document = json.loads((run_directory / "schedule.json").read_text())
    for core in document["cores"]:
        assert core["busy"] + core["stalled_input"] + core["stalled_network"] + core["idle"] == document["makespan_cycles"]
    waits = sum(sum(stretch["wait_cycles"].values()) for stretch in document["critical_path"])
    assert waits + sum(stretch["run_cycles"] for stretch in document["critical_path"]) == document["makespan_cycles"]
    for name in ("links.png", "timeline.png", "cores.png", "energy.json"):
        assert (run_directory / name).is_file()


@pytest.mark.slow
def test_another_chip_reuses_the_run(synaptile: Command, run_directory: Path) -> None:
    before = (run_directory / "activity.npz").read_bytes()
    outcome = synaptile("schedule", run_directory, "--chip", "ecmt45")
    assert outcome.code == 0, outcome.err
    assert json.loads((run_directory / "ecmt45" / "schedule.json").read_text())["remapped"] is True
    assert (run_directory / "activity.npz").read_bytes() == before


@pytest.mark.slow
def test_a_graph_is_mapped_for_time_and_the_relief_of_a_run_is_printed(
    synaptile: Command, digits_graph: Path, run_directory: Path, tmp_path: Path
) -> None:
    from synaptile.mapper import load_program

    fast = tmp_path / "fast.map"
    outcome = synaptile("map", digits_graph, "--chip", "ecmt45-mini", "--for", "latency", "--rates", run_directory, "-o", fast)
    assert outcome.code == 0, outcome.err
    assert "Balanced for latency: latency of an image expected" in " ".join(outcome.out.split())
    options = load_program(fast).options
    assert options["goal"] == "latency" and options["rates"]["steps"] == 2  # type: ignore[index]  # options are of any type
    outcome = synaptile("map", digits_graph, "--for", "latency", "--replicas", 2, "-o", fast)
    assert outcome.code != 0 and "replicas is 2 and the goal is 'latency'" in " ".join(outcome.err.split())
    outcome = synaptile("schedule", run_directory, "--relief")
    assert outcome.code == 0, outcome.err
    assert "What relieves digits_vit on ecmt45-mini" in outcome.out and "ec_core.multipliers_per_cycle" in outcome.out


@pytest.mark.parametrize(("kind", "name"), [("perfetto", "trace.pftrace"), ("vcd", "trace.vcd"), ("parquet", "trace.parquet")])
def test_a_trace_announces_its_size_and_is_written(synaptile: Command, run_directory: Path, kind: str, name: str) -> None:
    outcome = synaptile("trace", run_directory, "--format", kind, "--nodes", "blocks.0.*", "--steps", "1")
    assert outcome.code == 0, outcome.err
    assert "about" in outcome.out and "MB" in outcome.out
    assert (run_directory / name).exists()


def test_sql_is_answered(synaptile: Command, run_directory: Path) -> None:
    outcome = synaptile("trace", run_directory, "--sql", "select count(*) as jobs from jobs", "-o", run_directory / "sql")
    assert outcome.code == 0 and "jobs" in outcome.out, outcome.err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--from", 10, "--to", 5), "empty window"),
        (("--cores", "0-9x"), "--cores"),
        (("--cores", "99999"), "99999"),
        (("--nodes", "blocks.77.*"), "blocks.77"),
        (("--steps", "3"), "3"),
        (("--sql", "select nonsense from jobs"), "nonsense"),
        (("--sql", "copy jobs to 'elsewhere.csv'"), "one SELECT"),
        (("--images", 3), "3"),
        (("--images", 0), "0"),
        (("--chip", "loihi"), "does not fit"),
    ],
)
def test_what_a_trace_refuses(
    synaptile: Command, run_directory: Path, tmp_path: Path, arguments: list[object], part: str
) -> None:
    outcome = synaptile("trace", run_directory, *arguments, "-o", tmp_path / "trace")
    assert outcome.code == 2 and "Traceback" not in outcome.err, outcome.err
    assert part in " ".join(outcome.err.split()), outcome.err
    if "--sql" not in arguments:
        assert not (tmp_path / "trace").exists()


def test_ranges_and_names() -> None:
    assert numbers("0,4-7", "--cores") == [0, 4, 5, 6, 7]
    assert numbers(None, "--cores") is None and names(None) is None
    assert names("blocks.0.*, head") == ["blocks.0.*", "head"]
