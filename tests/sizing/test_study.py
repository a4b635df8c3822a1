"""Does a study of real schedules find what brute force finds, go on where it was stopped, and refuse what makes no sense?"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from synaptile.foundation.errors import ChipError, FileFormatError, InputError
from synaptile.foundation.options import WIDTH
from synaptile.hwmodels import load_chip, vary, with_host_ec
from synaptile.report.study_files import write_sizing
from synaptile.report.views.sizing import break_text, sizing_document
from synaptile.simulator import schedule
from synaptile.studies.sizing import evaluate as evaluation
from synaptile.studies.sizing import size
from synaptile.studies.sizing.answer import ChipOutcome, Target
from synaptile.studies.sizing.bases import Bases, Changes
from synaptile.studies.sizing.family import make_family
from synaptile.studies.sizing.request import knobs_of
from synaptile.studies.sizing.search import Search
from tests.sizing.studies import PARAMETERS, base, drawn

pytestmark = pytest.mark.slow  # whole studies, some beside brute force

NAMES = tuple(PARAMETERS)
TRIAL = evaluation.Trial(drawn(), "drawn", 2, None)


@cache
def scheduled() -> dict[tuple[int, ...], ChipOutcome]:
    """Every chip of the family, scheduled."""
    points = product(*(range(len(values)) for values in PARAMETERS.values()))
    return {
        point: evaluation.evaluate(TRIAL, Bases(base()), {n: PARAMETERS[n][at] for n, at in zip(NAMES, point, strict=True)})
        for point in points
    }


class Known:
    """Every chip is known already."""

    left = 10**6

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        return scheduled()[tuple(PARAMETERS[name].index(value) for name, value in changes.items())]


def smallest(target: Target) -> tuple[int, ...] | None:
    met = [(outcome.area_mm2, point) for point, outcome in scheduled().items() if target.met(outcome)]
    return min(met)[1] if met else None


def answer(target: Target) -> tuple[int, ...]:
    """What the search finds where every chip is known already."""
    family = make_family(Bases(base()), knobs_of(base(), PARAMETERS))
    found = Search(family, target, Known(), 0).run()
    assert found.exhaustive and found.outcome == scheduled()[found.index]
    return found.index


@pytest.mark.parametrize("figure", ["latency_ms", "images_per_second", "energy_mj"])
def test_the_answer_is_what_brute_force_over_schedules_finds_for_every_figure_that_any_chip_reaches(figure: str) -> None:
    reached = {getattr(outcome, figure) for outcome in scheduled().values() if outcome.fits}
    assert len(reached) > 40
    wrong = [value for value in reached if answer(Target(**{figure: value})) != smallest(Target(**{figure: value}))]
    assert not wrong


@pytest.mark.parametrize(
    "target",
    [Target(latency_ms=0.07, energy_mj=0.0026), Target(latency_ms=0.06, images_per_second=16_000, energy_mj=0.0024)],
    ids=str,
)
def test_and_for_several_at_once(target: Target) -> None:
    assert answer(target) == smallest(target)


def test_a_study_says_what_the_answer_does_what_breaks_and_what_more_brings() -> None:
    study = size(drawn(), base(), latency_ms=0.07, images=2, parameters=PARAMETERS)
    point = tuple(PARAMETERS[name].index(value) for name, value in study.answer.items())
    assert point == smallest(Target(latency_ms=0.07)) and study.outcome == scheduled()[point]
    chip = vary(base(), {p: value for name, value in study.answer.items() for p in name.split("+")})
    timeline = schedule(drawn(), chip, images=2)
    assert study.outcome.latency_cycles == timeline.latency_cycles
    for knob, broken in zip(study.knobs, study.breaks, strict=True):
        at = NAMES.index(knob.name)
        if point[at] == 0:
            assert broken.outcome is None
            continue
        lower = scheduled()[(*point[:at], point[at] - 1, *point[at + 1 :])]
        assert broken.outcome == lower and not Target(latency_ms=0.07).met(lower)
        shown = f"({lower.latency_ms:,.4g} ms)" if lower.fits else lower.why
        assert shown in break_text(broken, study.cost_unit)
    lanes = next(one for one in study.marginals if one.parameter == "synapse_core.lanes_per_cycle")
    more = schedule(drawn(), vary(chip, {lanes.parameter: lanes.to}), images=2)
    assert lanes.cycles_per_unit == (more.latency_cycles - timeline.latency_cycles) / (lanes.to - lanes.at)
    assert {one.parameter for one in study.marginals} >= {"noc.flit_bits", "ec_core.state_memory_kib", "mesh.width+mesh.height"}


def test_the_default_family_is_a_quarter_of_the_chip_up_to_it() -> None:
    knobs = {knob.name: knob.values for knob in knobs_of(load_chip("ecmt45"), None)}
    assert knobs["synapse_core.lanes_per_cycle"] == (8, 16, 24, 32)
    assert knobs["mesh.width+mesh.height"] == (6, 12, 18, 24)
    assert knobs["synapse_core.weight_memory_kib"] == (49, 98, 147, 196)
    assert "ec_core.multipliers_per_cycle" not in {knob.name for knob in knobs_of(load_chip("loihi"), None)}


def test_one_value_that_does_not_fit_names_the_resource() -> None:
    study = size(
        drawn(), base(), latency_ms=1.0, parameters={"mesh.width+mesh.height": [2, 3, 4], "synapse_core.lanes_per_cycle": [4]}
    )
    broken = study.breaks[0]
    assert broken.outcome is not None and not broken.outcome.fits and broken.outcome.binding == "mesh.max_chips"
    assert "does not suffice" in break_text(broken, study.cost_unit)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Points that were really evaluated."""
    points: list[dict[str, Any]] = []
    real = evaluation.evaluate

    def counting(activity: Any, chip: Any, changes: Any, *rest: Any) -> ChipOutcome:
        points.append(dict(changes))
        return real(activity, chip, changes, *rest)

    monkeypatch.setattr(evaluation, "evaluate", counting)
    return points


