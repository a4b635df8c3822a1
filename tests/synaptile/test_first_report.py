"""What an architect reads first: of the highest rung, streamed where it is called throughput, never worse than before?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from synaptile.energy import price
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip, vary
from synaptile.hwmodels.area import tile_area_mm2
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.pipeline import schedule_run
from synaptile.report.comparison import Side, compare_runs
from synaptile.report.equal import agreement_per_step, equal_answers
from synaptile.report.views.energy import heaviest_table, hottest_cores_table, utilisation_table
from synaptile.report.views.run import equal_table, run_document, table1
from synaptile.report.views.timeline import schedule_table
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.rebase import rebased
from synaptile.studies.rundir import Run, load_run, save_run
from tests.energy.hand_made import activity as hand_made
from tests.synaptile.conftest import Command
from tests.synaptile.models import small_digits_graph

STEPS = 3


@pytest.fixture(scope="module")
def run() -> Run:
    """Five digits without labels on the small chip, spikes of all kept."""
    from synaptile.studies.answers import ann_logits

    graph, chosen = small_digits_graph(), digits("test", 5).images
    done = execute(map_graph(graph, load_chip("ecmt45-mini"), placement="row_major"), chosen, STEPS, keep_spikes=5)
    return Run(done, np.full(5, -1, np.int64), ann_logits(graph, chosen))


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    save_run(run, tmp_path / "out")
    return tmp_path / "out"


def flat(text: str) -> str:
    return " ".join(text.split())


def test_heaviest_lines_and_cores_are_those_of_the_highest_rung_and_say_so(run: Run) -> None:
    timeline = schedule(run.activity, images=3)
    for bill in (price(run.activity, "ecmt45-mini"), price(run.activity, "ecmt45-mini", timeline=timeline)):
        lines = bill.comparison(bill.top).snn.merged_over_cores().lines(through=STEPS)
        most = max(lines, key=lambda line: line.energy_pj or 0.0)
        assert bill.heaviest(1)[0] == most and "memory" not in bill.heaviest(1, accounting="executed")[0].role
        assert bill.heaviest(1)[0].energy_pj > bill.heaviest(1, accounting="executed")[0].energy_pj  # type: ignore[operator]
        on_cores = {piece.name: piece.snn_pj for piece in bill.split("core")}
        for core in bill.cores:
            assert core.energy_pj == pytest.approx(on_cores[str(core.core)], rel=1e-12) and core.rung == bill.top
        for table in (heaviest_table(bill), hottest_cores_table(bill), utilisation_table(bill)):
            assert f"up to rung {bill.top}" in table.title
    assert [bill.top for bill in (price(run.activity, "ecmt45-mini"),)] == ["noc"]


def test_the_hottest_core_is_ranked_by_energy_and_by_density(run: Run) -> None:
    chip, timeline = load_chip("ecmt45-mini"), schedule(run.activity, images=3)
    bill, tile = price(run.activity, chip, timeline=timeline), tile_area_mm2(chip)
    areas = {"synapse": tile.synapse_sram + tile.synapse_logic, "ec": tile.ec_sram + tile.ec_logic}
    seconds = timeline.interval_cycles / (chip.clock_mhz * 1e6)
    for core in bill.cores:
        assert core.area_mm2 == areas[core.kind]
        assert core.w_per_mm2 == pytest.approx(core.energy_pj * 1e-12 / seconds / areas[core.kind], rel=1e-12)
    rows = hottest_cores_table(bill, 1).rows
    energy, dense = max(bill.cores, key=lambda c: c.energy_pj), max(bill.cores, key=lambda c: c.energy_pj / areas[c.kind])
    assert [row[:2] for row in rows] == [("energy", f"{energy.core} {energy.kind}"), ("W/mm2", f"{dense.core} {dense.kind}")]
    bare = vary(chip, {"clock_mhz": 100.0})
    assert all(core.w_per_mm2 is None for core in price(run.activity, bare).cores), "without a schedule there is no power"


@pytest.mark.slow
def test_agreement_with_the_ann_needs_no_labels(run: Run, folder: Path, synaptile: Command) -> None:
    same = [
        float(np.mean([run.activity.logits[t, i].argmax() == run.ann_logits[i].argmax() for i in range(5)])) for t in range(STEPS)
    ]
    agreement = agreement_per_step(run.activity, run.ann_logits)
    assert agreement is not None and agreement.tolist() == same
    html = folder.parent / "page.html"
    outcome = synaptile("report", folder, "--html", html)
    assert outcome.code == 0, outcome.err
    assert re.search(r"as the ANN \(%\) +100", outcome.out) and "SNN / ANN at equal answers" in outcome.out
    assert "at equal answers" in (folder / "energy.md").read_text()
    document = json.loads((folder / "energy.json").read_text())
    assert [one["measure"] for one in document["equal_answers"]] == ["agreement"]
    assert f'"agreement": {json.dumps(same)}' in html.read_text() or json.dumps(same, separators=(",", ":")) in html.read_text()


@settings(max_examples=60, deadline=None)
@given(right=some.lists(some.lists(some.booleans(), min_size=3, max_size=3), min_size=1, max_size=1))
def test_the_step_of_equal_answers_is_the_first_from_which_it_stays(right: list[list[bool]]) -> None:
    bill = price(with_answers(right[0]), "ecmt45")
    labels, ann = np.zeros(2, np.int64), np.array([[1.0, 0.0]] * 2)
    wanted = next((step for step in range(1, 4) if all(right[0][step - 1 :])), None)
    found = equal_answers(bill, labels, ann_accuracy=1.0, ann_logits=ann)
    assert [one.measure for one in found] == ["accuracy", "agreement"] and [one.step for one in found] == [wanted] * 2
    for one in found:
        assert one.ratios == ({} if wanted is None else {name: bill.ratio(name, step=wanted) for name in bill.comparisons})
    text = [str(row[1]) for row in equal_table(bill, found).rows]
    assert text == ([f"T={wanted}"] * 2 if wanted else [text[0]] * 2) and ("not by T=3" in text[0]) == (wanted is None)


def with_answers(right: list[bool]) -> Activity:
    from dataclasses import replace

    one = hand_made()
    logits = np.array([[[1.0, 0.0]] * 2 if good else [[0.0, 1.0]] * 2 for good in right])
    step = [0] * len(right)
    return replace(
        one,
        steps=len(right),
        logits=logits,
        operations=replace(one.operations, count=one.operations.count[:, step]),
        accounting=replace(one.accounting, eq30=one.accounting.eq30[:, step], released=one.accounting.released[:, step]),
        spikes={
            site: replace(record, events=record.events[step], histogram=record.histogram[step], masks=None)
            for site, record in one.spikes.items()
        },
    )


def test_answers_of_other_images_are_refused(run: Run) -> None:
    with pytest.raises(InputError, match="the ANN's logits have shape"):
        agreement_per_step(run.activity, run.ann_logits[:2])
    assert agreement_per_step(run.activity, None) is None
    assert table1(price(run.activity, "ecmt45-mini")).rows[0][0] == "ratio eq30"


@pytest.mark.slow
def test_one_image_alone_has_a_latency_and_no_throughput(
    run: Run, synaptile: Command, digits_program: Path, tmp_path: Path
) -> None:
    alone = schedule(run.activity)
    assert alone.images_per_second is None
    assert flat(str(schedule_table(alone).rows)).count("not streamed") == 1
    out = tmp_path / "out"
    outcome = synaptile("run", digits_program, "--images", "digits", "--limit", 5, "-T", 2, "--with-schedule", "-o", out)
    assert outcome.code == 0, outcome.err
    document = json.loads((out / "schedule.json").read_text())
    assert document["images"] == 4 and re.search(r"throughput +[\d,.]+ images/s", outcome.out)
    last = [ends[-1] for ends in document["step_end_cycles"]]
    assert document["interval_cycles"] == (last[-1] - last[0]) / 3
    refused = synaptile("run", digits_program, "--images", "digits", "--limit", 1, "-T", 1, "-o", out)
    assert refused.code != 0 and "holds a run already" in flat(refused.err)
    (out / "int8").mkdir()
    (out / "int8" / "energy.json").write_text("{}")
    again = ("run", digits_program, "--images", "digits", "--limit", 1, "-T", 1, "--with-schedule", "--overwrite", "-o", out)
    outcome = synaptile(*again)
    assert outcome.code == 0, outcome.err
    assert "not streamed: one image alone" in flat(outcome.out) and not (out / "int8" / "energy.json").exists()
    assert json.loads((out / "schedule.json").read_text())["images_per_second"] is None


def test_the_images_of_a_load_share_it(run: Run) -> None:
    """A chip that loads weights once for several images does not begin the next load before they are done."""
    chip = vary(load_chip("ecmt45-edge"), {"images_per_load": 2, "mesh.width": 1})
    moved = rebased(run.activity, map_graph(run.activity.program.graph, chip, placement="row_major"))
    assert schedule(moved).images_per_second is None
    one, two = schedule(moved, images=2), schedule(moved, images=4)
    assert one.interval_cycles == one.makespan_cycles / 2
    ends = two.step_end_cycles[:, -1]
    assert two.interval_cycles == (ends[3] - ends[1]) / 2 > ends[3] - ends[2], "the last of a load follow one another closely"


@pytest.mark.slow
def test_a_report_keeps_the_rungs_of_the_schedule_beside_it(folder: Path, synaptile: Command) -> None:
    assert synaptile("schedule", folder, "--images", 3).code == 0
    before = json.loads((folder / "energy.json").read_text())
    outcome = synaptile("report", folder)
    assert outcome.code == 0, outcome.err
    after = json.loads((folder / "energy.json").read_text())
    assert [rung["name"] for rung in after["ladder"]][-1] == "static" and after["ladder"] == before["ladder"]


@pytest.mark.slow
def test_another_chips_schedule_is_reported_of_that_chip_and_compared(folder: Path, synaptile: Command, run: Run) -> None:
    chip = folder.parent / "own.yaml"
    chip.write_text(
        "name: own\nextends: ecmt45-mini\ndescription: twice the lanes, small weight memories\n"
        "synapse_core:\n  lanes_per_cycle: {value: 8, assumed: for a test}\n"
        "  weight_memory_bits: {value: 65536, assumed: for a test}\n  weight_bank_bits: {value: 32768, assumed: for a test}\n"
    )
    outcome = synaptile("schedule", folder, "--chip", chip, "--images", 2)
    assert outcome.code == 0, outcome.err
    own = load_chip(chip)
    placed = rebased(run.activity, map_graph(run.activity.program.graph, own, placement="row_major"))
    cores = len(placed.program.cores.kind)
    assert f"Use of the {cores} cores on own" in outcome.out and "cores on ecmt45-mini" not in outcome.out
    assert "mapped and counted anew" in flat(outcome.out)
    written = json.loads((folder / "own" / "energy.json").read_text())
    bill = price(placed, own, timeline=schedule(placed, images=2))
    assert {rung["name"]: rung["snn_pj"] for rung in written["ladder"]} == {rung.name: rung.snn_pj for rung in bill.ladder()}
    outcome = synaptile("compare", folder, folder / "own", "--with-schedule")
    assert outcome.code == 0, outcome.err
    base = schedule_run(run, None, None, None)
    parts = compare_runs(Side(price(run.activity, base.program.chip, timeline=base)), Side(bill))
    latencies = next(change for part in parts for change in part.changes if change.what == "latency, all steps")
    assert f"{latencies.a}" in outcome.out and f"{latencies.b}" in outcome.out and "energy static" in outcome.out


def test_a_board_of_several_chips_is_said(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    chip = tmp_path / "small.yaml"
    chip.write_text(
        "name: small\nextends: ecmt45-mini\ndescription: half the tiles\nmesh:\n  width: {value: 4, assumed: for a test}\n"
    )
    outcome = synaptile("map", digits_graph, "--chip", chip, "-o", tmp_path / "small.map")
    assert outcome.code == 0 and "takes 2 chips of small: one alone does not hold it" in flat(outcome.out)
    outcome = synaptile("map", digits_graph, "--chip", "ecmt45-mini", "-o", tmp_path / "one.map")
    assert outcome.code == 0 and "does not hold it" not in flat(outcome.out)


def test_the_document_begins_with_what_counts(run: Run) -> None:
    titles = [sheet.title for sheet in run_document(price(run.activity, "ecmt45-mini"), ann_logits=run.ann_logits).sheets]
    assert titles[1].startswith("SNN / ANN at equal answers") and titles[2].startswith("Energy ladder")


def test_a_run_is_read_back_whole(folder: Path) -> None:
    assert load_run(folder).ann_logits.shape == (5, 10)
