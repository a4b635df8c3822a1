"""Do results show themselves, escaped, with the figures of their JSON, and give tables that hold what they hold?"""

from __future__ import annotations

import builtins
import io
import json
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from rich.console import Console

from synaptile.conversion.text.tokens import Tokens
from synaptile.energy import break_even
from synaptile.foundation.errors import InputError
from synaptile.foundation.tables import METADATA_KEY, Tabular
from synaptile.hwmodels import load_chip
from synaptile.mapper.refusal import DoesNotFit, Shortfall
from synaptile.report import report_csv, report_json
from synaptile.report.numbers import energy_text, ratio_text
from synaptile.report.trace import Window
from synaptile.report.views.document import Document, Sheet
from tests.page.pages import IMAGES, NAME, STEPS, report

PLANTED = '<script>alert("&")</script>'


@lru_cache
def shown() -> dict[str, Any]:
    """One of everything that shows itself; the graph's name has a script planted in it."""
    bill = report()
    assert bill.timeline is not None
    refusal = DoesNotFit(NAME, PLANTED, (Shortfall(PLANTED, 5, 3, PLANTED, PLANTED, (PLANTED,)),))
    activity = bill.activity
    return {
        "graph": activity.program.graph,
        "chip": activity.program.chip,
        "program": activity.program,
        "activity": activity,
        "timeline": bill.timeline,
        "report": bill,
        "break-even": break_even(bill),
        "refusal": refusal,
    }


@pytest.mark.parametrize("what", ["graph", "chip", "program", "activity", "timeline", "report", "break-even", "refusal"])
def test_a_result_shows_itself_without_script_or_network(what: str) -> None:
    html = shown()[what]._repr_html_()
    parser = _Parser()
    parser.feed(html)
    assert parser.elements <= {
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "details",
        "summary",
        "style",
        "b",
        "p",
    }
    assert parser.attributes <= {"class"} and "url(" not in html and "@import" not in html
    assert not parser.open


@pytest.mark.parametrize("what", ["graph", "chip", "program", "activity", "timeline", "report", "break-even", "refusal"])
def test_a_repr_fits_two_lines_and_names_its_type(what: str) -> None:
    result = shown()[what]
    text = repr(result)
    assert text.startswith(f"{type(result).__name__}(") and len(text) <= 240 and "\n" not in text


def test_what_users_hand_in_has_a_short_repr_too() -> None:
    tokens = Tokens(np.zeros((500, 64), np.int32), np.full(500, 64))
    for held in (tokens, Window(links=tuple(f"x0y{n}_to_x0y{n + 1}" for n in range(500)))):
        assert len(repr(held)) <= 240 and repr(held).startswith(f"{type(held).__name__}(")


@pytest.mark.parametrize("what", ["graph", "chip", "program", "activity", "timeline", "report", "break-even", "refusal"])
def test_a_console_prints_what_a_notebook_shows(what: str) -> None:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(shown()[what])
    title = console.file.getvalue().splitlines()[0]  # type: ignore[attr-defined]
    assert title.strip() and title.split()[0] in unescape(shown()[what]._repr_html_())


