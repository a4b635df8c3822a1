"""Does a real browser open the sweep's page from disk, without a network, and show the sweep's own figures?"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.report.numbers import energy_text
from synaptile.report.page.sweep import sweep_page_text, write_sweep_page
from synaptile.studies.sweeping.rows import PointFigures, PointRow, Sweep

NAME = '</script><script>window.planted=1</script><img src=x onerror="window.planted=2">\'&amp;{{ 7*7 }}'
AXES = ("chip.synapse_core.lanes_per_cycle", "cores", "steps")
OBJECTIVES = ("latency_ms", "energy_static_pj", "accuracy")


def sweep_of(points: int = 60, *, failed: int = 7, synthetic: str | None = None) -> Sweep:
    """A sweep with hostile names, of made-up figures."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(points):
        labels: dict[str, Any] = {AXES[0]: int(2 ** (number % 5)), AXES[1]: ("few", NAME)[number % 2], AXES[2]: 1 + number % 3}
        if number % 9 == 4 and failed:
            rows.append(
                PointRow(
                    number,
                    labels,
                    reason=f"does not fit: {NAME}" if number % 2 else "too slow",
                    message=f"said {NAME}\nand more",
                )
            )
            continue
        figures: dict[str, Any] = {}
        latency, energy = float(random.uniform(1, 9)), float(random.uniform(1e9, 5e10))
        figures |= {
            "latency_ms": latency,
            "latency_cycles": int(1e6 * latency),
            "energy_static_pj": energy,
            "area_mm2": 3.0 * latency,
        }
        figures |= {"accuracy": float(random.integers(0, 11)) / 10, "busiest": NAME, "busiest_share": 0.5}
        rows.append(PointRow(number, labels, PointFigures(**figures), "e"))
    facts = {"network": NAME, "images": "2", "chip": NAME, "steps": "3", "kind": "grid"}
    return Sweep(
        NAME, NAME, AXES, OBJECTIVES, tuple(rows), points + 3, 2, facts, (NAME,), {"grid.steps": [1, 2], "model": NAME}, synthetic
    )


def columns_of(text: str) -> dict[str, Any]:
    large = re.search(r'id="large">(.*?)</script>', text, re.S)
    assert large is not None
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(large[1])))
    return found


def test_names_stay_text_and_nothing_is_fetched() -> None:
    text = sweep_page_text(sweep_of(synthetic=NAME))
    assert "window.planted=1</script>" not in text and "<img" not in text
    assert text.count("<script") == 3 and "default-src &#39;none&#39;" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_the_page_holds_every_point_and_figure() -> None:
    found = sweep_of()
    columns = columns_of(sweep_page_text(found))
    assert columns["point"] == [row.number for row in found.rows]
    assert [number for number, front in zip(columns["point"], columns["front"], strict=True) if front] == sorted(found.on_front)
    for name in OBJECTIVES:
        assert columns["figures"][name] == [row.figures[name] for row in found.rows]
    assert [reason >= 0 for reason in columns["reason"]] == [row.failed for row in found.rows]


def test_thousands_of_points_stay_small() -> None:
    assert len(sweep_page_text(sweep_of(20_000))) < 2_000_000


