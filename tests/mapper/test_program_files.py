"""Does a program survive its file, and is every damaged file refused?"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from synaptile.foundation.errors import FileFormatError
from synaptile.mapper import CoreProgram, load_program, map_graph, program_digest, save_program, storage
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    return map_graph(
        vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3), small_chip(), replicas={"blocks.0.mlp.fc1": 2}
    )


def header_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata())


@pytest.mark.parametrize("with_arrays", [True, False])
def test_a_program_comes_back_from_its_file(program: CoreProgram, tmp_path: Path, with_arrays: bool) -> None:
    save_program(program, tmp_path / "vit.map", with_arrays=with_arrays)
    loaded = load_program(tmp_path / "vit.map")
    assert program_digest(loaded) == program_digest(program)
    assert loaded.graph.digest == program.graph.digest
    assert (loaded.board, loaded.placement, dict(loaded.options)) == (program.board, program.placement, dict(program.options))
    assert loaded.chip.synapse_core == program.chip.synapse_core
    assert set(loaded.graph.arrays) == (set(program.graph.arrays) if with_arrays else set())
    for table in ("parts", "cores", "flows", "routes"):
        for field in fields(getattr(program, table)):
            before, after = (getattr(getattr(each, table), field.name) for each in (program, loaded))
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)


def test_digests_tell_programs_apart(program: CoreProgram) -> None:
    other = map_graph(program.graph, program.chip, seed=1)
    assert program_digest(other) != program_digest(program)


def test_a_file_cut_short_is_refused(program: CoreProgram, tmp_path: Path) -> None:
    path = tmp_path / "vit.map"
    save_program(program, path)
    whole = path.read_bytes()
    for size in (0, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileFormatError, match=r"vit\.map"):
            load_program(path)


@pytest.mark.parametrize("with_arrays", [True, False])
def test_an_altered_table_is_refused(program: CoreProgram, tmp_path: Path, with_arrays: bool) -> None:
    path = tmp_path / "vit.map"
    save_program(program, path, with_arrays=with_arrays)
    header, tensors = header_of(path), load_file(path)
    tensors["parts/core"][0] += 1
    save_file(tensors, path, metadata=header)
    with pytest.raises(FileFormatError, match="altered"):
        load_program(path)


def test_an_altered_structure_is_refused(program: CoreProgram, tmp_path: Path) -> None:
    path = tmp_path / "vit.map"
    save_program(program, path, with_arrays=False)
    header, tensors = header_of(path), load_file(path)
    header["graph"] = header["graph"].replace('"n": 8', '"n": 7')
    save_file(tensors, path, metadata=header)
    with pytest.raises(FileFormatError, match="altered"):
        load_program(path)


@pytest.mark.parametrize(
    ("entry", "value", "said"), [("version", "999", "upgrade"), ("format", "synaptile-graph", "needs synaptile-program")]
)
def test_another_kind_and_a_newer_version_are_refused(
    program: CoreProgram, tmp_path: Path, entry: str, value: str, said: str
) -> None:
    path = tmp_path / "vit.map"
    save_program(program, path)
    save_file(load_file(path), path, metadata=header_of(path) | {entry: value})
    with pytest.raises(FileFormatError, match=said):
        load_program(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        load_program(tmp_path / "none.map")


@pytest.mark.parametrize("room", [1 << 20, -(1 << 20)], ids=["room", "too little room"])
def test_a_program_begun_early_is_the_same(
    program: CoreProgram, tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "AHEAD_BYTES", 0)
    monkeypatch.setattr(storage, "ROOM", room)
    with storage.saving_program(program.graph, tmp_path / "vit.map") as save:
        save(program)
    loaded = load_program(tmp_path / "vit.map")
    assert program_digest(loaded) == program_digest(program)
    assert loaded.graph.arrays.keys() == program.graph.arrays.keys()
    assert [file.name for file in tmp_path.iterdir()] == ["vit.map"]


def test_of_a_mapping_that_fails_nothing_is_left(program: CoreProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "AHEAD_BYTES", 0)
    with pytest.raises(KeyError), storage.saving_program(program.graph, tmp_path / "vit.map"):
        raise KeyError
    assert not list(tmp_path.iterdir())
