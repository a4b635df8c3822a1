"""Do kernels give the same uncompiled, as plain Python?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("test_fire.py", "test_synapse.py", "test_expectation.py", "test_product.py", "test_codes.py", "test_transpose.py")


@pytest.mark.slow
def test_plain_kernels_pass_their_tests_uncompiled() -> None:
    files = [*(f"tests/simulator/{name}" for name in FILES), "tests/nir/test_kernels.py"]
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-m", "not needs_compiler", *files]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIPPED" not in done.stdout and all(re.search(rf"{file}::.* PASSED", done.stdout) for file in files), done.stdout