class _Parser(HTMLParser):
    """Collects elements and attributes, and what was left open."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("what", ["graph", "program", "activity", "timeline", "report", "refusal"])
def test_a_planted_script_stays_text(what: str) -> None:
    html = shown()[what]._repr_html_()
    assert "&lt;script&gt;" in html and "&lt;/script&gt;" in html


@pytest.mark.parametrize(
    "document",
    [
        Document(PLANTED),
        Document("", facts=((PLANTED, PLANTED),)),
        Document("", (Sheet("", (PLANTED,), ((PLANTED,),)),)),
        Document("", (Sheet(PLANTED, ("n",), (), caption=PLANTED),)),
        Document("", (Sheet(PLANTED, ("n",), (), folded=True),)),
        Document("", notes=(PLANTED,)),
        Document("", notes=("note",), notes_title=PLANTED),
        Document("", warnings=(PLANTED,)),
    ],
    ids=["title", "facts", "cells", "caption", "folded", "notes", "notes title", "warning"],
)
def test_every_part_of_a_document_is_escaped(document: Document) -> None:
    html = document._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#34;&amp;&#34;)&lt;/script&gt;" in html


def test_a_long_table_says_what_it_leaves_out() -> None:
    html = Sheet("", ("n",), tuple((str(n),) for n in range(30))).first(24)._repr_html_()
    assert ">23<" in html and ">24<" not in html and "and 6 more" in html


def test_the_report_shows_the_figures_of_its_json() -> None:
    html, written = report()._repr_html_(), json.loads(report_json(report()))
    for rung in written["ladder"]:
        for figure in (energy_text(rung["snn_pj"]), energy_text(rung["ann_pj"]), ratio_text(rung["ratio"])):
            assert f">{figure}</td>" in html
    for one in written["accountings"].values():
        assert all(f">{ratio_text(ratio)}</td>" in html for ratio in one["ratio"])
    for line in written["heaviest"]:
        assert f">{energy_text(line['energy_pj'])}</td>" in html


def test_the_timeline_shows_its_cycles() -> None:
    timeline = shown()["timeline"]
    html = timeline._repr_html_()
    for cycles in (timeline.latency_cycles, timeline.makespan_cycles):
        assert f"{cycles:,} cycles" in html


@pytest.mark.parametrize(
    ("what", "tables"),
    [
        ("graph", ("nodes",)),
        ("chip", ("figures",)),
        ("program", ("cores", "parts")),
        ("activity", ("operations", "spikes")),
        ("timeline", ("cores", "links", "steps", "jobs", "messages")),
        ("report", ("lines", "ladder", "ratios", "cores")),
        ("break-even", ("ratios",)),
        ("refusal", ("shortfalls",)),
    ],
)
def test_tables_of_arrow_and_pandas_are_one(what: str, tables: tuple[str, ...]) -> None:
    result: Tabular = shown()[what]
    assert result.to_arrow().equals(result.to_arrow(tables[0]))
    for name in tables:
        table = result.to_arrow(name)
        assert table.num_rows > 0 and METADATA_KEY in table.schema.metadata
        frame = result.to_pandas(name)
        assert frame.shape == (table.num_rows, table.num_columns) and list(frame.columns) == table.column_names
    with pytest.raises(InputError, match=f"has no table 'nonsense': use {tables[0]}"):
        result.to_arrow("nonsense")


def test_the_rows_of_a_report_are_those_of_its_csv() -> None:
    table, lines = report().to_arrow("lines"), report_csv(report()).splitlines()
    assert table.num_rows == len(lines) - 1 and ",".join(table.column_names) == lines[0]
    executed = table.filter(pc.equal(table["accounting"], "executed"))
    for side, total in (("snn", report().comparison("executed").snn_pj[-1]), ("ann", report().comparison("executed").ann_pj)):
        own = executed.filter(pc.equal(executed["side"], side))
        assert pc.sum(own["energy_pj_per_image"]).as_py() == pytest.approx(total)


def test_ratios_are_the_reports_own() -> None:
    frame = report().to_pandas("ratios")
    for name in report().comparisons:
        own = frame[frame.accounting == name]
        assert own.step.tolist() == list(range(1, STEPS + 1)) and own.ratio.tolist() == report().ratios(name).tolist()


def test_operations_and_spikes_lose_nothing() -> None:
    activity = shown()["activity"]
    operations, spikes = activity.to_arrow("operations"), activity.to_arrow("spikes")
    assert pc.sum(operations["count"]).as_py() == activity.operations.count.sum()
    assert pc.sum(spikes["count"]).as_py() == sum(int(record.events.sum()) for record in activity.spikes.values())
    site = activity.program.graph.sites[0]
    own = spikes.filter(pc.equal(spikes["site"], site.name)).to_pandas()
    smallest = own[(own.value > 0) & (own.step == 1)].value.min()
    at = np.flatnonzero(activity.spikes[site.name].histogram[0, : site.n])[0]
    assert smallest == site.theta1 * 2.0**at


def test_images_and_steps_of_a_schedule_are_counted_as_documented() -> None:
    steps = shown()["timeline"].to_pandas("steps")
    assert steps.image.unique().tolist() == list(range(IMAGES)) and steps.step.unique().tolist() == list(range(1, STEPS + 1))
    assert steps.end_cycles.tolist() == shown()["timeline"].step_end_cycles.reshape(-1).tolist()


def test_figures_of_a_chip_keep_their_origins() -> None:
    chip = load_chip("ecmt45")
    frame = chip.to_pandas().set_index("figure")
    assert frame.loc["synapse_core.lanes_per_cycle", "value"] == str(chip.synapse_core.lanes_per_cycle)
    for name, origin in chip.sources.items():
        assert frame.loc[name, "assumed"] == origin.startswith("assumed: ")
        assert origin.endswith(frame.loc[name, "origin"])


def test_without_pandas_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pandas":
            raise ImportError("No module named 'pandas'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"pip install pandas.*to_arrow"):
        load_chip("ecmt45").to_pandas()
    assert load_chip("ecmt45").to_arrow().num_rows > 40


def test_a_graph_without_arrays_says_so() -> None:
    graph = shown()["graph"]
    bare = type(graph).build("bare", graph.nodes.values(), {}, structure_only=True)
    assert "structure only" in bare._repr_html_()
