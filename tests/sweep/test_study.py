"""Does a study that cannot be run say what is wrong with it, where, and what would be right?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from synaptile.foundation.errors import InputError
from synaptile.studies.sweeping.plan import context_of, plan_of
from synaptile.studies.sweeping.space import grid_points
from tests.sweep.studies import graph_file, tiny

LANES = "chip.synapse_core.lanes_per_cycle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("study")
    graph_file(found)
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stepz": 3}, "stepz is not a known key: did you mean 'steps'?"),
        ({"model": {"grph": "a.spk"}}, "model.grph is not a known key: did you mean 'graph'?"),
        ({"steps": 0}, "steps is 0: must be at least 1"),
        ({"steps": "3"}, "steps is '3': must be an integer"),
        ({"numeric": "fp32"}, "numeric is 'fp32': must be 'float32', 'float64', 'int8' or 'chip'"),
        ({"model": {}}, "model names nothing: give exactly one of graph, timm, digits, run"),
        ({"model": {"digits": True, "graph": "a.spk"}}, "model names graph and digits"),
        ({"model": {"graph": "a.spk", "preset": "paper"}}, "a model of kind graph brings its own preset"),
        ({"model": {"timm": "vit_tiny_patch16_224", "random_weights": 0}}, "model.calibration is missing"),
        ({"model": {"timm": "x", "calibration": {"from": "noise"}}}, "exactly one of model.weights"),
        ({"images": None}, "exactly one of images (to execute on) and rates"),
        ({"images": None, "rates": {"density": 0.1, "file": "r.yaml"}}, "rates takes exactly one of density, file and run"),
        ({"images": None, "rates": {"density": 1.5}}, "rates.density is 1.5: must be at most 1"),
        ({"grid": None}, "give exactly one of grid"),
        ({"grid": {}}, "grid is empty: name at least one"),
        ({"grid": {"steps": []}}, "steps is an empty list: a sweep over nothing"),
        ({"grid": {"steps": 3}}, "steps must be a list of values"),
        ({"grid": {"steps": [1, 1]}}, "steps holds 1 twice"),
        ({"grid": {"steps": [1, 0]}}, "steps is 0, must be a whole number of steps"),
        ({"grid": {"steps": [True]}}, "steps is True, must be a whole number of steps"),
        ({"grid": {"steps": [[1]]}}, "steps holds '[1]', not a plain value"),
        ({"grid": {"chip.clock_mhz": [float("nan")]}}, "not finite"),
        ({"grid": {"chip.synapse_core.lanes_per_cycl": [1]}}, "did you mean 'synapse_core.lanes_per_cycle'?"),
        ({"grid": {"lanes_per_cycle": [1]}}, "'lanes_per_cycle' is no parameter: did you mean"),
        ({"grid": {"mapping.placment": ["metis"]}}, "did you mean 'mapping.placement'?"),
        ({"grid": {"mapping.placement": ["spiral"]}}, "mapping.placement is 'spiral'"),
        ({"grid": {"mapping.replicas": [0]}}, "mapping.replicas is 0"),
        ({"grid": {"conversion.n": [17]}}, "conversion.n is 17, must be a whole number of thresholds from 1 to 16"),
        ({"grid": {"conversion.threshold_factor": [-1]}}, "must be a factor from 0.001 to 1000"),
        ({"grid": {"conversion.p": [0.9]}}, "a graph file brings its thresholds"),
        ({"grid": {"conversion.factor.attn.x": [1.0]}}, "no kind of site 'attn.x'"),
        ({"grid": {"numeric": ["fp16"]}}, "numeric is 'fp16', must be one of float32, float64, int8"),
        ({"grid": {"chip": ["ecmt54"]}}, "did you mean 'ecmt45'?"),
        ({"grid": {"chip": [3]}}, "must be a chip's name or file"),
        ({"grid": {"v": {"a": {"steps": 1}, "b": {LANES: 2}}}}, "every variant must set the same parameters"),
        ({"grid": {"steps": {"a": {"steps": 1}}}}, "an axis of variants needs a name of its own"),
        ({"grid": {"latency_ms": {"a": {"steps": 1}}}}, "an axis of variants needs a name of its own"),
        ({"grid": {"v": {"a": {"stepz": 1}}}}, "study: v.a: 'stepz' is no parameter: did you mean 'steps'?"),
        ({"grid": {"v": {"a": {LANES: 1}}, LANES: [2]}}, f"{LANES} is set by 'v' and by"),
        ({"fixed": {"steps": 2}}, "steps is set by 'fixed' and by 'steps'"),
        ({"fixed": {"chip.mesh.widht": 2}}, "did you mean 'mesh.width'?"),
        ({"grid": {"steps": list(range(1, 400)), LANES: list(range(1, 400))}}, "the grid has 159,201 points, limit 100,000"),
        ({"objectives": ["latency"]}, "objective 'latency' is unknown: did you mean 'latency_ms'?"),
        ({"objectives": ["busiest_share"]}, "a figure without a better end"),
        ({"objectives": ["latency_ms", "latency_ms"]}, "named twice"),
        ({"objectives": []}, "objectives is empty"),
        ({"bounds": {"agrement": 0.9}}, "bound 'agrement' is unknown: did you mean 'agreement'?"),
        ({"bounds": {"agreement": float("inf")}}, "bounds.agreement"),
        ({"bounds": {"interval_ms": 1.0}}, "interval_ms cannot be a bound: one image alone"),
        ({"chip": "truenorth", "objectives": ["area_mm2"]}, "chip truenorth has no section area"),
        ({"schedule": {"images": 3}}, "schedule.images is 3, there are 2 images"),
        ({"grid": None, "search": {"parameters": {"steps": [1]}, "trials": 0}}, "search.trials is 0: must be at least 1"),
        ({"grid": None, "search": {"parameters": {"steps": {"low": 3, "high": 1}}, "trials": 1}}, "low is 3, above high 1"),
        ({"grid": None, "search": {"parameters": {"steps": {"low": 1}}, "trials": 1}}, "steps.high: field required"),
        ({"grid": None, "search": {"parameters": {"steps": {"low": 0, "high": 2}}, "trials": 1}}, "steps is 0, must be"),
        (
            {"grid": None, "search": {"parameters": {"chip.clock_mhz": {"low": 0.0, "high": 2.0, "log": True}}, "trials": 1}},
            "log needs low above 0",
        ),
        (
            {"grid": None, "search": {"parameters": {"steps": {"low": 1, "high": 4, "step": 0.5}}, "trials": 1}},
            "step is 0.5 between whole numbers",
        ),
        ({"grid": {"steps": [1]}, "search": {"parameters": {"steps": [1]}, "trials": 1}}, "give exactly one of grid"),
        (
            {"grid": None, "search": {"parameters": {"steps": [1, 2]}, "trials": 1, "first": [{"steps": 3}]}},
            "search.first[0]: steps is 3, must be one of 1, 2",
        ),
        (
            {"grid": None, "search": {"parameters": {"steps": [1, 2]}, "trials": 1, "first": [{"step": 1}]}},
            "'step' is no parameter of the search",
        ),
        (
            {"grid": None, "search": {"parameters": {"steps": {"low": 1, "high": 2}}, "trials": 1, "first": [{"steps": 3}]}},
            "steps is 3, must lie from 1 to 2",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(folder: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        context_of(plan_of(tiny(folder, **change)), folder / "out", begun=False)
    assert said in str(error.value)
    assert str(error.value).startswith(("study", "no chip", "conversion.factor"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("- a\n", "holds a list, not a mapping"),
        ("steps: 1\nsteps: 2\n", ":2: key 'steps' is given twice"),
        ("steps: [1\n", "not valid YAML"),
        ("1: 2\n", "key 1 is a int, not a name"),
        ("name: !!python/object:os.system x\n", "not valid YAML"),
        ("a: &a\n  b: *a\n", "nested deeper"),
        ("\x00", "not valid YAML"),
    ],
)
def test_files_that_are_no_study(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        plan_of(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such study file"):
        plan_of(tmp_path / "none.yaml")
    path = tmp_path / "study.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        plan_of(path)
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(InputError, match="limit 1,048,576"):
        plan_of(path)


def test_paths_are_relative_to_the_study(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (folder / "study.yaml").write_text(
        "model: {graph: tiny.spk}\nimages: {from: noise}\nchip: mine.yaml\ngrid: {steps: [1]}\nobjectives: [latency_ms]\n"
    )
    (folder / "mine.yaml").write_text("extends: ecmt45-mini\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    plan = plan_of(folder / "study.yaml")
    assert plan.chips["mine.yaml"].name == "mine" and plan.name == "study"
    assert Path(context_of(plan, tmp_path / "out", begun=False).model.file) == (folder / "tiny.spk").resolve()


def test_variants_and_fixed_parameters_reach_the_points(folder: Path) -> None:
    grid = {"size": {"small": {LANES: 1, "steps": 2}, "large": {LANES: 8, "steps": 3}}, "chip.clock_mhz": [100.0, 200.0]}
    plan = plan_of(tiny(folder, grid=grid, fixed={"chip.noc.flit_bits": 64}))
    context = context_of(plan, folder / "out", begun=False)
    points = list(grid_points(plan.axes, context.base))
    assert [point.number for point in points] == [0, 1, 2, 3]
    assert points[2].labels == {"size": "large", "chip.clock_mhz": 100.0}
    assert points[2].settings.steps == 3
    assert points[2].settings.changes == {"noc.flit_bits": 64, LANES.removeprefix("chip."): 8, "clock_mhz": 100.0}
    assert context.most_steps == 3 and not context.keep, "nothing that the mapper reads varies, so no spikes are kept"
    assert context.chip_of(points[2].settings).clock_mhz == 100.0


@pytest.mark.parametrize(("name", "points"), [("vit_tiny_200_chips", 200), ("node_and_voltage", 13)])
def test_the_shipped_study_is_sound(name: str, points: int) -> None:
    plan = plan_of(Path(__file__).parents[2] / "examples" / f"{name}.yaml")
    assert plan.planned == points and plan.objectives == ("latency_ms", "energy_static_pj", "area_mm2")
