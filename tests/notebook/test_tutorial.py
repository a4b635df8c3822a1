"""Does the tutorial run from top to bottom in a fresh kernel, and does it still print what it is published with?"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


nbformat = pytest.importorskip("nbformat", reason="nbformat, which reads notebooks, is not installed")
pytest.importorskip("nbclient", reason="nbclient, which executes notebooks, is not installed")
pytest.importorskip("ipykernel", reason="ipykernel, in which they run, is not installed")

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def published() -> Any:
    return nbformat.read(TUTORIAL, as_version=4)


@pytest.fixture(scope="module")
def executed(published: Any) -> Any:
    from scripts.run_tutorial import executed as run

    return run(published)


def texts(cell: Any) -> list[str]:
    """What a cell printed or showed, as text."""
    return [output.get("text") or output.data.get("text/html") or output.data["text/plain"] for output in cell.get("outputs", ())]


NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
TOLERANCE = 0.05
"""Another machine's matrix library rounds otherwise, which can move a spike, hence an answer among 64 and a digest."""


def split(text: str) -> tuple[str, list[float]]:
    """A text without its numbers and digests, and the numbers."""
    text = DIGEST.sub("#", text)
    return " ".join(NUMBER.sub("#", text).split()), [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def test_every_cell_was_executed_in_order(published: Any) -> None:
    code = [cell for cell in published.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)


def test_a_fresh_run_gives_the_published_outputs(published: Any, executed: Any) -> None:
    nbformat.validate(executed)
    for old, new in zip(published.cells, executed.cells, strict=True):
        for before, after in zip(texts(old), texts(new), strict=True):
            (words, figures), (new_words, new_figures) = split(before), split(after)
            moved = f"see what moved, then `python scripts/run_tutorial.py`:\n{old.source}"
            assert new_words == words, moved
            assert new_figures == pytest.approx(figures, rel=TOLERANCE), moved


def test_outputs_are_small_and_tell_nothing_of_a_machine(published: Any) -> None:
    assert TUTORIAL.stat().st_size < 300_000
    shown = "\n".join(text for cell in published.cells for text in texts(cell))
    for place in (str(ROOT), str(Path.home()), os.sep + "tmp", os.uname().nodename):
        if len(place) > 1:
            assert place not in shown, place
    assert "Warning" not in shown and "Traceback" not in shown
