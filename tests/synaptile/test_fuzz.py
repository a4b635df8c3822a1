"""Do some dozens of hostile files per reader end as promised? `make fuzz` tries thousands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "fuzz.py"


@pytest.mark.slow
def test_every_file_is_refused_or_read() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--count", "20", "--seed", "7"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run, header and shapes" in done.stdout
