"""Is machine code that was kept thrown away once any source that it was made of changes?"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from numba import config

from synaptile.simulator import compiled

INDEX = compiled._Index
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


def _add(folder: str, process: int) -> None:
    for key in range(20):
        INDEX(folder, "kernel", "stamp").save((process, key), f"code of {process}, {key}")


@pytest.mark.slow
def test_processes_that_compile_at_once_lose_and_mix_up_nothing(tmp_path: Path) -> None:
    processes = [get_context("spawn").Process(target=_add, args=(str(tmp_path), number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    index = INDEX(str(tmp_path), "kernel", "stamp")
    for number in range(3):
        assert [index.load((number, key)) for key in range(20)] == [f"code of {number}, {key}" for key in range(20)]


def test_what_an_older_version_left_is_never_loaded_as_the_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    INDEX(str(tmp_path), "kernel", "old stamp").save("key", "old code")
    writer, reader = (INDEX(str(tmp_path), "kernel", "new stamp") for _ in range(2))
    seen = []
    for step in ("_save_data", "_save_index"):
        write = getattr(INDEX, step)

        def watched(self: Any, *given: Any, write: Any = write) -> None:
            seen.append(reader.load("key"))
            write(self, *given)

        monkeypatch.setattr(INDEX, step, watched)
    writer.save("key", "new code")
    assert seen == [None, None]
    assert reader.load("key") == "new code"


def test_the_stamp_of_a_kernel_covers_all_that_it_is_made_of() -> None:
    """Imports of files with compiled functions, followed through such files, are in its folder, below, or shared."""
    simulator = Path(compiled.__file__).resolve().parent
    decorators = ("@kernel", "@uncounted", "@emitted", "@overload")
    sources = {path: path.read_text() for path in simulator.rglob("*.py")}
    made = {path for path, text in sources.items() if any(line.startswith(decorators) for line in text.splitlines())}
    assert {path.parent.name for path in made} >= {"kernels", "vector", "schedule", "barrier"}

    def imported(path: Path) -> set[Path]:
        found = [node for node in ast.walk(ast.parse(sources[path])) if isinstance(node, ast.ImportFrom)]
        places = {
            simulator.parent.joinpath(*f"{module}{end}".split(".")[1:]).with_suffix(".py")
            for module, names in ((node.module or "", node.names) for node in found)
            for end in ("", *(f".{alias.name}" for alias in names))
            if module.startswith("synaptile.simulator")
        }
        return places & sources.keys()

    def reached(path: Path, seen: set[Path]) -> set[Path]:
        for other in imported(path) - seen:
            seen.add(other)
            if other in made:
                reached(other, seen)
        return seen

    for path in made:
        missing = [one for one in reached(path, set()) if path.parent not in one.parents and one not in compiled.SHARED]
        assert not missing, f"{path.name} is made of {missing}, which its stamp does not cover"


def test_an_index_of_other_sources_is_passed_over_whatever_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        """A class of an older version."""

    monkeypatch.setattr(sys.modules[__name__], "Gone", Gone, raising=False)
    Gone.__qualname__ = "Gone"
    INDEX(str(tmp_path), "kernel", "old stamp").save("key", "old code")
    older = INDEX(str(tmp_path), "kernel", "old stamp")
    older._save_index({("key", Gone): "kernel.1.nbc"})
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    assert INDEX(str(tmp_path), "kernel", "new stamp").load("key") is None
