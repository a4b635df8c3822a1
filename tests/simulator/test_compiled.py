"""Is machine code that was kept thrown away once any source that it was made of changes?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

INNER = """
from synaptile.simulator.compiled import uncounted

@uncounted
def number():
    return {number}
"""
OUTER = """
from inner import number
from synaptile.simulator.compiled import kernel

@kernel
def answer():
    return number()

print(answer(), sum(answer.stats.cache_hits.values()))
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")  # type: ignore[attr-defined]  # set at import
def test_an_edit_of_what_a_kernel_calls_in_another_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(OUTER)

    def run(number: int) -> str:
        (tmp_path / "inner.py").write_text(INNER.format(number=number))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "outer.py"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert [run(1), run(1), run(2), run(2)] == ["1 0", "1 1", "2 0", "2 1"]
