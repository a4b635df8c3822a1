"""Does a run survive its files, and is every damaged, foreign or newer file refused?"""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.foundation.errors import FileFormatError
from synaptile.mapper import map_graph, program_digest, save_program
from synaptile.simulator import Activity, execute
from synaptile.simulator.activity import RowFetches
from synaptile.simulator.storage import load_activity, save_activity
from tests.graphs import vit_graph
from tests.simulator.runs import roomy_chip, some_images


@pytest.fixture(scope="module")
def activity() -> Activity:
    program = map_graph(vit_graph(1, 5, 8, 2, 16, 3), roomy_chip(), replicas={"blocks.0.mlp.fc1": 2})
    return execute(program, some_images(program.graph, 2), cast(int, np.int64(3)), "int8")


def test_tallied_row_fetches_come_back(activity: Activity, tmp_path: Path) -> None:
    shape = (activity.steps, activity.images, activity.program.parts_of("blocks.0.mlp.fc1").size)
    fetched = RowFetches(4, 2, np.arange(np.prod(shape), dtype=np.int32).reshape(shape))
    save_activity(replace(activity, fetches={"blocks.0.mlp.fc1": fetched}), tmp_path)
    loaded = load_activity(tmp_path)
    assert list(loaded.fetches) == ["blocks.0.mlp.fc1"]
    assert_same(loaded.fetches["blocks.0.mlp.fc1"], fetched)


@pytest.fixture
def saved(activity: Activity, tmp_path: Path) -> Path:
    save_activity(activity, tmp_path / "run")
    return tmp_path / "run"


def assert_same(found: Any, expected: Any) -> None:
    """Equal dataclasses of arrays, dtypes included."""
    for field in fields(expected):
        before, after = getattr(expected, field.name), getattr(found, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype, field.name
            np.testing.assert_array_equal(after, before)
        else:
            assert after == before, field.name


def test_a_run_comes_back_from_its_files(activity: Activity, saved: Path) -> None:
    loaded = load_activity(saved)
    assert program_digest(loaded.program) == program_digest(activity.program)
    assert (loaded.numeric, loaded.steps, loaded.images) == (activity.numeric, activity.steps, activity.images)
    assert loaded.logits.dtype == activity.logits.dtype
    np.testing.assert_array_equal(loaded.logits, activity.logits)
    assert_same(loaded.operations, activity.operations)
    assert_same(loaded.accounting, activity.accounting)
    assert list(loaded.spikes) == list(activity.spikes)
    for site, record in activity.spikes.items():
        assert_same(loaded.spikes[site], record)
    assert not loaded.fetches, "every spike fetches a row of its own here"
    assert json.dumps(dict(loaded.provenance)) == json.dumps(dict(activity.provenance))
    assert not loaded.program.graph.arrays, "weights stay out of a run's files"
    assert sorted(path.name for path in saved.iterdir()) == ["activity.npz", "program.map"], "no temporary file stays behind"


def test_a_run_may_be_saved_over_another(activity: Activity, saved: Path) -> None:
    shorter = execute(activity.program, some_images(activity.program.graph, 1), 1)
    save_activity(shorter, saved)
    assert load_activity(saved).steps == 1


def test_a_file_cut_short_is_refused(saved: Path) -> None:
    file = saved / "activity.npz"
    whole = file.read_bytes()
    for size in (0, 1, 4, 100, len(whole) // 3, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(FileFormatError, match=r"activity\.npz"):
            load_activity(saved)


@pytest.mark.slow
def test_a_flipped_byte_is_refused_or_says_nothing_else(activity: Activity, saved: Path) -> None:
    """Bytes that a zip archive does not use (dates, attributes) may change; what is read must then be the same."""
    file = saved / "activity.npz"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    refused, places = 0, [*range(0, 64, 3), *rng.integers(0, len(whole), 60).tolist(), *range(len(whole) - 40, len(whole), 3)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        file.write_bytes(damaged)
        try:
            loaded = load_activity(saved)
        except FileFormatError as error:
            assert "activity.npz" in str(error)
            refused += 1
        else:
            np.testing.assert_array_equal(loaded.logits, activity.logits)
            assert_same(loaded.operations, activity.operations)
    assert refused > len(places) // 2


def rewrite(file: Path, *, drop: str | None = None, arrays: dict[str, NDArray[Any]] | None = None, **header: Any) -> None:
    """The archive with header entries or arrays replaced, its digest left as it was."""
    with np.load(file) as stored:
        content = {name: stored[name] for name in stored.files}
    text = json.loads(bytes(content["header"]).decode()) | header
    content["header"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    content |= arrays or {}
    if drop is not None:
        del content[drop]
    with file.open("wb") as opened:
        np.savez_compressed(opened, **content)


def test_a_newer_version_is_refused(saved: Path) -> None:
    rewrite(saved / "activity.npz", version=999)
    with pytest.raises(FileFormatError, match=r"version 999, .*reads up to \d+: upgrade"):
        load_activity(saved)


def test_another_kind_of_archive_is_refused(saved: Path) -> None:
    rewrite(saved / "activity.npz", format="synaptile-timeline")
    with pytest.raises(FileFormatError, match="is a synaptile-timeline file, needs synaptile-activity"):
        load_activity(saved)


@pytest.mark.parametrize(
    "change",
    [{"steps": 4}, {"numeric": "float32"}, {"drop": "logits"}, {"drop": "header"}, {"arrays": {"logits": np.zeros((3, 2, 3))}}],
)
def test_altered_content_is_refused(saved: Path, change: dict[str, Any]) -> None:
    rewrite(saved / "activity.npz", **change)
    with pytest.raises(FileFormatError, match="altered"):
        load_activity(saved)


def test_a_run_of_another_program_is_refused(activity: Activity, saved: Path) -> None:
    save_program(map_graph(activity.program.graph, activity.program.chip, seed=1), saved / "program.map", with_arrays=False)
    with pytest.raises(FileFormatError, match="another program"):
        load_activity(saved)


def test_missing_files_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        load_activity(tmp_path / "nowhere")
    shutil.move(saved / "activity.npz", tmp_path / "activity.npz")
    with pytest.raises(FileFormatError, match="no such"):
        load_activity(saved)


class Boom:
    """Says so if it is ever unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


def pickled(file: Path) -> None:
    np.savez(file, header=np.array([Boom()], dtype=object), allow_pickle=True)


def bare_array(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros(3))


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write_text("not an archive"),
        lambda file: file.write_bytes(b"\x80\x04\x95" + bytes(60)),
        lambda file: np.savez(file, header=np.frombuffer(b"[1, 2]", np.uint8)),
        lambda file: np.savez(file, header=np.frombuffer(b"{not json", np.uint8)),
        lambda file: np.savez(file, other=np.zeros(3)),
        bare_array,
        pickled,
    ],
    ids=["text", "pickle", "list-header", "no-json", "no-header", "npy", "pickled-npz"],
)
def test_files_of_other_kinds_are_refused(saved: Path, write: Any) -> None:
    write(saved / "activity.npz")
    with pytest.raises(FileFormatError, match=r"activity\.npz"):
        load_activity(saved)
