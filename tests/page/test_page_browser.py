"""Does a real browser open the page from disk, without a network, and show the report's figures in every view?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synaptile.report import report_json
from synaptile.report.comparison import Side, compare_runs
from synaptile.report.numbers import energy_text, percent, ratio_text, time_text
from synaptile.report.page import write_comparison_page, write_page
from tests.page.pages import ANN_ACCURACY, IMAGES, LABELS, NAME, STEPS, report

VIEWS = ("overview", "energy", "chip", "timeline", "spikes", "sources")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folder = tmp_path_factory.mktemp("page")
    return {
        scheduled: write_page(report(scheduled=scheduled), folder / f"{scheduled}.html", LABELS, ann_accuracy=ANN_ACCURACY)
        for scheduled in (True, False)
    }


@pytest.fixture
def opened(open_file: Callable[..., Any], files: dict[bool, Path]) -> Callable[..., Any]:
    """Open the scheduled run's page, or another file."""
    return lambda path=files[True], *, scheme="light": open_file(path, scheme=scheme)


def ready(page: Any) -> Any:
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    return page


def either(energy_pj: float) -> set[str]:
    """An energy as text; a page sums in another order than the report, so that an exact tie may round either way."""
    return {energy_text(energy_pj * (1 - 1e-12)), energy_text(energy_pj * (1 + 1e-12))}


def centre_of(page: Any, core: int) -> dict[str, float]:
    """Where a core is drawn on the mesh."""
    x, y = page.evaluate(
        """core => {
          const c = large.cores, at = corner(mesh.geometry, c.x[core], c.y[core], slotOf(c.kind[core], c.slot[core]));
          return [at[0] + mesh.geometry.cell[0] / 2, at[1] + mesh.geometry.cell[1] / 2];
        }""",
        core,
    )
    return {"x": x, "y": y}


def test_every_view_opens_in_both_themes(opened: Callable[..., Any]) -> None:
    for scheme in ("light", "dark"):
        page = ready(opened(scheme=scheme))
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        for view in VIEWS:
            page.click(f"#tab-{view}")
            assert page.locator("section:visible").count() == 1
            assert page.locator(f"#{view}").is_visible() and page.inner_text(f"#{view}").strip()
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") != scheme


