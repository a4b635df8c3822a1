"""What suites share: the folder of reference data computed by the method's published code, and an offline browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numba import config
from numpy.typing import NDArray

# A slow machine is no fault of the code: what is drawn is bounded by number, not by time. The suite draws the same each time, so
# that it judges a change and not its luck; `make search` draws anew.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("unhurried", settings.get_profile("search"), derandomize=True)
settings.load_profile("unhurried")

SLOW_FIXTURES = {"browser", "cluster", "published_small", "reference_dir"}
"""A browser, processes of a cluster, figures of the published code: what asks for these is slow."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REFERENCE_VARIABLE = "SYNAPTILE_REFERENCE"
SIBLING_REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by what it asks for; skip what is made of LLVM instructions where nothing is compiled."""
    uncompiled = pytest.mark.skip(reason="row blocks, float32 exp and float32 erf are made of LLVM instructions")
    for item in items:
        if SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if config.DISABLE_JIT and item.get_closest_marker("needs_compiler"):  # type: ignore[attr-defined]  # set when numba is imported
            item.add_marker(uncompiled)


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The reference-data folder; tests that need it are skipped where there is none.

    SYNAPTILE_REFERENCE names it; otherwise it is ``shared/reference`` beside the checkout. A variable that names no folder
    is an error: whoever set it wants those tests to run.
    """
    named = os.environ.get(REFERENCE_VARIABLE)
    if named is not None:
        if not Path(named).is_dir():
            raise pytest.UsageError(f"{REFERENCE_VARIABLE}={named!r} is not a folder: correct it, or unset it to skip")
        return Path(named)
    if not SIBLING_REFERENCE.is_dir():
        pytest.skip(f"no reference data: {REFERENCE_VARIABLE} is unset and no folder shared/reference lies beside the checkout")
    return SIBLING_REFERENCE


@pytest.fixture(scope="session")
def published_small(reference_dir: Path) -> dict[str, NDArray[Any]]:
    """What the published code computed for a small network of random weights in float64, array by array."""
    with np.load(reference_dir / "ecmt_small.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium; tests that need it are skipped where it or its driver is missing.

    A module long, no longer: its driver holds an event loop, beside which no other can run.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_file(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file offline; at the end nothing was asked of a network and nothing complained."""
    troubles: list[str] = []
    contexts = []

    def open_page(path: Path, *, scheme: str = "light", timeout_ms: int = 10_000) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        context.set_default_timeout(timeout_ms)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-theme]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles
