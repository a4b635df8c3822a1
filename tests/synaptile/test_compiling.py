"""Is the compilation of kernels told, while it lasts and only then?"""

from __future__ import annotations

from typing import Any

import pytest
from numba import njit

from synaptile.terminal import counted
from tests.simulator.runs import needs_compiler


@needs_compiler
def test_a_bar_says_that_kernels_are_compiled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    twice: Any = njit(lambda x: 2 * x)  # kept in no cache
    monkeypatch.setenv("FORCE_COLOR", "1")  # to rich, a terminal
    with counted("executing"):
        assert twice(2.0) == 4.0
    assert "compiling kernels" in capsys.readouterr().err
    with counted("executing"):
        assert twice(3.0) == 6.0
    assert "compiling kernels" not in capsys.readouterr().err