def test_a_study_that_was_killed_goes_on_to_the_same_end(tmp_path: Path, counted: list[dict[str, Any]]) -> None:
    options: dict[str, Any] = {"latency_ms": 0.07, "parameters": PARAMETERS}
    whole = size(drawn(), base(), **options)
    needed = len(counted)

    class Killed(BaseException):
        pass

    def kill(done: int, of: int) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        size(drawn(), base(), **options, directory=tmp_path, progress=kill)
    log = tmp_path / "points.jsonl"
    kept = log.read_text().count("\n")
    with log.open("a") as file:
        file.write('{"changes": {"mesh.wid')  # a line that was being written
    counted.clear()
    again = size(drawn(), base(), **options, directory=tmp_path)
    assert len(counted) == needed - kept
    assert again == whole
    counted.clear()
    assert size(drawn(), base(), **options, directory=tmp_path) == whole and not counted


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"latency_ms": 0.08}, "target was"),
        ({"parameters": {**PARAMETERS, "synapse_core.lanes_per_cycle": [1, 2]}}, "parameters was"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"images": 2}, "images was 1, now 2"),
        ({"synchronisation": "barrier"}, "synchronisation was None, now barrier"),
    ],
)
def test_a_changed_request_is_refused(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    begun: dict[str, Any] = {"latency_ms": 0.2, "parameters": PARAMETERS, "directory": tmp_path}
    size(drawn(), base(), **begun)
    with pytest.raises(InputError, match="holds a study with other settings") as caught:
        size(drawn(), base(), **{**begun, **changed})
    assert named in str(caught.value)


def test_another_chip_or_run_is_refused_and_more_evaluations_are_not(tmp_path: Path) -> None:
    options: dict[str, Any] = {"latency_ms": 0.2, "parameters": PARAMETERS, "directory": tmp_path}
    first = size(drawn(), base(), **options, max_evaluations=3)
    assert not first.exhaustive
    assert size(drawn(), base(), **options).exhaustive
    with pytest.raises(InputError, match="chip was"):
        size(drawn(), vary(base(), {"clock_mhz": 400.0}), **options)
    record = {site: replace(kept, events=kept.events[:, ::-1]) for site, kept in drawn().spikes.items()}
    with pytest.raises(InputError, match="spikes was"):
        size(replace(drawn(), spikes=record), base(), **options)


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    size(drawn(), base(), latency_ms=0.2, parameters=PARAMETERS, directory=tmp_path)
    log = tmp_path / "points.jsonl"
    log.write_text("{}\n" + log.read_text())
    with pytest.raises(FileFormatError, match=r"points\.jsonl:1: damaged"):
        size(drawn(), base(), latency_ms=0.2, parameters=PARAMETERS, directory=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_ms": None}, "no target: give at least one of latency_ms"),
        ({"latency_ms": 0}, "target latency_ms is 0"),
        ({"latency_ms": float("nan")}, "target latency_ms is nan"),
        ({"latency_ms": True}, "target latency_ms is True"),
        ({"latency_ms": "5"}, "target latency_ms is '5'"),
        ({"energy_mj": float("inf")}, "target energy_mj is inf"),
        ({"parameters": {}}, "no parameter may vary"),
        ({"parameters": {"synapse_core.lane_per_cycle": [1]}}, "did you mean 'synapse_core.lanes_per_cycle'"),
        ({"parameters": {"<script>": [1]}}, "has no parameter '<script>'"),
        ({"parameters": {"mesh.width+": [1]}}, "has no parameter ''"),
        ({"parameters": {"mesh.width": []}}, "are no values"),
        ({"parameters": {"mesh.width": "12"}}, "are no values"),
        ({"parameters": {"mesh.width": [0]}}, "value 0 must be a positive number"),
        ({"parameters": {"mesh.width": [float("nan")]}}, "value nan must be a positive number"),
        ({"parameters": {"mesh.width": [True]}}, "value True must be"),
        ({"parameters": {"mesh.width": [4.5]}}, "must be an integer"),
        ({"parameters": {"mesh.width": list(range(1, 70))}}, "69 values, at most 64"),
        ({"parameters": {"mesh.width": [4], "mesh.width+mesh.height": [4]}}, "mesh.width varies twice"),
        (
            {"parameters": {"synapse_core.weight_memory_kib": [4], "synapse_core.weight_memory_bits": [32768]}},
            "synapse_core.weight_memory_bits varies twice",
        ),
        ({"max_evaluations": 0}, "max_evaluations is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"images": 3}, "images is 3, the run recorded 2"),
        ({"synchronisation": "clocked"}, "synchronisation is 'clocked'"),
    ],
)
def test_requests_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"latency_ms": 0.2, "parameters": {"synapse_core.lanes_per_cycle": [2, 4]}, **options}
    with pytest.raises(InputError) as caught:
        size(drawn(), base(), **asked)
    assert message in str(caught.value)


