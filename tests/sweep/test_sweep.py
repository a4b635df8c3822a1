"""Is every point what the plain pipeline gives, from one execution, whoever computed it and whatever died on the way?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ruamel.yaml import YAML

import synaptile
from synaptile.conversion.differential import rescaled
from synaptile.conversion.graph import SpikingGraph, load_graph, save_graph
from synaptile.conversion.images import source_of
from synaptile.energy import price
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.hwmodels import die_area_mm2, load_chip, vary
from synaptile.mapper import map_graph
from synaptile.pipeline import sweep
from synaptile.report.views.sweep import sweep_document
from synaptile.simulator import execute, schedule
from synaptile.simulator.firing import firing_rates
from synaptile.studies.rundir import Run, save_run
from synaptile.studies.spread import local_cluster, run_on
from synaptile.studies.sweeping import evaluate, execution
from synaptile.studies.sweeping.context import load_context, save_context
from synaptile.studies.sweeping.evaluate import PointTask, run_point
from synaptile.studies.sweeping.journal import FILE as JOURNAL
from synaptile.studies.sweeping.journal import Journal
from synaptile.studies.sweeping.parquet import FILE, read_points
from synaptile.studies.sweeping.plan import context_of, plan_of
from synaptile.studies.sweeping.rows import PointRow
from synaptile.studies.sweeping.space import grid_points
from tests.differential.networks import differential_vit
from tests.sweep.studies import MINI, graph_file, tiny


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps of every execution."""
    calls: list[int] = []

    def counted(program: Any, images: Any, steps: int, *rest: Any, **options: Any) -> Any:
        calls.append(steps)
        return execute(program, images, steps, *rest, **options)

    monkeypatch.setattr(execution, "execute", counted)
    return calls


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the sweeps of these tests, and have a test of their own."""
    monkeypatch.setattr("synaptile.report.study_files.sweep_figure", lambda *_: ())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="distributed is not installed (extra `study`)")
    with local_cluster(2) as client:
        yield client


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study in one go in this process."""
    folder = tmp_path_factory.mktemp("plain")
    sweep(tiny(folder), folder / "out")
    return folder


def written(folder: Path, study: dict[str, Any]) -> Path:
    path = folder / "study.yaml"
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(study, file)
    return path


