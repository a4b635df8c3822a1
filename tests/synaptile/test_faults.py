"""Do commands that were killed, or whose disk was full, end as if nothing had been? `make faults` tries hundreds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "faults.py"


@pytest.mark.slow
def test_what_is_disturbed_ends_with_the_files_of_what_is_not() -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")
    counts = ("--kills", "8", "--full", "3", "--clusters", "0", "--seed", "3")
    some = ("--only", "run", "--only", "table1", "--only", "tune")
    done = subprocess.run([sys.executable, SCRIPT, *counts, *some], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 kills" in done.stdout
