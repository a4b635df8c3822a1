"""Do kernels give the same uncompiled, as plain Python?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = ("test_fire.py", "test_synapse.py", "test_expectation.py", "test_product.py", "test_codes.py", "test_transpose.py")
LONG = "not every_width and not ends_of_the_accumulator and not float32_functions"
"""What would take minutes."""


def test_plain_kernels_pass_their_tests_uncompiled() -> None:
    files = [*(f"tests/simulator/{name}" for name in FILES), "tests/nir/test_kernels.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", LONG, *files]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) >= 400, done.stdout
