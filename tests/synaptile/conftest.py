"""The front door, as users meet it: commands in this process, their output and exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from synaptile.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def synaptile(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``synaptile ARGUMENTS``."""

    def command(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["synaptile", *(str(argument) for argument in arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        code = exit_.value.code
        return Outcome(0 if code is None else int(code), captured.out, captured.err)

    return command


@pytest.fixture(scope="session")
def digits_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, calibrated, as a graph file."""
    from synaptile.conversion.graph import save_graph
    from tests.synaptile.models import small_digits_graph

    path = tmp_path_factory.mktemp("graph") / "digits.spk"
    save_graph(small_digits_graph(), path)
    return path


@pytest.fixture(scope="session")
def digits_program(digits_graph: Path) -> Path:
    """The same on ecmt45, as a program file."""
    from synaptile.conversion.graph import load_graph
    from synaptile.hwmodels import load_chip
    from synaptile.mapper import map_graph, save_program

    path = digits_graph.with_suffix(".map")
    save_program(map_graph(load_graph(digits_graph), load_chip("ecmt45")), path)
    return path