def test_a_family_without_stated_area_is_measured_in_doublings() -> None:
    chip = replace(base(), area=None)
    study = size(drawn(), chip, latency_ms=0.4, parameters={"synapse_core.lanes_per_cycle": [2, 4], "clock_mhz": [250.0, 500.0]})
    assert study.cost_unit == "doublings above the smallest values" and study.outcome.area_mm2 is None
    assert study.answer == {"synapse_core.lanes_per_cycle": 2, "clock_mhz": 250.0}


def test_every_output_of_a_synthetic_study_says_so(tmp_path: Path) -> None:
    hostile = vary(with_name(), {"synapse_core.lanes_per_cycle": 4})
    study = size(drawn(), hostile, latency_ms=0.2, parameters={"synapse_core.lanes_per_cycle": [2, 4]})
    assert "SYNTHETIC" in sizing_document(study).warnings[0] and "SYNTHETIC" in study._repr_html_()
    with (console := Console(width=WIDTH)).capture() as shown:
        console.print(study)
    assert "SYNTHETIC" in shown.get()
    document, text, png, svg = write_sizing(study, tmp_path)
    assert "SYNTHETIC" in text.read_text()
    assert json.loads(document.read_text())["synthetic"][0].startswith("SYNTHETIC ACTIVITY")
    assert png.stat().st_size > 10_000 and svg.read_text().startswith("<?xml")


def with_name() -> Any:
    """A chip whose name would be markup."""
    return replace(base(), name="a-b.c+d_e")


def test_virtual_ec_cores_can_be_sized() -> None:
    chip = with_host_ec(load_chip("truenorth"))
    knobs = knobs_of(chip, {"ec_core.multipliers_per_cycle": [2, 4]})
    assert knobs[0].values == (2, 4)


def test_a_parameter_the_chip_lacks_is_refused() -> None:
    with pytest.raises(ChipError):
        size(drawn(), load_chip("loihi"), latency_ms=1.0, parameters={"ec_core.multipliers_per_cycle": [2, 4]})