def test_a_planted_script_stays_text(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    assert page.inner_text("h1") == NAME
    for view in VIEWS:
        page.click(f"#tab-{view}")
    assert page.evaluate("window.planted") is None
    assert page.locator("img").count() == 0


def test_figures_equal_the_jsons(opened: Callable[..., Any]) -> None:
    page, written = ready(opened()), json.loads(report_json(report()))

    def shown(name: str) -> str:
        return str(page.locator(f'[data-figure="{name}"]').first.inner_text())

    for name, one in written["accountings"].items():
        for step in range(1, STEPS + 1):
            assert shown(f"ratio-{name}-{step}") == f"{one['ratio'][step - 1]:.3f}"
    for rung in written["ladder"]:
        assert shown(f"ladder-snn-{rung['name']}") == energy_text(rung["snn_pj"])
        assert shown(f"ladder-ann-{rung['name']}") == energy_text(rung["ann_pj"])
        assert shown(f"ladder-ratio-{rung['name']}") == f"{rung['ratio']:.3f}"
    assert shown("headline-snn") == energy_text(written["ladder"][-1]["snn_pj"])
    page.click("#tab-energy")
    for name, one in written["accountings"].items():
        page.click(f'[data-pick="{name}"]')
        for key in ("kind", "layer", "node"):
            page.click(f'[data-pick="{key}"]')
            for group in one[f"by_{key}"]:
                assert shown(f"snn-{group['name']}") in either(group["snn_pj"]), (name, group)
                assert shown(f"ann-{group['name']}") in either(group["ann_pj"]), (name, group)


def test_the_page_writes_numbers_as_the_tables_do(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    for pj in (0, 0.5, 12.5, 999.96, 1e3, 734e6, 999.99e6, 7.463503e9, 2e12, 1234e12, None):
        assert page.evaluate("pj => energy(pj)", pj) == energy_text(pj)
    for share in (0, 0.0001, 0.0004, 0.0006, 0.123, 1, 12.34):
        assert page.evaluate("share => percent(share)", share) == percent(share)
    for value in (0.0, 0.12345, 12.3, 1234.5, None):
        assert page.evaluate("value => ratio(value)", value) == ratio_text(value)
    timeline = report().timeline
    assert timeline is not None
    for cycles in (1, 1234, 987_654, 123_456_789_012):
        assert page.evaluate("cycles => time(cycles)", cycles) == time_text(timeline.milliseconds(cycles))


def test_the_step_slider_moves_every_figure(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.focus("#step")
    page.keyboard.press("Home")
    assert page.inner_text("#step-shown") == "T = 1"
    expected = report().ladder(step=1)[-1]
    assert page.inner_text('[data-figure="headline-ratio"]') == f"{expected.ratio:.3f}"
    page.click("#tab-energy")
    for group in report().by("kind", accounting=report().top, step=1):
        shown = page.locator(f'[data-figure="snn-{group.name}"]').inner_text()
        assert shown in either(group.snn_pj), group.name


def test_a_figure_opens_into_lines_with_sources(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.click("#tab-energy")
    page.click('[data-pick="executed"]')
    page.get_by_role("button", name="synapse", exact=True).click()
    opened_rows = page.locator("td.inner table").first.inner_text()
    line = next(line for line in report().heaviest(50) if line.role == "synapse rows")
    assert line.node in opened_rows and "Horowitz" in opened_rows
    assert f"{line.count / line.images:,.0f}" in opened_rows or f"{line.count / line.images:.2f}" in opened_rows
    page.get_by_role("button", name="synapse", exact=True).click()
    assert page.locator("td.inner").count() == 0


def test_headline_and_ratios_open_into_their_lines(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.click('[data-figure="headline-snn"]')
    assert page.evaluate("[state.view, energyView.accounting, state.step]") == ["energy", report().top, STEPS]
    page.click("#tab-overview")
    page.click('[data-figure="ratio-released-2"] button')
    assert page.evaluate("[state.view, energyView.accounting, state.step]") == ["energy", "released", 2]
    assert "per kind at T = 2" in page.inner_text("#energy h2")


def test_a_step_opens_into_a_bar_a_core(opened: Callable[..., Any]) -> None:
    page, timeline = ready(opened()), report().timeline
    assert timeline is not None
    page.click("#tab-timeline")
    page.select_option("#timeline-step", "2")
    own = (timeline.jobs.image == 0) & (timeline.jobs.step == 1) & (timeline.jobs.end_cycles > timeline.jobs.start_cycles)
    bars = page.evaluate("timelineView.bars")
    assert {bar["core"] for bar in bars} == set(timeline.jobs.core[own].tolist())
    for bar in bars:
        jobs = own & (timeline.jobs.core == bar["core"])
        start, end = timeline.jobs.start_cycles[jobs], timeline.jobs.end_cycles[jobs]
        assert [bar["start"], bar["end"], bar["busy"]] == [start.min(), end.max(), (end - start).sum()]
    at = page.evaluate("[timelineView.left + 4, timelineView.high * 2.5 / timelineView.bars.length]")
    page.locator("#timeline-map").hover(position={"x": at[0], "y": at[1]})
    assert f"core {bars[2]['core']}," in page.inner_text("#tip") and f"{bars[2]['busy']:,} cycles busy" in page.inner_text("#tip")
    page.locator("#timeline-map").click(position={"x": at[0], "y": at[1]})
    assert f"core {bars[2]['core']}," in page.inner_text("#timeline #core-panel h2")


def test_hover_shows_a_core_and_a_click_keeps_it(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.click("#tab-chip")
    use = report().cores[3]
    page.locator("#mesh").hover(position=centre_of(page, 3))
    assert f"core 3, {'EC' if use.kind == 'ec' else use.kind}, tile {use.x},{use.y}" in page.inner_text("#tip")
    page.locator("#mesh").click(position=centre_of(page, 3))
    page.mouse.move(5, 5)
    panel = page.inner_text("#core-panel")
    assert "core 3" in panel and "Over time" in panel and page.locator("#core-strip path").count() == 3
    assert page.inner_text('#core-panel [data-figure="core-energy"]') == energy_text(use.energy_pj)
    timeline = report().timeline
    assert timeline is not None and f"{int(timeline.cores.busy[3]):,}" in panel
    page.click("#tab-timeline")
    assert "core 3" in page.inner_text("#timeline #core-panel")


def test_every_core_has_a_place_of_its_own(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.click("#tab-chip")
    found = page.evaluate(
        """() => large.cores.kind.map((kind, core) => {
          const c = large.cores, box = mesh.canvas.getBoundingClientRect();
          const [x, y] = corner(mesh.geometry, c.x[core], c.y[core], slotOf(kind, c.slot[core]));
          return coreAt({ clientX: box.left + x + mesh.geometry.cell[0] / 2, clientY: box.top + y + mesh.geometry.cell[1] / 2 });
        })"""
    )
    assert found == list(range(len(report().cores)))


def test_every_colouring_draws_another_picture(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.click("#tab-chip")
    pictures = set()
    names = page.evaluate("Object.keys(measures())")
    assert {"busy", "no input", "network stall", "memory"} <= set(names)
    for name in names:
        page.select_option("#colour-by", name)
        pictures.add(page.evaluate("document.getElementById('mesh').toDataURL()"))
    assert len(pictures) >= len(names) - 1


def test_the_keyboard_reaches_tabs_cores_and_zoom(opened: Callable[..., Any]) -> None:
    page = ready(opened())
    page.focus("#tab-overview")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#chip").is_visible()
    page.focus("#mesh")
    page.keyboard.press("ArrowRight")
    first = page.inner_text("#core-panel h2")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#core-panel h2") != first
    page.keyboard.press("Enter")
    assert page.evaluate("state.core") is not None
    page.keyboard.press("Escape")
    assert page.evaluate("state.core") is None
    page.get_by_role("button", name="zoom in").click()
    assert page.evaluate("mesh.zoom") > 1


def test_paper_shows_every_view_in_light_colours(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = ready(opened(scheme="dark"))
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    for view in VIEWS:
        assert page.locator(f"#{view}").is_visible() and page.inner_text(f"#{view}").strip()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert len(page.pdf()) > 20_000


def test_a_run_without_schedule_opens_too(opened: Callable[..., Any], files: dict[bool, Path]) -> None:
    page = ready(opened(files[False]))
    for view in VIEWS:
        page.click(f"#tab-{view}")
    assert "not scheduled" in page.text_content("#overview") and "not scheduled" in page.text_content("#timeline")
    page.click("#tab-chip")
    page.locator("#mesh").click(position=centre_of(page, 1))
    assert "core 1" in page.inner_text("#core-panel")


def test_a_comparison_opens(opened: Callable[..., Any], tmp_path: Path) -> None:
    side = Side(report(), LABELS, ANN_ACCURACY)
    page = opened(write_comparison_page(compare_runs(side, side), (NAME, f"{IMAGES} images"), tmp_path / "compare.html"))
    assert NAME in page.inner_text("h1")
    assert "ratio static" in page.inner_text("main")
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
