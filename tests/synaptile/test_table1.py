"""Dataset runs: are the figures those of one plain run, whoever computed them, whatever died on the way?"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synaptile.data import embedded_digits
from synaptile.energy import price
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import Chip
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.report.render.markdown import markdown
from synaptile.report.study_files import dataset_csv, dataset_json
from synaptile.report.views.dataset import dataset_document
from synaptile.simulator import execute
from synaptile.simulator.activity import OPS
from synaptile.studies.dataset import measure, record
from synaptile.studies.dataset.counts import executed_by_image
from synaptile.studies.dataset.model import ModelChoice
from synaptile.studies.dataset.run import DatasetRequest, DatasetRun, open_dataset
from synaptile.studies.dataset.table import DatasetTable, Estimate, StepRow, binomial, published_at
from synaptile.studies.dataset.tabulate import mean_of, tabulate
from synaptile.studies.spread import local_cluster, run_here, run_on
from tests.graphs import vit_graph
from tests.simulator.runs import replicating_chip, some_images, splitting_chip
from tests.synaptile.conftest import Command

SETTINGS = ("--images", "digits", "--limit", 11, "-T", 2, "--batch", 3)


def begin(directory: Path, images: str = "digits", limit: int | None = 11, batch: int = 3) -> DatasetRun:
    return open_dataset(directory, ModelChoice("digits"), DatasetRequest(images, 2, "float32", batch, limit), lambda _: None)


def done(study: DatasetRun, tasks: range | None = None) -> DatasetRun:
    numbers = range(study.batches) if tasks is None else tasks
    run_here(measure.run_batch, [study.task(number, 1) for number in numbers], [], lambda _: None)
    return study


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DatasetTable:
    """The table of 11 digits in 4 batches, done in one go in this process."""
    study = done(begin(tmp_path_factory.mktemp("plain")))
    return tabulate(study, study.records())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="distributed is not installed (extra `study`)")
    with local_cluster(2) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six digits as image files in class folders."""
    found = embedded_digits("test")
    for i in range(6):
        path = tmp_path / "images" / str(found.labels[i]) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((found.images[i].astype(np.uint16) * 255 // 16).astype(np.uint8)).convert("RGB").save(path)
    return tmp_path / "images"


@pytest.mark.slow
def test_the_table_is_that_of_one_run_over_all_images(plain: DatasetTable, tmp_path: Path) -> None:
    program, chosen = begin(tmp_path).program, digits("test", 11)
    activity = execute(program, chosen.images, 2)
    report = price(activity, program.chip)
    for row in plain.rows:
        for name in ("eq30", "released", "executed"):
            estimate = row.ratios[name]
            assert estimate is not None and estimate.value == pytest.approx(report.ratio(name, step=row.step), rel=1e-12)
        assert row.accuracy is not None
        assert row.accuracy.value == (activity.logits[row.step - 1].argmax(axis=1) == chosen.labels).mean()
    assert plain.images == 11 and not plain.skipped


def test_one_two_and_borrowed_workers_write_the_same_bytes(synaptile: Command, cluster: Any, tmp_path: Path) -> None:
    address = cluster.scheduler.address
    for name, spread in {"one": (), "two": ("--workers", 2), "cluster": ("--scheduler", address)}.items():
        outcome = synaptile("table1", "digits", *SETTINGS, *spread, "-o", tmp_path / name)
        assert outcome.code == 0, outcome.err
        assert "Published and measured" in outcome.out
    for suffix in ("json", "csv", "md"):
        one = (tmp_path / "one" / f"table1.{suffix}").read_bytes()
        assert one == (tmp_path / "two" / f"table1.{suffix}").read_bytes()
        assert one == (tmp_path / "cluster" / f"table1.{suffix}").read_bytes()


def test_a_batch_whose_worker_is_killed_is_redone_and_counted_once(cluster: Any, plain: DatasetTable, tmp_path: Path) -> None:
    study, marker = begin(tmp_path / "out"), tmp_path / "killed"

    def killed_in_the_middle(task: Any) -> int:
        from synaptile.studies.dataset.measure import run_batch

        if task.number == 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return run_batch(task)

    finished: list[int] = []
    tasks = [study.task(number, 1) for number in range(4)]
    run_on(cluster, killed_in_the_middle, tasks, [f"batch-{task.number}" for task in tasks], finished.append)
    assert marker.exists() and sorted(finished) == [0, 1, 2, 3]
    assert tabulate(study, study.records()) == plain


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_what_is_missing(
    synaptile: Command, monkeypatch: pytest.MonkeyPatch, plain: DatasetTable, tmp_path: Path
) -> None:
    calls: list[int] = []

    def counted(*arguments: Any) -> record.BatchRecord:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        return measured(*arguments)

    measured = measure.measure
    monkeypatch.setattr(measure, "measure", counted)
    assert synaptile("table1", "digits", *SETTINGS, "-o", tmp_path).code != 0
    assert not (tmp_path / "table1.json").exists()
    kept = {path: path.stat().st_ino for path in (tmp_path / "batches").iterdir()}
    assert len(kept) == 2
    calls.clear()
    assert synaptile("table1", "digits", *SETTINGS, "-o", tmp_path).code == 0
    assert len(calls) == 2
    assert kept.items() <= {path: path.stat().st_ino for path in (tmp_path / "batches").iterdir()}.items()
    assert json.loads((tmp_path / "table1.json").read_text())["rows"] == json.loads(dataset_json(plain))["rows"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("-T", 3), "steps was 2, now 3"),
        (("--batch", 4), "batch was 3, now 4"),
        (("--limit", 10), "images was 11, now 10"),
        (("--crop", 0.9), "crop was None, now 0.9"),
        (("--numeric", "int8"), "numeric was float32, now int8"),
        (("--preset", "released"), "preset was paper, now released"),
        (("--chip", "loihi"), "chip was"),
    ],
)
def test_going_on_with_other_settings_is_refused(synaptile: Command, tmp_path: Path, change: Any, said: str) -> None:
    begin(tmp_path)
    outcome = synaptile("table1", "digits", *SETTINGS, *change, "-o", tmp_path)
    assert outcome.code == 2 and said in " ".join(outcome.err.split())
    assert not (tmp_path / "batches").exists()


