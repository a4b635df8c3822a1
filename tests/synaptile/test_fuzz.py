"""Do some dozens of hostile files per reader end as promised? `make fuzz` tries thousands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_every_file_is_refused_or_read() -> None:
    command = [sys.executable, "-m", "scripts.fuzz", "--count", "20", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run, header and shapes" in done.stdout
