"""Does an image leave when it is sure, by a bound from other images, and is it billed for the steps that it ran?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.energy import price
from synaptile.foundation.errors import InputError
from synaptile.hwmodels.sections import Dataflow, Registers
from synaptile.mapper import map_graph
from synaptile.report.stopping import stopping_table
from synaptile.simulator import execute
from synaptile.studies.stopping import MEASURES, StoppingRule, calibrate_stopping, sureness
from tests.differential.networks import differential_vit
from tests.simulator.runs import CHIPS, some_images


def test_sureness_by_hand() -> None:
    logits = np.log(np.array([[[0.7, 0.2, 0.1]], [[1.0, 1e-9, 1e-9]]]))
    np.testing.assert_allclose(sureness(logits, "margin")[:, 0], [0.5, 1.0], atol=1e-8)
    entropy = 0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1)
    np.testing.assert_allclose(sureness(logits, "entropy")[:, 0], [entropy, 0.0], atol=1e-6)
    assert sureness(np.array([[[1e4, -1e4]]]), "entropy")[0, 0] == 0


@given(seed=st.integers(0, 1000), loss=st.floats(0, 0.5), measure=st.sampled_from(MEASURES))
def test_a_bound_keeps_what_it_promises_on_its_own_images(seed: int, loss: float, measure: str) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, 4, 30)
    growing = np.arange(1, 7)[:, None, None] * np.eye(4)[answers]
    logits = growing + rng.standard_normal((6, 30, 4))
    rule = calibrate_stopping(logits, answers, measure, loss)  # type: ignore[arg-type]
    left = rule.exit_steps(logits)
    right = logits.argmax(axis=2) == answers
    kept = right[left - 1, np.arange(30)].mean()
    assert kept >= right[-1].mean() - loss - 1e-9 and left.min() >= 1 and left.max() <= 6
    strict = calibrate_stopping(logits, answers, measure, 0.0)  # type: ignore[arg-type]
    assert strict.bound >= rule.bound and (strict.exit_steps(logits) >= left).all()


def test_an_image_is_billed_for_its_own_steps() -> None:
    graph = differential_vit(1)
    activity = execute(map_graph(graph, CHIPS["roomy"](), anneal_moves=0), some_images(graph, 4).astype(np.float64), 3, "float64")
    report = price(activity, activity.program.chip)
    bound = float(np.median(sureness(activity.logits[:1], "margin")))
    rule = StoppingRule("margin", bound, 3)
    left = rule.exit_steps(activity.logits)
    assert set(left.tolist()) > {1}
    sheet = stopping_table(report, rule, activity.logits[-1], np.zeros(4, np.int64))
    mean = 1e-9 * report.comparison(report.top).snn_pj[left - 1].mean()
    assert [row[1] for row in sheet.rows] == ["3.00", f"{round(left.mean()):.2f}", f"{left.mean():.2f}"]
    assert sheet.rows[2][4] == f"{mean:.4g}" and sheet.rows[0][2] == "100.0 %"
    with pytest.raises(InputError, match="calibrated over 3 steps, the run has 2"):
        rule.exit_steps(activity.logits[:2])


def test_a_machine_that_does_all_steps_of_a_layer_first_cannot_stop_an_image() -> None:
    graph = differential_vit(1)
    flow, registers = Dataflow("layer_major", 2, 3, "registers", 3), Registers(words=12, update_pj=0.1, um2_per_bit=5.0)
    chip = CHIPS["roomy"]()
    assert chip.ec_core is not None
    synapse = replace(chip.synapse_core, dataflow=flow, registers=registers)
    chip = replace(chip, synapse_core=synapse, ec_core=replace(chip.ec_core, dataflow=flow, registers=registers))
    activity = execute(map_graph(graph, chip, anneal_moves=0), some_images(graph, 2), 3, "float32")
    with pytest.raises(InputError, match=r"works layer-major.* no logits are known in time to stop"):
        stopping_table(price(activity, activity.program.chip), StoppingRule("margin", 0.5, 3), activity.logits[-1])


@pytest.mark.parametrize(
    ("measure", "shape", "loss", "message"),
    [
        ("variance", (2, 3, 4), None, "measure 'variance' does not exist; measures are margin, entropy"),
        ("margin", (2, 3, 1), None, "no two classes"),
        ("margin", (2, 3, 4), 1.5, "loss is 1.5"),
    ],
)
def test_what_cannot_be_calibrated(measure: str, shape: tuple[int, ...], loss: float | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibrate_stopping(np.zeros(shape), np.zeros(shape[1], int), measure, loss)  # type: ignore[arg-type]


def test_the_command_compares_runs_and_refuses_its_own_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from synaptile.studies.rundir import Run, save_run
    from tests.spikezip.test_front_door import command

    graph = differential_vit(1)
    program = map_graph(graph, CHIPS["roomy"](), anneal_moves=0)
    for name, seed in (("reported", 1), ("other", 2)):
        activity = execute(program, some_images(graph, 4, seed=seed).astype(np.float64), 3, "float64")
        files = tuple(f"{name}-{i}.png" for i in range(4))
        save_run(Run(activity, np.array([0, 1, 2, 0]), activity.logits[-1], files), tmp_path / name)
    reported, other = tmp_path / "reported", tmp_path / "other"
    assert command(monkeypatch, "methods", reported, "--calibrate", other, "--with-schedule", "--agreement", 0.5) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "differential" in shown and "Stopping in time" in shown
    assert command(monkeypatch, "methods", reported, "--calibrate", reported) == 2
    assert "calibrate on others" in " ".join(capsys.readouterr().err.split())
    assert command(monkeypatch, "methods", reported, other) == 2
    assert "different images" in " ".join(capsys.readouterr().err.split())
