"""Does a page hold the report's figures, whole and equal, and nothing that could run or fetch?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from synaptile.energy import HOROWITZ, kind_of, price
from synaptile.energy.breakdown import KEYS
from synaptile.energy.rungs import NO_SCHEDULE
from synaptile.report import report_json
from synaptile.report.page import page_text, write_page
from synaptile.report.page.schedule_view import bins_document
from synaptile.report.trace import aggregate
from synaptile.simulator import schedule
from tests.mapper.chips import small_chip
from tests.page.pages import ANN_ACCURACY, LABELS, NAME, STEPS, activity, page, parts_of, report
from tests.schedule.test_phases import phased

COLUMN = {"node": 0, "kind": 1, "layer": 2}


@pytest.fixture(scope="module")
def text() -> str:
    return page(report())


def test_the_policy_admits_our_script_and_style_alone(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        body = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(body) == 1
        digest = base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in allowed
    assert allowed.startswith("default-src 'none'")


def test_nothing_is_fetched(text: str) -> None:
    markup = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    assert not re.search(r"<[^>]*\b(src|href|action)\s*=", markup)
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None and "url(" not in style[1] and "@import" not in style[1]


def test_a_planted_script_stays_text(text: str) -> None:
    assert text.count("<script") == 3 and "<img" not in text
    assert "window.planted" in text
    assert parts_of(text)[0]["graph"]["name"] == NAME


def test_accountings_are_those_of_the_json(text: str) -> None:
    written = json.loads(report_json(report()))["accountings"]
    shown = {one["name"]: one for one in parts_of(text)[0]["accountings"]}
    assert list(shown) == list(written)
    for name, one in shown.items():
        for figure in ("ratio", "snn_pj", "ann_pj", "title"):
            assert one[figure] == written[name][figure], (name, figure)


def test_accuracy_and_fit(text: str) -> None:
    small, _ = parts_of(text)
    run = activity()
    assert small["accuracy"]["snn"] == [float((run.logits[t].argmax(axis=1) == LABELS).mean()) for t in range(STEPS)]
    assert small["accuracy"]["ann"] == ANN_ACCURACY
    fit = small["fit"]
    assert sum(kind["used"] for kind in fit["kinds"]) == len(run.program.cores.kind)
    assert all(0 < one["used"] <= one["limit"] for one in fit["fullest"])
    shares = [one["used"] / one["limit"] for one in fit["fullest"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("key", ["kind", "layer", "node"])
@pytest.mark.parametrize("step", [1, STEPS])
def test_lines_sum_to_every_group_of_every_rung(text: str, key: str, step: int) -> None:
    bill, audit = report(), parts_of(text)[1]["audit"]
    assert key in KEYS
    for name in bill.comparisons:
        order = ["executed", *bill.additions]
        bills = order[: order.index(name) + 1] if name in order else [name]
        found: dict[str, list[float]] = {}
        for at, side in enumerate(("snn", "ann")):
            for one in bills:
                columns = audit[side][one]
                for node, priced, count in zip(columns["node"], columns["price"], columns["count"], strict=True):
                    price_ = audit["prices"][priced]
                    sides = found.setdefault(audit["nodes"][node][COLUMN[key]], [0.0, 0.0])
                    sides[at] += sum(count[:step]) * price_["pj"] / price_["images"]
        for group in bill.by(key, accounting=name, step=step):
            assert found.pop(group.name) == pytest.approx([group.snn_pj, group.ann_pj], rel=1e-12), (name, group.name)
        assert not any(any(rest) for rest in found.values())


def test_cores_equal_the_reports(text: str) -> None:
    bill, large = report(), parts_of(text)[1]
    cores = large["cores"]
    executed = {piece.name: piece.snn_pj for piece in bill.split("core", accounting="executed")}
    for core in bill.cores:
        at = core.core
        assert (cores["x"][at], cores["y"][at], cores["slot"][at]) == (core.x, core.y, core.slot)
        assert cores["ops"][at] == core.ops
        assert cores["top_pj"][at] == pytest.approx(core.energy_pj, rel=1e-6)
        assert cores["energy_pj"][at] == pytest.approx(executed.get(str(at), 0.0), rel=1e-6)
    pieces = {piece.name: piece.snn_pj for piece in bill.split("core")}
    for at, energy in enumerate(cores["top_pj"]):
        assert energy == pytest.approx(pieces.get(str(at), 0.0), rel=1e-6)
    assert sorted(large["parts"]["core"]) == large["parts"]["core"]
    assert len(large["parts"]["core"]) == len(bill.activity.program.parts.core)


def test_lines_of_a_core_are_its_heaviest(text: str) -> None:
    bill, lines = report(), parts_of(text)[1]["core_lines"]
    energy = np.array(lines["count"]) * np.array(lines["pj"]) / np.array(lines["images"])
    names = (*bill.activity.program.node_names, "(chip)")
    for core in range(len(bill.cores)):
        own = [line for one in (bill.comparisons["executed"], *bill.additions.values()) for line in one.snn.lines(core=core)]
        own.sort(key=lambda line: -(line.energy_pj or 0.0))
        rows = [row for row, number in enumerate(lines["core"]) if number == core]
        assert lines["lines"][core] == len(own)
        assert len(rows) == min(8, len(own))
        for row, line in zip(rows, own, strict=False):
            assert energy[row] == pytest.approx(line.energy_pj)
        keys = {(line.node, line.role, line.op, line.count) for line in own}
        for row in rows:
            key = (
                names[lines["node"][row]],
                lines["roles"][lines["role"][row]],
                lines["ops"][lines["op"][row]],
                lines["count"][row],
            )
            assert key in keys


def test_cycles_and_links(text: str) -> None:
    small, large = parts_of(text)
    timeline = report().timeline
    assert timeline is not None
    cycles, makespan = large["cores"]["cycles"], timeline.makespan_cycles
    sums = np.sum([cycles[name] for name in ("busy", "stalled_input", "stalled_network", "idle")], axis=0)
    assert (sums == makespan).all()
    assert small["schedule"]["latency_cycles"] == timeline.latency_cycles
    assert sum(large["links"]["flits"]) == int(timeline.links.flits[timeline.links.kind == 0].sum())


def test_bins_hold_the_cycles_and_the_work_of_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "MOST_BINS", 7)  # wide enough that shares are not whole percents
    timeline = report().timeline
    assert timeline is not None
    bins, program, jobs = bins_document(timeline), timeline.program, timeline.jobs
    edges = np.array(bins["edges"])
    spans = np.diff(edges)
    for name in ("busy", "stalled_input", "stalled_network"):
        shares, cycles = np.array(bins[name]), getattr(timeline.cores, name)
        assert shares.min() >= 0 and shares.max() <= 100
        lower, upper = (np.maximum(shares - 1, 0) * spans / 100).sum(axis=1), (shares * spans / 100).sum(axis=1)
        assert (cycles <= upper + 1e-9).all() and (cycles >= lower - 1e-9).all()
    for core in range(len(program.cores.kind)):
        for at, (begin, end) in enumerate(pairwise(edges)):
            spent: Counter[str] = Counter()
            for job in np.flatnonzero(jobs.core == core):
                overlap = min(jobs.end_cycles[job], end) - max(jobs.start_cycles[job], begin)
                if overlap > 0:
                    spent[kind_of(program.graph.nodes[program.node_names[program.parts.node[jobs.part[job]]]])] += int(overlap)
            found = bins["work"][core][at]
            if not spent:
                assert found == -1
            else:
                assert spent[bins["kinds"][found]] == max(spent.values())


def test_spikes(text: str) -> None:
    spikes = parts_of(text)[1]["spikes"]
    assert [site["name"] for site in spikes["sites"]] == list(activity().spikes)
    for site in spikes["sites"]:
        assert np.array_equal(site["histogram"], activity().spikes[site["name"]].histogram)


def test_a_run_without_schedule_says_so() -> None:
    small, large = parts_of(page(report(scheduled=False)))
    assert small["schedule"] is None and large["bins"] is None and large["links"] is None
    assert small["missing"]["static"] == NO_SCHEDULE
    assert large["cores"]["cycles"] is None and large["cores"]["top_pj"]


def test_a_remapped_schedule_shows_its_own_cores() -> None:
    run = activity()
    other = replace(small_chip(), name="other")
    timeline = schedule(run, other, images=1)
    assert timeline.remapped
    small, large = parts_of(page(price(run, other, timeline=timeline)))
    assert small["mesh"]["remapped"] and small["mesh"]["cores"] == len(timeline.program.cores.kind)
    assert large["cores"]["energy_pj"] is None and large["core_lines"] is None
    assert len(large["cores"]["kind"]) == len(timeline.program.cores.kind)


def test_an_unpriced_operation_leaves_no_ratio() -> None:
    table = replace(HOROWITZ, expansions={op: terms for op, terms in HOROWITZ.expansions.items() if op != "exp"})
    small, _ = parts_of(page(price(activity(), activity().program.chip, energy_table=table)))
    assert small["unpriced"]
    assert next(one for one in small["accountings"] if one["name"] == "executed")["ratio"] is None


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, text: str) -> None:
    path = write_page(report(), tmp_path / "page.html", LABELS, ann_accuracy=ANN_ACCURACY)
    assert path.read_text(encoding="utf-8") == text


def test_memories_are_those_of_the_json_at_every_step(text: str) -> None:
    written, memory = json.loads(report_json(report())), parts_of(text)[0]["memory"]
    assert memory["levels"][-1] == written["memory_levels"] and len(memory["levels"]) == STEPS
    assert memory["best"][-1] == written["each_sides_best"]["ladder"]
    assert [rung.ratio for rung in report().best_ladder(step=1)] == [rung["ratio"] for rung in memory["best"][0]]
    assert any("Tokens that share a row, ANN" in line for line in memory["blocks"])
    assert memory["residency"].startswith("Resident: ")
    assert parts_of(text)[0]["schedule"]["phases"] is None


def test_a_page_of_phases_has_their_columns_and_tells_what_is_streamed() -> None:
    timeline = phased()
    small, _ = parts_of(page_text(price(timeline.activity, timeline.program.chip, timeline=timeline)))
    assert timeline.phases is not None
    shown = small["schedule"]["phases"]
    assert {name: shown[name] for name in vars(timeline.phases)} == {
        name: column.tolist() for name, column in vars(timeline.phases).items()
    }
    assert len(shown["nodes"]) == timeline.program.phases
    assert f"in {timeline.program.phases} phases" in small["memory"]["residency"]