@pytest.fixture
def opened(open_file: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Open a sweep's page offline; at the end nothing was asked of a network and nothing complained."""

    def open_page(found: Sweep, *, scheme: str = "light") -> Any:
        page = open_file(write_sweep_page(found, tmp_path / f"{scheme}.html"), scheme=scheme, timeout_ms=15_000)
        page.wait_for_selector("html[data-ready]", timeout=20_000)
        return page

    return open_page


def place_of(page: Any, number: int) -> tuple[float, float]:
    """Where a point is drawn, in the window."""
    page.locator("#chart").scroll_into_view_if_needed()
    box = page.locator("#chart").bounding_box()
    x, y = page.evaluate(
        "number => { const at = drawn.points.findIndex((at) => large.point[at] === number); return [drawn.x[at], drawn.y[at]]; }",
        number,
    )
    return box["x"] + x, box["y"] + y


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_in_both_themes_and_planted_scripts_do_not_run(opened: Callable[..., Any], scheme: str) -> None:
    page = opened(sweep_of(), scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    assert page.locator("h1").inner_text().strip() == re.sub(r"\s+", " ", NAME)
    assert page.evaluate("window.planted") is None
    assert page.locator("#synthetic").count() == 0
    page.click("#theme")
    assert page.locator("html").get_attribute("data-theme") != scheme
    pixels = page.evaluate(
        """() => {
          const chart = document.getElementById("chart");
          const data = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height).data;
          return data.filter((value, at) => at % 4 === 3 && value).length;
        }"""
    )
    assert pixels > 1000, "the chart is drawn"


def test_hovering_a_point_tells_its_parameters_and_figures(opened: Callable[..., Any]) -> None:
    found = sweep_of()
    page = opened(found)
    row = found.front[len(found.front) // 2]
    page.mouse.move(*place_of(page, row.number))
    tip = page.locator("#tip").inner_text()
    number = int(page.locator("#chart").get_attribute("data-hover"))
    shown = next(other for other in found.rows if other.number == number)
    assert number == row.number or abs(float(shown.figures["latency_ms"]) - float(row.figures["latency_ms"])) < 0.2
    assert f"Point {number}, on the front" in tip or number not in found.on_front
    assert f"lanes_per_cycle: {shown.labels[AXES[0]]}" in tip and f"steps: {shown.labels['steps']}" in tip
    assert energy_text(shown.figures["energy_static_pj"]).replace("uJ", "µJ") in tip
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 5)
    assert page.locator("#detail h2").inner_text().startswith(f"Point {number}")
    assert page.locator("[data-figure=point-latency_cycles]").inner_text() == f"{shown.figures['latency_cycles']:,}"


def test_tables_show_the_front_all_and_failures(opened: Callable[..., Any]) -> None:
    found = sweep_of()
    page = opened(found)
    listed = "() => [...document.querySelectorAll('#points tbody tr')].map((row) => Number(row.dataset.point))"
    assert page.evaluate(listed) == [row.number for row in found.front]
    page.get_by_role("button", name=f"failed ({len(found.rows) - len(found.evaluated)})").click()
    assert page.evaluate(listed) == [row.number for row in found.rows if row.failed]
    page.get_by_role("button", name=f"all ({len(found.rows)})").click()
    page.locator("#points th button", has_text="latency_ms").click()
    latencies = [row.number for row in sorted(found.evaluated, key=lambda row: float(row.figures["latency_ms"]))]
    assert page.evaluate(listed)[: len(latencies)] == latencies, "sorted, failures last"
    for one in found.reasons:
        assert page.locator(f"[data-figure=reason-{one.first}]").inner_text() == str(one.count)
    assert page.locator("[data-figure=points]").inner_text() == "60"


def test_axes_are_chosen_and_the_front_follows(opened: Callable[..., Any]) -> None:
    found = sweep_of()
    page = opened(found)
    page.select_option("#choose-y", "accuracy")
    front = page.evaluate("() => frontOfTwo(drawable()).map((at) => large.point[at])")
    best, expected = -1.0, []
    for row in sorted(found.evaluated, key=lambda row: (float(row.figures["latency_ms"]), -float(row.figures["accuracy"]))):
        if float(row.figures["accuracy"]) > best:
            best = float(row.figures["accuracy"])
            expected.append(row.number)
    assert front == expected
    page.select_option("#choose-x", "cores")
    assert page.evaluate("() => frontOfTwo(drawable()).length") == 0, "an axis has no better end"
    page.select_option("#choose-colour", AXES[0])
    assert page.locator("#legend span").count() == 5
    page.check("#choose-logY")
    assert "cannot be drawn" in page.locator("#chart-note").inner_text(), "an accuracy of zero has no logarithm"


def test_the_chart_is_reachable_by_keys(opened: Callable[..., Any]) -> None:
    found = sweep_of()
    page = opened(found)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "chart":
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    second = sorted(found.evaluated, key=lambda row: float(row.figures["latency_ms"]))[1]
    assert page.locator("#tip").is_visible() and page.locator("#tip").inner_text().startswith(f"Point {second.number}")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("#detail h2").inner_text().startswith(f"Point {second.number}")


def test_a_drawn_activity_says_so_and_a_sweep_of_failures_opens(opened: Callable[..., Any]) -> None:
    page = opened(sweep_of(synthetic="rates of a file"))
    assert "Synthetic activity" in page.locator("#synthetic").inner_text()
    rows = tuple(PointRow(n, dict.fromkeys(AXES, n), reason="no", message="no") for n in range(3))
    empty = Sweep("all fail", "", AXES, OBJECTIVES, rows, 3, 0, sweep_of(1).facts, (), {})
    page = opened(empty)
    assert "No point has all objectives" in page.locator("#best").inner_text()


def test_five_thousand_points_answer_quickly(opened: Callable[..., Any]) -> None:
    page = opened(sweep_of(5000))
    page.mouse.move(*place_of(page, 100))
    took = page.evaluate(
        """() => {
          const start = performance.now();
          hover(drawn.points[7], { clientX: 400, clientY: 400 });
          return performance.now() - start;
        }"""
    )
    assert took < 400, "a hover, on a busy machine"


def test_it_prints(opened: Callable[..., Any]) -> None:
    page = opened(sweep_of(), scheme="dark")
    assert len(page.pdf()) > 20_000
    assert page.locator("html").get_attribute("data-theme") == "dark"