def test_workers_keep_their_memory_as_any_process(cluster: Any) -> None:
    """Dask has its workers hand it back at once: every large array is paged in anew then."""
    assert set(cluster.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_").values()) == {os.environ.get("MALLOC_TRIM_THRESHOLD_")}


def test_points_are_what_the_plain_pipeline_gives_from_one_execution(executions: list[int], tmp_path: Path) -> None:
    study = tiny(tmp_path, numeric="int8")
    found = sweep(study, tmp_path / "out")
    assert executions == [3] and found.executions == 1, "all steps and chips share one run"
    assert [row.number for row in found.rows] == list(range(12)) and len(found.evaluated) == 8
    graph = load_graph(tmp_path / "tiny.spk")
    images = np.random.default_rng([0, 0]).standard_normal((2, *(3, 8, 8))).astype(np.float32)
    for row in found.evaluated:
        memory = {"small": 4096, "large": 65536}[str(row.labels["weights"])]
        chip = vary(
            load_chip(MINI),
            {
                "synapse_core.weight_memory_bits": memory,
                "synapse_core.weight_bank_bits": 4096,
                "synapse_core.lanes_per_cycle": row.labels["chip.synapse_core.lanes_per_cycle"],
            },
        )
        program = map_graph(graph, chip, placement="row_major")
        activity = execute(program, images, int(str(row.labels["steps"])), "int8", keep_spikes=2)
        timeline = schedule(activity)
        bill = price(activity, chip, timeline=timeline)
        assert row.figures["latency_cycles"] == timeline.latency_cycles
        assert row.figures["latency_ms"] == timeline.milliseconds(timeline.latency_cycles)
        assert row.figures["images_per_second"] is None is row.figures["interval_ms"], "one image alone has no throughput"
        for name in ("eq30", "executed", "memory", "noc", "static"):
            assert row.figures[f"energy_{name}_pj"] == float(bill.comparison(name).snn_pj[-1])
            assert row.figures[f"ratio_{name}"] == bill.ratio(name)
        assert row.figures["ratio_released"] == bill.ratio("released")
        assert row.figures["area_mm2"] == die_area_mm2(chip).total and row.figures["chips"] == 1
        assert row.figures["synapse_cores"] + row.figures["ec_cores"] == len(program.cores.kind)
        assert row.figures["accuracy"] is None and 0 <= row.figures["agreement"] <= 1


def test_points_that_are_mapped_alike_are_evaluated_one_after_the_other(tmp_path: Path) -> None:
    weights = {name: {"chip.synapse_core.weight_memory_bits": bits} for name, bits in (("small", 4096), ("large", 65536))}
    bank = {"bank": {"4096": {"chip.synapse_core.weight_bank_bits": 4096}}}
    sweep(tiny(tmp_path, grid=bank | {"chip.synapse_core.lanes_per_cycle": [1, 4], "weights": weights}), tmp_path / "out")
    lines = (tmp_path / "out" / JOURNAL).read_text().splitlines()[1:]
    assert [json.loads(line)["number"] for line in lines] == [0, 2, 1, 3], "the weight memory changes fastest in the grid"


MACHINES: dict[str, Any] = {
    "machine": {
        "mini": {"chip": MINI, "mapping.goal": "room"},
        "mini for time": {"chip": MINI, "mapping.goal": "throughput"},
        "layer-major": {"chip": "ecmt45-lm", "mapping.goal": "room"},
        "edge": {"chip": "ecmt45-edge", "mapping.goal": "room"},
        "refused": {"chip": "ecmt45-edge", "mapping.goal": "latency"},
    }
}


@pytest.mark.slow
def test_machines_goals_and_phases_are_mapped_and_counted_each_by_itself(executions: list[int], tmp_path: Path) -> None:
    study = tiny(
        tmp_path, numeric="int8", steps=3, schedule={"images": 2}, grid=MACHINES, objectives=["latency_ms", "energy_static_pj"]
    )
    fixed = {"chip.mesh.max_chips": 1, "chip.synapse_core.weight_bank_bits": 1024, "chip.synapse_core.weight_memory_bits": 1024}
    found = sweep(study | {"fixed": fixed}, tmp_path / "out")
    assert executions == [3] and [row.failed for row in found.rows] == [False] * 4 + [True]
    assert "phases are filled for room alone" in found.rows[4].message
    graph = load_graph(tmp_path / "tiny.spk")
    images = np.random.default_rng([0, 0]).standard_normal((2, *(3, 8, 8))).astype(np.float32)
    for row, machine in zip(found.rows[:4], MACHINES["machine"].values(), strict=False):
        chip = vary(load_chip(machine["chip"]), {name.removeprefix("chip."): value for name, value in fixed.items()})
        program = map_graph(graph, chip, placement="row_major")
        activity = execute(program, images, 3, "int8", keep_spikes=2)
        if (goal := machine["mapping.goal"]) != "room":
            program = map_graph(graph, chip, placement="row_major", goal=goal, rates=firing_rates(activity))
            activity = execute(program, images, 3, "int8", keep_spikes=2)
        timeline = schedule(activity, images=2)
        bill = price(activity, chip, timeline=timeline)
        assert row.figures["latency_cycles"] == timeline.latency_cycles
        assert row.figures["images_per_second"] == timeline.images_per_second
        assert [row.figures[f"energy_{name}_pj"] for name in ("memory", "static")] == [
            float(bill.comparison(name).snn_pj[-1]) for name in ("memory", "static")
        ]
        assert row.figures["phases"] == program.phases
    phases, moved = ([row.figures[name] for row in found.rows[:4]] for name in ("phases", "dram_bytes"))
    assert phases[0] == phases[1] == 1 < phases[3] and moved[0] == 0 < moved[3]
    front = sweep_document(found).sheets[0]
    assert front.header[3:5] == ("phases", "dram_bytes")


def test_of_a_run_all_its_steps_are_taken(tmp_path: Path) -> None:
    sweep(tiny(tmp_path, grid={"chip.clock_mhz": [100.0]}), tmp_path / "out")
    (run,) = (tmp_path / "out" / "executions").iterdir()
    study = {"model": {"run": str(run)}, "chip": MINI, "grid": {"chip.clock_mhz": [100.0, 200.0]}}
    found = sweep(study, tmp_path / "again")
    assert found.facts["steps"] == "3" and not found.failed
    assert sweep(study | {"steps": 2}, tmp_path / "two").facts["steps"] == "2"
    with pytest.raises(InputError, match="one image alone has no throughput"):
        sweep(study | {"objectives": ["images_per_second"]}, tmp_path / "three")


def test_a_figure_of_a_misspelt_name_is_not_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(evaluate, "_times", lambda timeline: {"latency_m": 1.0})
    with pytest.raises(TypeError, match="latency_m"):
        sweep(tiny(tmp_path), tmp_path / "out")


def test_what_does_not_fit_is_a_row_with_its_reason(plain: Path) -> None:
    table = read_points(plain / "out" / FILE).to_pylist()
    failed = [row for row in table if row["status"] == "failed"]
    assert [row["weights"] for row in failed] == ["tiny"] * 4
    assert {row["reason"] for row in failed} == {"does not fit: mesh.max_chips"}
    assert all("short by" in row["message"] and row["latency_ms"] is None and not row["on_front"] for row in failed)


def test_a_study_whose_own_chip_is_too_small_runs_on_the_first_that_fits(executions: list[int], tmp_path: Path) -> None:
    fixed = {"chip.synapse_core.weight_memory_bits": 64, "chip.synapse_core.weight_bank_bits": 64}
    study = tiny(tmp_path, fixed=fixed, grid={"chip.noc.flit_bits": [64, 128]})
    found = sweep(study, tmp_path / "none")
    assert not executions and not found.evaluated and not found.front and found.reasons[0].count == 2
    assert not (tmp_path / "none" / "pareto.png").exists()
    small = {"s": {"chip.synapse_core.weight_memory_bits": 64, "chip.synapse_core.weight_bank_bits": 64}}
    large = {"l": {"chip.synapse_core.weight_memory_bits": 8192, "chip.synapse_core.weight_bank_bits": 64}}
    found = sweep(tiny(tmp_path, grid={"memory": {**small, **large}}), tmp_path / "some")
    assert len(executions) == 1 and [row.failed for row in found.rows] == [True, False]


def test_one_and_two_workers_write_the_same_bytes(cluster: Any, plain: Path, tmp_path: Path) -> None:
    sweep(tiny(plain), tmp_path / "two", scheduler=cluster.scheduler.address)
    for name in (FILE, "sweep.json"):
        assert (plain / "out" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_point_whose_worker_is_killed_is_redone(cluster: Any, plain: Path, tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    plan = plan_of(tiny(plain))
    context = context_of(plan, plain / "out", begun=True)
    digest, key = save_context(context), context.base.execution
    points = list(grid_points(plan.axes, context.base))[:4]

    def killed_once(task: PointTask) -> PointRow:
        if task.point.number == 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return run_point(task)

    found: list[PointRow] = []
    tasks = [PointTask(context.directory, digest, point, key, True) for point in points]
    run_on(cluster, killed_once, tasks, [f"killed-{point.number}" for point in points], found.append)
    kept = Journal(plain / "out", digest_of(plan.settings)).read()
    assert marker.exists() and {row.number: row for row in found} == {number: kept[number] for number in range(4)}


@pytest.mark.slow
def test_killed_half_way_it_goes_on_and_ends_in_the_same_table(tmp_path: Path) -> None:
    lanes = list(range(1, 31))
    study = tiny(tmp_path, grid={"chip.synapse_core.lanes_per_cycle": lanes, "steps": [2, 3]})
    path, out = written(tmp_path, study), tmp_path / "out"
    command = [sys.executable, "-m", "synaptile", "sweep", str(path), "-o", str(out)]
    root = Path(synaptile.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "NUMBA_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / JOURNAL).exists() and (out / JOURNAL).read_bytes().count(b"\n") > 10:
            break
        time.sleep(0.002)
    process.kill()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL, said
    assert not (out / FILE).exists()
    kept = (out / JOURNAL).read_bytes().splitlines()[1:-1]
    assert 5 < len(kept) < 60
    sweep(path, out)
    assert (out / JOURNAL).read_bytes().splitlines()[1 : len(kept) + 1] == kept, "what was done is not done again"
    sweep(path, tmp_path / "whole")
    assert (out / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()
    assert (out / "sweep.json").read_bytes() == (tmp_path / "whole" / "sweep.json").read_bytes()


def test_going_on_does_only_what_is_missing(
    executions: list[int], monkeypatch: pytest.MonkeyPatch, plain: Path, tmp_path: Path
) -> None:
    study, out = tiny(plain), tmp_path / "out"
    appended: list[int] = []
    append = Journal.append

    def stopping(journal: Journal, row: Any) -> None:
        if len(appended) == 5:
            raise KeyboardInterrupt
        append(journal, row)
        appended.append(row.number)

    monkeypatch.setattr(Journal, "append", stopping)
    with pytest.raises(KeyboardInterrupt):
        sweep(study, out)
    assert not (out / FILE).exists()

    def counting(journal: Journal, row: PointRow) -> None:
        append(journal, row)
        appended.append(row.number)

    monkeypatch.setattr(Journal, "append", counting)
    sweep(study, out)
    assert sorted(appended) == list(range(12)) and len(executions) == 1, "the execution is found again"
    assert (out / FILE).read_bytes() == (plain / "out" / FILE).read_bytes()
    sweep(study, out)
    assert len(appended) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 4}, "steps was 3, now 4"),
        ({"chip": "ecmt45"}, "chip was ecmt45-mini, now ecmt45"),
        ({"grid": {"steps": [2]}}, r"grid.chip.synapse_core.lanes_per_cycle was \[1, 4\], now None"),
        ({"fixed": {"chip.mesh.width": 4}}, "fixed.chip.mesh.width was None, now 4"),
        ({"images": {"from": "noise", "limit": 3}}, "images.limit was 2, now 3"),
        ({"follow": False}, "follow was True, now False"),
        ({"mapping": {"placement": "metis"}}, "mapping.placement was row_major, now metis"),
    ],
)
def test_a_study_that_changed_is_refused(plain: Path, change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sweep(tiny(plain, **change), plain / "out")


def test_another_model_file_is_refused_and_other_objectives_are_not(tmp_path: Path) -> None:
    study = tiny(tmp_path, grid={"steps": [1, 2]})
    sweep(study, tmp_path / "out")
    assert sweep(study | {"objectives": ["area_mm2"]}, tmp_path / "out").objectives == ("area_mm2",)
    graph_file(tmp_path, seed=7)
    with pytest.raises(InputError, match=r"model file \(digest\) was"):
        sweep(study, tmp_path / "out")


@pytest.mark.slow
def test_a_run_is_swept_as_it_was_executed(executions: list[int], plain: Path, tmp_path: Path) -> None:
    program = map_graph(load_graph(plain / "tiny.spk"), load_chip(MINI), placement="row_major")
    images = np.random.default_rng([0, 0]).standard_normal((2, 3, 8, 8)).astype(np.float32)
    activity = execute(program, images, 3, keep_spikes=2)
    save_run(Run(activity, np.array([1, 2]), np.zeros((2, 0))), tmp_path / "run")
    study = tiny(plain, model={"run": str(tmp_path / "run")}, images=None)
    found = sweep(study, tmp_path / "out")
    whole = {row.number: row for row in sweep(tiny(plain), tmp_path / "whole").rows}
    assert len(executions) == 1, "by the second sweep"
    for row in found.evaluated:
        assert row.figures["latency_ms"] == whole[row.number].figures["latency_ms"]
        assert row.figures["energy_static_pj"] == whole[row.number].figures["energy_static_pj"]
        assert row.figures["accuracy"] is not None and row.figures["agreement"] is None
    with pytest.raises(InputError, match="4 steps are asked for, the run has 3"):
        sweep(study | {"grid": {"steps": [4]}}, tmp_path / "more")


def test_drawn_activity_is_marked_and_has_no_answers(executions: list[int], plain: Path, tmp_path: Path) -> None:
    study = tiny(plain, images=None, rates={"density": 0.2, "images": 2})
    found = sweep(study, tmp_path / "out")
    assert not executions and found.synthetic is not None and len(found.evaluated) == 8
    assert all(row.figures["agreement"] is None and row.figures["accuracy"] is None for row in found.rows if not row.failed)
    assert json.loads((tmp_path / "out" / "sweep.json").read_text())["synthetic"] == found.synthetic
    for change, said in (
        ({"objectives": ["agreement"]}, "drawn from rates give no answers"),
        ({"grid": {"conversion.n": [4]}}, "which no threshold changes"),
        ({"images": {"from": "noise"}}, "exactly one of images"),
    ):
        with pytest.raises(InputError, match=said):
            sweep(study | change, tmp_path / "other")


@pytest.mark.slow
def test_conversions_are_executed_once_each_and_change_answers(executions: list[int], tmp_path: Path) -> None:
    study = {
        "model": {"digits": True},
        "images": {"from": "digits", "limit": 3},
        "chip": MINI,
        "steps": 2,
        "mapping": {"placement": "row_major"},
        "grid": {"conversion.n": [2, 8], "conversion.factor.attn.q": [0.5, 1.0], "chip.clock_mhz": [100.0, 200.0]},
    }
    found = sweep(study, tmp_path / "out")
    assert len(executions) == 4 == found.executions and len(found.evaluated) == 8
    assert found.objectives == ("latency_ms", "energy_static_pj", "area_mm2", "agreement")
    energies = {row.figures["energy_eq30_pj"] for row in found.rows}
    assert len(energies) == 4, "each conversion spikes otherwise, the clock changes nothing of it"
    with pytest.raises(InputError, match=r"no kind of site 'atn.q'.*did you mean 'attn.q'"):
        sweep(study | {"grid": {"conversion.factor.atn.q": [1.0]}}, tmp_path / "other")


@pytest.mark.slow
def test_a_search_keeps_within_bounds_each_side_at_its_best(tmp_path: Path) -> None:
    """Differential coding: thresholds and sums together, for the energy of all rungs at a bound on agreement."""
    pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")
    graph, core = differential_vit(1, dtype="float32"), "synapse_core.dataflow"
    save_graph(graph, tmp_path / "dc.spk")
    study: dict[str, Any] = {
        "model": {"graph": str(tmp_path / "dc.spk")},
        "images": {"from": "noise", "limit": 2},
        "chip": MINI,
        "schedule": {"images": 2},
        "mapping": {"placement": "row_major"},
        "search": {
            "parameters": {
                "conversion.threshold_factor": [0.5, 4.0],
                "conversion.factor.attn.softmax.out": [1.0, 2.0],
                "conversion.n": [8, 2],
                f"chip.{core}.token_block": [1, 2],
                "steps": [2, 3],
            },
            "trials": 8,
            "batch": 4,
            "sampler": "tpe",
            "first": [{"conversion.threshold_factor": 0.5, "conversion.n": 8, "steps": 3}],
        },
        "objectives": ["ratio_best"],
        "bounds": {"correlation": 0.95},
    }
    found = sweep(study, tmp_path / "out")
    assert len(found.evaluated) == 8 and any("correlation >= 0.95" in note for note in found.notes)
    assert study["search"]["first"][0].items() <= found.rows[0].labels.items()
    within = [row for row in found.rows if row.figures["correlation"] >= 0.95]
    assert 0 < len(within) < 8 and found.front[0].figures["ratio_best"] == min(row.figures["ratio_best"] for row in within)
    row = found.front[0]
    labels: dict[str, Any] = {name.rpartition(".")[2]: value for name, value in row.labels.items()}
    factors = {site.name: labels["threshold_factor"] * (labels["out"] if site.is_map else 1.0) for site in graph.sites}
    chip = vary(load_chip(MINI), {f"{core}.token_block": labels["token_block"]})
    program = map_graph(rescaled(graph, factors, labels["n"] - 8), chip, placement="row_major")
    activity = execute(program, some_noise(graph, 2), labels["steps"], keep_spikes=2)
    bill = price(activity, chip, timeline=schedule(activity, images=2))
    assert row.figures["ratio_best"] == pytest.approx(bill.best_ladder()[-1].ratio, rel=1e-12)
    assert row.figures["ratio_static"] == pytest.approx(bill.ratio("static"), rel=1e-12)


def some_noise(graph: SpikingGraph, count: int) -> NDArray[np.float32]:
    """Images of `from: noise`, seed 0."""
    shape = (count, *source_of(graph).image_shape)
    return np.random.default_rng([0, 0]).standard_normal(shape).astype(np.float32)


@pytest.mark.slow
def test_a_calibration_that_fails_is_the_reason_of_its_points(tmp_path: Path) -> None:
    study = {
        "model": {"digits": True, "method": "spikezip"},
        "images": {"from": "digits", "limit": 1},
        "chip": MINI,
        "steps": 1,
        "grid": {"conversion.levels": [4, 5], "chip.clock_mhz": [100.0, 200.0]},
    }
    found = sweep(study, tmp_path / "out")
    assert [row.failed for row in found.rows] == [False, False, True, True]
    assert found.reasons[0].count == 2 and "power of two" in found.reasons[0].message


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
def test_a_search_proposes_the_same_whoever_evaluates_and_after_a_stop(
    monkeypatch: pytest.MonkeyPatch, plain: Path, tmp_path: Path, sampler: str
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")
    parameters = {
        "chip.synapse_core.lanes_per_cycle": {"low": 1, "high": 64, "log": True},
        "chip.clock_mhz": {"low": 100.0, "high": 500.0},
        "chip.synapse_core.weight_memory_bits": [64, 8192],
        "chip.synapse_core.weight_bank_bits": [64],
    }
    plan = {"parameters": parameters, "trials": 9, "batch": 3, "sampler": sampler, "seed": 3}
    study = tiny(plain, grid=None, search=plan)
    whole = sweep(study, tmp_path / "whole")
    assert len(whole.rows) == 9 and any(row.failed for row in whole.rows) and whole.front
    append, appended = Journal.append, list[int]()

    def stopping(journal: Journal, row: Any) -> None:
        if len(appended) == 4:
            raise KeyboardInterrupt
        append(journal, row)
        appended.append(row.number)

    monkeypatch.setattr(Journal, "append", stopping)
    with pytest.raises(KeyboardInterrupt):
        sweep(study, tmp_path / "out")
    monkeypatch.setattr(Journal, "append", append)
    sweep(study, tmp_path / "out")
    assert (tmp_path / "out" / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()
    more = sweep(study | {"search": plan | {"trials": 11}}, tmp_path / "out")
    assert [row.labels for row in more.rows[:9]] == [row.labels for row in whole.rows]
    with pytest.raises(InputError, match=r"search.seed was 3, now 4"):
        sweep(study | {"search": plan | {"seed": 4}}, tmp_path / "out")


def test_a_search_that_repeats_a_point_takes_its_figures(plain: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")
    study = tiny(plain, grid=None, search={"parameters": {"chip.clock_mhz": [100.0, 200.0]}, "trials": 9, "batch": 3})
    found = sweep(study, tmp_path / "out")
    by_clock: dict[Any, set[Any]] = {}
    for row in found.rows:
        by_clock.setdefault(row.labels["chip.clock_mhz"], set()).add(row.figures["latency_ms"])
    assert len(found.rows) == 9 and all(len(latencies) == 1 for latencies in by_clock.values())


def test_rows_of_another_search_are_refused(plain: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")
    study = tiny(plain, grid=None, search={"parameters": {"chip.clock_mhz": {"low": 1.0, "high": 9.0}}, "trials": 3, "batch": 3})
    sweep(study, tmp_path / "out")
    file = tmp_path / "out" / JOURNAL
    lines = file.read_bytes().splitlines(keepends=True)
    first = json.loads(lines[1])
    first["labels"]["chip.clock_mhz"] += 1.0
    file.write_bytes(lines[0] + json.dumps(first).encode() + b"\n" + b"".join(lines[2:]))
    with pytest.raises(InputError, match="this version of optuna proposes otherwise"):
        sweep(study, tmp_path / "out")


def test_workers_refuse_another_context(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_bytes((plain / "out" / "context.json").read_bytes())
    with pytest.raises(FileFormatError, match="run the sweep again"):
        load_context(str(tmp_path), "0" * 32)
    with pytest.raises(FileFormatError, match="under this path"):
        load_context(str(tmp_path / "nowhere"), "0" * 32)


def test_a_context_survives_the_disk(plain: Path) -> None:
    context = context_of(plan_of(tiny(plain)), plain / "out", begun=True)
    assert load_context(context.directory, save_context(context)) == context
