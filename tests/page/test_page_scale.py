"""Does a page of more than 4,000 cores stay small, open soon and answer the pointer at once?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.images import source_of
from synaptile.energy import EnergyReport, price
from synaptile.mapper import map_graph
from synaptile.report.page import write_page
from synaptile.simulator import execute, schedule
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

pytestmark = pytest.mark.slow


CORES = 4096
"""As many as TrueNorth has."""

ANSWERS_MS = 100
"""What a pointer's answer may take, half of the times: the machine that tests is shared."""

POINT = """
([id, kind]) => {
  const canvas = document.getElementById(id), box = canvas.getBoundingClientRect(), found = [];
  for (let at = 0; at < 25; at++) {
    const clientX = box.left + 60 + at * (box.width - 80) / 25, clientY = box.top + 30 + ((at * 37) % (box.height - 60));
    const where = { clientX, clientY, bubbles: true };
    const start = performance.now();
    canvas.dispatchEvent(kind === "click" ? new MouseEvent(kind, where) : new PointerEvent(kind, where));
    document.body.offsetHeight;
    found.push(performance.now() - start);
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def bill() -> EnergyReport:
    """A deep, narrow transformer on a board of small cores, scheduled."""
    chip = small_chip(
        mesh={"width": 16, "height": 16},
        synapse={"weight_memory_bits": 40 * 33 * 32, "state_memory_bits": 16_384, "max_axons": 512} | BANKS,
        ec={"state_memory_bits": 48_000, "state_bank_bits": 512},
    )
    network = vit_graph(19, 17, 128, 4, 512, 10, patch=2)
    pixels = np.random.default_rng(0).standard_normal((1, *source_of(network).image_shape)).astype(np.float32)
    run = execute(map_graph(network, chip, seed=0, placement="row_major"), pixels, 2)
    return price(run, chip, timeline=schedule(run))


BANKS = {"weight_bank_bits": 512, "state_bank_bits": 512}


def test_thousands_of_cores(bill: EnergyReport, open_file: Callable[..., Any], tmp_path: Path) -> None:
    assert len(bill.cores) >= CORES
    path = write_page(bill, tmp_path / "board.html")
    assert path.stat().st_size < 5_000_000
    page = open_file(path)
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    for view, canvas in (("chip", "mesh"), ("timeline", "timeline-map")):
        page.click(f"#tab-{view}")
        for kind in ("pointermove", "click"):
            assert median(page.evaluate(POINT, [canvas, kind])) < ANSWERS_MS, (view, kind)
    page.click("#tab-chip")
    assert page.evaluate("mesh.geometry.tile") >= 10, "tiles too small to be told apart"
