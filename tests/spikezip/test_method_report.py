"""Do the table and the figure put two methods side by side at equal agreement?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.energy import price
from synaptile.foundation.errors import InputError
from synaptile.mapper import map_graph
from synaptile.report import MethodRun, method_figure, method_steps_table, method_table
from synaptile.report.methods import settling_notes
from synaptile.simulator import execute, schedule
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, some_images
from tests.spikezip.networks import images_of, small_qann

STEPS = 50


@pytest.fixture(scope="module")
def runs() -> list[MethodRun]:
    spikezip = small_qann()
    lowered = vit_graph(2, 5, 8, 2, 16, 3, dtype=np.float64)
    images, labels = images_of(spikezip, 6), np.array([0, 1, 2, 0, 1, 2])
    found = []
    for name, graph in (
        ("ECMT", calibrate(lowered, some_images(lowered, 16, seed=1).astype(np.float64))),
        ("SpikeZIP", spikezip),
    ):
        activity = execute(map_graph(graph, CHIPS["roomy"](), anneal_moves=50), images, STEPS, "float64")
        found.append(MethodRun(name, price(activity, activity.program.chip), ann_forward(graph, images), labels))
    return found


def printed(table: object) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_step_of_an_agreement_holds_to_the_end(runs: list[MethodRun]) -> None:
    for run in runs:
        agreement = run.agreement()
        assert agreement is not None
        for wanted in (0.5, 1.0):
            step = run.step_of(wanted)
            if step is None:
                assert agreement[-1] < wanted
            else:
                assert (agreement[step - 1 :] >= wanted).all() and (step == 1 or agreement[step - 2] < wanted)
    assert runs[1].step_of(1.0) is not None  # the settled network answers as its QANN


def test_the_table_shows_every_rung_at_that_step(runs: list[MethodRun]) -> None:
    text = printed(method_table(runs, 1.0))
    spikezip = runs[1]
    step = spikezip.step_of(1.0)
    assert step is not None
    lines = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.split()}
    assert lines["steps"] == str(step) and ["ECMT", "SpikeZIP"] in [line.split() for line in text.splitlines()]
    for rung in spikezip.report.comparisons:
        assert lines[rung] == f"{spikezip.report.ratio(rung, step=step):.3g}"


def test_a_method_that_never_agrees_says_so(runs: list[MethodRun]) -> None:
    wrong = np.eye(3)[(runs[1].report.activity.logits[-1].argmax(axis=1) + 1) % 3]
    lines = printed(method_table([MethodRun("other", runs[1].report, wrong)], 0.9)).splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert cells["steps"] == [f">{STEPS}"] and cells["agrees"] == ["0.0", "%"]


def test_steps_side_by_side(runs: list[MethodRun]) -> None:
    text = printed(method_steps_table(runs, "executed", (1, STEPS, STEPS + 1)))
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.split()}
    expected = [f"at {run.report.ratio('executed', step=STEPS):.3g}" for run in runs]
    assert all(part in lines[str(STEPS)] for part in expected) and "Answers right" in text
    assert lines["steps"] == "ECMT SpikeZIP" and lines[str(STEPS + 1)] == "- -"


def test_the_figure_is_drawn_the_same_twice(runs: list[MethodRun], tmp_path: Path) -> None:
    first, second = method_figure(runs, tmp_path / "a"), method_figure(runs, tmp_path / "b")
    assert all(path.stat().st_size > 10_000 for path in first)
    assert first[1].read_bytes() == second[1].read_bytes()
    drawn = first[1].read_text()
    assert "<!-- ECMT: as its dense network -->" in drawn and "<!-- SpikeZIP: right -->" in drawn


def test_a_network_without_a_dense_one_shows_all_its_steps(runs: list[MethodRun], tmp_path: Path) -> None:
    trained = MethodRun("trained", runs[0].report, np.zeros((6, 0)), runs[0].labels)
    assert trained.agreement() is None and trained.step_of(0.99) == STEPS
    text = printed(method_table([runs[0], trained], 0.5))
    cells = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.split()}
    assert cells["steps"] == str(STEPS) and cells["agrees"] == cells["dense"] == "-"
    assert cells["executed"] == f"{trained.report.ratio('executed', step=STEPS):.3g}"
    drawn = method_figure([*runs, trained], tmp_path / "three")[1].read_text()
    assert "<!-- trained: right -->" in drawn and "<!-- trained: as its dense network -->" not in drawn


def test_embeddings_agree_by_their_cosine(runs: list[MethodRun]) -> None:
    logits = runs[0].report.activity.logits
    embedded = MethodRun("text", runs[0].report, 3.0 * logits[-1], embeds=True)
    agreement = embedded.agreement()
    assert agreement is not None
    for step in (1, STEPS):
        norms = np.linalg.norm(logits[step - 1], axis=1) * np.linalg.norm(logits[-1], axis=1)
        expected = np.mean([a @ b / n if n else 0.0 for a, b, n in zip(logits[step - 1], logits[-1], norms, strict=True)])
        assert agreement[step - 1] == pytest.approx(expected, abs=1e-12)
    assert "mean cosine of 0.9" in (text := printed(method_table([embedded], 0.9))) and "%" not in text.splitlines()[3]


def test_a_run_says_when_it_settled(runs: list[MethodRun]) -> None:
    ecmt, spikezip = (run.report.activity for run in runs)
    assert settling_notes(ecmt) == () and spikezip.settled is not None
    low, high = spikezip.settled.min(), spikezip.settled.max()
    assert settling_notes(spikezip) == (f"6 of 6 images settled, at steps {low} to {high} (mean {spikezip.settled.mean():.1f}).",)
    cut = dataclasses.replace(spikezip, settled=np.array([0, 7, 0, 9, 9, 7]))
    assert "4 of 6 images settled, at steps 7 to 9 (mean 8.0); 2 still moved at step 50" in settling_notes(cut)[0]
    assert "settled" not in settling_notes(dataclasses.replace(spikezip, settled=np.zeros(6, np.int64)))[0]


def test_what_cannot_be_compared(runs: list[MethodRun]) -> None:
    with pytest.raises(InputError, match="no runs"):
        method_table([])
    with pytest.raises(InputError, match="limit 6"):
        method_figure(runs * 4, "nowhere")
    with pytest.raises(InputError, match="agreement is 0"):
        method_table(runs, 0.0)
    with pytest.raises(InputError, match="rung 'static' is not in every report"):
        method_steps_table(runs, "static", (1,))
    activity = runs[1].report.activity
    chip = activity.program.chip
    whole = MethodRun("scheduled", price(activity, chip, timeline=schedule(activity, chip, images=1)), runs[1].answers)
    with pytest.raises(InputError, match="reach different rungs"):
        method_table([runs[0], whole])