@pytest.mark.slow
def test_other_images_and_other_models_are_refused(synaptile: Command, digits_graph: Path, folder: Path, tmp_path: Path) -> None:
    study = done(begin(tmp_path / "out", str(folder), None))
    next(folder.rglob("5.png")).rename(folder / "moved.png")
    with pytest.raises(InputError, match="image_list was"):
        begin(study.directory, str(folder), None)
    outcome = synaptile("table1", digits_graph, *SETTINGS, "-o", study.directory)
    assert outcome.code == 2 and "model was digits" in " ".join(outcome.err.split())


@pytest.mark.slow
def test_corrupt_images_are_skipped_listed_and_counted(synaptile: Command, folder: Path, tmp_path: Path) -> None:
    whole = next(folder.rglob("4.png")).read_bytes()
    for name in ("a.png", "b.png"):
        (folder / "0" / name).parent.mkdir(exist_ok=True)
        (folder / "0" / name).write_bytes(whole[:40])
    outcome = synaptile("table1", "digits", "--images", folder, "-T", 1, "--batch", 1, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "Skipped: 2 images" in outcome.out and "0/a.png" in outcome.out
    document = json.loads((tmp_path / "out" / "table1.json").read_text())
    assert document["images"] == 6 and document["skipped_count"] == 2
    assert [entry["image"] for entry in document["skipped"]] == ["0/a.png", "0/b.png"]
    for path in folder.rglob("*.png"):
        path.write_bytes(b"nothing")
    outcome = synaptile("table1", "digits", "--images", folder, "-T", 1, "-o", tmp_path / "none")
    assert outcome.code == 2 and "none of the 8 images could be read" in " ".join(outcome.err.split())


def test_an_empty_folder_is_refused_and_nothing_written(synaptile: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = synaptile("table1", "digits", "--images", tmp_path / "empty", "-o", tmp_path / "out")
    assert outcome.code == 2 and "no image in the folder" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_crop_reaches_the_pictures_of_every_batch(
    synaptile: Command, digits_program: Path, folder: Path, tmp_path: Path
) -> None:
    for crop in (1.0, 0.5):
        arguments = ("--images", folder, "--crop", crop, "-T", 1, "--batch", 4)
        assert synaptile("table1", digits_program, *arguments, "-o", tmp_path / f"{crop}").code == 0
    rows = [json.loads((tmp_path / f"{crop}" / "table1.json").read_text())["rows"] for crop in (1.0, 0.5)]
    assert rows[0] != rows[1]


def test_images_without_labels_give_no_accuracy(synaptile: Command, digits_program: Path, folder: Path, tmp_path: Path) -> None:
    next(folder.rglob("0.png")).rename(folder / "unknown.png")
    outcome = synaptile("table1", digits_program, "--images", folder, "-T", 1, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    document = json.loads((tmp_path / "out" / "table1.json").read_text())
    assert document["ann_accuracy"] is None and document["rows"][0]["accuracy"] is None
    assert "not every image has a label" in outcome.out


@pytest.mark.slow
def test_a_damaged_batch_is_refused_with_the_remedy(plain: DatasetTable, tmp_path: Path) -> None:
    study = done(begin(tmp_path))
    file = record.batch_file(tmp_path, 1)
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"000001\.npz.*delete it"):
        study.records()
    file.write_bytes(record.batch_file(tmp_path, 0).read_bytes())
    with pytest.raises(InputError, match="holds batch 0"):
        study.records()
    file.unlink()
    assert study.missing() == [1]
    assert tabulate(done(study, range(1, 2)), study.records()) == plain


def test_a_batch_that_is_kept_is_not_measured_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    study = done(begin(tmp_path))
    monkeypatch.setattr(measure, "measure", lambda *_: pytest.fail("measured again"))
    done(study)


def test_a_batch_that_is_lost_or_twice_there_is_no_table(tmp_path: Path) -> None:
    study = done(begin(tmp_path))
    records = study.records()
    for wrong in (records[:-1], [*records, records[0]]):
        with pytest.raises(ConservationError, match="11 listed"):
            tabulate(study, wrong)


@pytest.mark.parametrize("chip", [splitting_chip, replicating_chip])
def test_operations_of_each_image_are_those_of_a_run_of_it_alone(chip: Callable[[], Chip]) -> None:
    program = map_graph(vit_graph(1, 10, 8, 2, 16, 3), chip())
    if chip is splitting_chip:  # parts that share a head each sum its second operand for themselves
        assert len(program.parts_of("blocks.0.attn.qk")) > 2
    images = some_images(program.graph, 3)
    together = executed_by_image(execute(program, images, 3))
    for i in range(3):
        alone = execute(program, images[i : i + 1], 3).operations
        counts = np.zeros((len(OPS), 3), np.int64)
        np.add.at(counts, alone.op, alone.count)
        np.testing.assert_array_equal(together[:, :, i], counts)
    assert (together[:, :, 0] != together[:, :, 1]).any()


def test_standard_errors() -> None:
    assert binomial(30, 40) == Estimate(0.75, math.sqrt(0.75 * 0.25 / 40))
    found = mean_of(np.array([1.0, 2.0, 6.0]))
    assert found.value == 3.0 and found.error == pytest.approx(math.sqrt(7.0 / 3))
    assert mean_of(np.array([1.5])) == Estimate(1.5, None)


def table_of(architecture: str, gmacs: float) -> DatasetTable:
    one = Estimate(0.5, None)
    rows = tuple(StepRow(step, one, one, one, {"eq30": one, "released": one, "executed": None}) for step in (2, 3))
    return DatasetTable(architecture, architecture, gmacs, "chip", "fp32", 1, one, rows, (("x|y.png", "torn"),), ("a note",), {})


@pytest.mark.parametrize(
    ("architecture", "gmacs", "row", "own"),
    [
        ("vit_small_patch16_224.augreg_in1k", 4.5, "ViT-S/16", True),
        ("vit_tiny_patch16_224", 1.22, "ViT-S/16", False),
        ("eva_giant_patch14_560", 1600.0, "EVA", False),
    ],
)
def test_the_papers_row_stands_beside_its_own_model_else_the_nearest_for_context(
    architecture: str, gmacs: float, row: str | None, own: bool
) -> None:
    table = table_of(architecture, gmacs)
    assert table.paper == (row, own)
    assert published_at(table, 3) is None and published_at(table, 2) is not None


def test_what_is_not_known_or_published_stays_visible_in_every_format() -> None:
    table = table_of("vit_small_patch16_224", 4.5)
    lines = list(csv.DictReader(io.StringIO(dataset_csv(table))))
    assert [line["published_ratio"] for line in lines] == ["0.15", ""] and lines[0]["ratio_executed"] == ""
    assert json.loads(dataset_json(table))["rows"][1]["published"] is None
    text = markdown(dataset_document(table))
    assert "unpriced" in text and "x\\|y.png" in text and "| 3 | 50.00 | - | 0.5000 | - |" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("digits", "--workers", 0), "--workers is 0"),
        (("digits", "--batch", 0), "--batch is 0"),
        (("digits", "--crop", 2), "crop is 2.0"),
        (("digits", "--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "exclude each other"),
        (("digits", "--weights", "w.safetensors"), "--weights"),
        (("nowhere.spk",), "no such file"),
        (("vit_tiny_patch16_224",), "--calibration"),
    ],
)
def test_options_that_cannot_be(synaptile: Command, tmp_path: Path, arguments: list[object], said: str) -> None:
    outcome = synaptile("table1", *arguments, "--images", "digits", "-o", tmp_path / "out")
    assert outcome.code == 2 and said in " ".join(outcome.err.split())
    assert not (tmp_path / "out").exists()


def test_the_missing_extra_is_named(synaptile: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("synaptile.studies.extra.find_spec", lambda _: None)
    outcome = synaptile("table1", "digits", *SETTINGS, "--workers", 2, "-o", tmp_path / "out")
    assert outcome.code == 2 and "synaptile[study]" in outcome.err
    assert synaptile("table1", "digits", *SETTINGS, "-o", tmp_path / "out").code == 0
