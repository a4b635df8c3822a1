"""Every file that a command opens: a sound one, what reads it, and how it is mutated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scripts.fuzz_mutations import Mutate, archive_of, json_lines, json_text, some_bytes, structure_of, yaml_text
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.images import load_images, open_folder
from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer, save_integer_network
from synaptile.conversion.nir import from_nir
from synaptile.conversion.spikezip.files import load_qann
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.conversion.text.tokenizer import read_sentences
from synaptile.conversion.weights import read_state
from synaptile.data import DATA_DIR, DIGITS_GRAPH, embedded_digits, preprocess_digits
from synaptile.energy import price
from synaptile.foundation.digest import digest_of
from synaptile.hwmodels import load_chip
from synaptile.hwmodels.foreign import import_chip
from synaptile.hwmodels.stored import chip_document
from synaptile.images import read_images
from synaptile.mapper import CoreProgram, load_program, map_graph, save_program
from synaptile.mapper.partition import load_partition, partition_of, save_partition
from synaptile.pipeline import schedule_run, scheduled_in
from synaptile.report.trace.parquet import read_tables
from synaptile.report.trace.tables import METADATA_KEY
from synaptile.simulator import execute
from synaptile.simulator.activity import OPS
from synaptile.simulator.storage import FORMAT, VERSION
from synaptile.simulator.synthetic.document import read_rates
from synaptile.studies.dataset.record import FORMAT as BATCH
from synaptile.studies.dataset.record import BatchRecord, batch_file, load_record, save_record
from synaptile.studies.outputs import LIST, replaced
from synaptile.studies.rundir import Run, load_run, save_run
from synaptile.studies.settings import is_begun, save_settings
from synaptile.studies.sizing.evaluate import read_points
from synaptile.studies.sweeping import parquet
from synaptile.studies.sweeping.context import FILE as CONTEXT
from synaptile.studies.sweeping.context import load_context, save_context
from synaptile.studies.sweeping.journal import Journal
from synaptile.studies.sweeping.plan import context_of, plan_of
from synaptile.studies.sweeping.rows import PointRow
from synaptile.studies.tuning.request import TuneRequest
from synaptile.studies.tuning.search import run_trials
from synaptile.studies.tuning.trials import Score
from tests.text.small_encoders import write_folder

ROOT = Path(__file__).resolve().parents[1]
STUDY = """
name: fuzzed
model: {digits: true}
images: {from: digits, limit: 32}
chip: ecmt45-mini
mapping: {placement: row_major}
steps: 8
search:
  sampler: nsga2
  seed: 0
  trials: 60
  batch: 10
  parameters:
    steps: {low: 1, high: 8}
    conversion.threshold_factor: {low: 0.5, high: 2.0, log: true}
    chip.synapse_core.lanes_per_cycle: [4, 8, 16, 32]
objectives: [latency_ms, energy_static_pj, agreement]
"""
RATES = """
source: a test
default: 0.2
sites:
  - {match: blocks.0.*, rate: [0.1, 0.2]}
"""
ADD = {"operation_pj.add.fp32": "adder.add[width=32]"}
ERT = "ERT: {version: 0.4, tables: [{name: adder, actions: [{name: add, arguments: {width: 32}, energy: 0.5}]}]}\n"


class Reader(NamedTuple):
    """What is read: its name in the table, the file that is mutated, what reads it, and how it is mutated."""

    name: str
    file: Path
    read: Callable[[], Any]
    mutate: Mutate


def readers(folder: Path) -> list[Reader]:
    """All of them, their sound files written into a folder."""
    program = map_graph(load_graph(DIGITS_GRAPH), load_chip("ecmt45-mini"))
    return [
        *_of_chips(folder),
        *_of_networks(folder, program),
        *_of_runs(folder, program),
        *_of_images(folder, program.graph),
        *_of_studies(folder, program.graph),
    ]


def _of_chips(folder: Path) -> list[Reader]:
    def of(name: str, file: str, copied: Path, read: Callable[[Path], Any], mutate: Mutate) -> Reader:
        shutil.copy(copied, folder / file)
        return Reader(name, folder / file, lambda: read(folder / file), mutate)

    chip, examples = ROOT / "hwmodels" / "chips" / "ecmt45.yaml", ROOT / "examples"
    (folder / "ert").write_text(ERT)
    return [
        of("chip (YAML)", "chip.yaml", chip, load_chip, yaml_text),  # with every section, as it extends no other
        of("architecture of SANA-FE (YAML)", "sanafe.yaml", examples / "sanafe_architecture.yaml", import_chip, yaml_text),
        of("table of components (CSV)", "parts.csv", examples / "components.csv", _priced, some_bytes),
        of("table of components (YAML)", "ert.yaml", folder / "ert", _priced, yaml_text),
    ]


def _priced(table: Path) -> Any:
    return import_chip(table, "ecmt45", figures=ADD)


def _of_networks(folder: Path, program: CoreProgram) -> list[Reader]:
    graph, net, mapped = program.graph, folder / "net.spk", folder / "net.map"
    shutil.copy(DIGITS_GRAPH, net)
    save_program(program, mapped)
    save_partition(partition_of(program), folder / "partition.yaml")
    layer = IntegerLayer("fc", np.ones((3, 4), np.int8), np.zeros(3, np.int32), None)
    save_integer_network(IntegerNetwork("small", (1, 2, 2), [layer], 9), folder / "integer.npz")
    shutil.copy(ROOT / "tests" / "nir" / "snntorch.nir", folder / "net.nir")
    for name in ("digits_qann", "digits_vit"):
        shutil.copy(DATA_DIR / f"{name}.safetensors", folder / f"{name}.safetensors")
    encoder = folder / "encoder"
    encoder.mkdir()
    write_folder(encoder)
    (folder / "sentences.txt").write_text("# two\na first sentence\nand another one\n")
    qann, weights = folder / "digits_qann.safetensors", folder / "digits_vit.safetensors"
    return [
        Reader("graph (.spk)", net, lambda: load_graph(net), some_bytes),
        Reader("graph, structure", net, lambda: load_graph(net), structure_of(folder)),
        Reader("program (.map)", mapped, lambda: load_program(mapped), some_bytes),
        Reader("partition (YAML)", folder / "partition.yaml", lambda: load_partition(folder / "partition.yaml"), yaml_text),
        Reader("integer network (.npz)", folder / "integer.npz", lambda: from_integer(folder / "integer.npz"), some_bytes),
        Reader("NIR", folder / "net.nir", lambda: from_nir(folder / "net.nir"), some_bytes),
        Reader("QANN", qann, lambda: load_qann(qann, graph), some_bytes),
        Reader("checkpoint", weights, lambda: read_state(weights), some_bytes),
        Reader("text encoder, config", encoder / "config.json", lambda: load_text_encoder(encoder), json_text),
        Reader("text encoder, weights", encoder / "model.safetensors", lambda: load_text_encoder(encoder), some_bytes),
        Reader("sentences", folder / "sentences.txt", lambda: read_sentences(folder / "sentences.txt"), some_bytes),
    ]


def _of_runs(folder: Path, program: CoreProgram) -> list[Reader]:
    digits, run, chip = embedded_digits("test"), folder / "run", program.chip
    activity = execute(program, preprocess_digits(digits.images[:3]), 2)
    with replaced(run) as staged:
        save_run(Run(activity, digits.labels[:3].astype(np.int64), np.zeros((3, 10))), staged)
    document = {"chip_digest": chip.digest, "chip_figures": chip_document(chip), "chip": chip.name, "images": 1}
    (run / "trace").mkdir()
    jobs = pa.table({"node": ["a", "b"], "start": [1, 2]}).replace_schema_metadata({METADATA_KEY: b"1"})
    pq.write_table(jobs, run / "trace" / "jobs.parquet")
    (run / "schedule.json").write_text(json.dumps(document | {"synchronisation": "dataflow"}))
    (folder / "rates.yaml").write_text(RATES)
    loaded = load_run(run)

    def whole_run() -> None:
        read = load_run(run).activity
        price(read, read.program.chip)

    def schedule_again() -> None:
        if (done := scheduled_in(run, loaded)) is not None and done.chip.digest == chip.digest:
            schedule_run(loaded, None, done.images, done.synchronisation)

    def replace_files() -> None:
        kept = {path: path.read_bytes() for path in run.iterdir() if path.is_file() and path.name != LIST}
        with replaced(run) as staged:
            (staged / "activity.npz").write_text("another")
        for path, content in kept.items():
            path.write_bytes(content)

    return [
        Reader("run, bytes", run / "activity.npz", whole_run, some_bytes),
        Reader("run, header and shapes", run / "activity.npz", whole_run, archive_of(folder, FORMAT, VERSION)),
        Reader("inputs of a run", run / "inputs.npz", whole_run, archive_of(folder, "synaptile-inputs", 1)),
        Reader("schedule of a run", run / "schedule.json", schedule_again, json_text),
        Reader("files of a run", run / LIST, replace_files, json_text),
        Reader("trace (Parquet)", run / "trace" / "jobs.parquet", lambda: read_tables(run / "trace"), some_bytes),
        Reader("rates (YAML)", folder / "rates.yaml", lambda: read_rates(folder / "rates.yaml"), yaml_text),
    ]


def _of_images(folder: Path, graph: SpikingGraph) -> list[Reader]:
    digits, spiking = embedded_digits("test"), from_nir(folder / "net.nir")
    labels = digits.labels[:3].astype(np.int64)
    np.savez_compressed(folder / "images.npz", images=preprocess_digits(digits.images[:3]), labels=labels)
    inputs = next(iter(spiking.nodes.values())).width
    np.savez_compressed(folder / "spikes.npz", spikes=np.ones((2, 3, inputs), np.int8), labels=np.zeros(3, np.int64))
    pictures = folder / "pictures"
    pictures.mkdir()
    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(pictures / "a.png")
    (pictures / "labels.csv").write_text("file,label\na.png,3\n")
    return [
        Reader("images (.npz)", folder / "images.npz", lambda: read_images(str(folder / "images.npz"), graph), some_bytes),
        Reader(
            "spike trains (.npz)", folder / "spikes.npz", lambda: read_images(str(folder / "spikes.npz"), spiking), some_bytes
        ),
        Reader("picture", pictures / "a.png", lambda: load_images(pictures, graph), some_bytes),
        Reader("labels.csv", pictures / "labels.csv", lambda: open_folder(pictures), some_bytes),
    ]


def _of_studies(folder: Path, graph: SpikingGraph) -> list[Reader]:
    study, sizing, sweep, tune = (folder / name for name in ("study.yaml", "sizing.jsonl", "sweep", "tune"))
    study.write_text(STUDY)
    point = {"changes": {"clock_mhz": 500}, "outcome": {"fits": True, "binding": "a", "why": "b"}}
    sizing.write_text("\n".join(json.dumps(point) for _ in range(3)) + "\n")
    for made in (sweep, tune):
        made.mkdir()
    save_settings(tune, "tune", {"steps": 2})
    each, one = np.zeros((1, 2), np.int64), np.zeros(2, np.int64)
    executed = np.zeros((len(OPS), 1, 2), np.int64)
    record = BatchRecord(np.arange(2), each, one, each.astype(float), each, each, executed, ((5, "why"),), "fp32")
    save_record(record, folder, 0, "d")
    journal, context = Journal(sweep, "d"), context_of(plan_of(study), sweep, begun=False)
    for number in range(3):
        journal.append(PointRow(number, {"steps": 1, "chip": "a"}, reason="InputError", message="why"))
    digest, context_file = save_context(context), sweep / CONTEXT
    table = pa.table({"point": [1, 2]}).replace_schema_metadata({parquet.METADATA_KEY: b"1"})
    pq.write_table(table, sweep / parquet.FILE)

    def read_trials() -> None:
        score = (Score(1, 0.5, 0.9, 1.0, None), Score(2, 0.4, 0.95, 1.0, None))
        run_trials(graph, lambda _: score, tune / "trials.journal", TuneRequest(2, 0.1, 0), 3, lambda *_: None)

    def read_context() -> None:
        load_context.cache_clear()
        try:
            own = digest_of(json.loads(context_file.read_bytes()))  # the content is what is looked at
        except ValueError:
            own = digest
        load_context(str(sweep), own)

    read_trials()
    return [
        Reader("study (YAML)", study, lambda: plan_of(study), yaml_text),
        Reader("settings of a study", tune / "settings.json", lambda: is_begun(tune, "tune", {"steps": 2}), json_text),
        Reader("batch of table1", batch_file(folder, 0), lambda: load_record(folder, 0, "d"), archive_of(folder, BATCH, 1)),
        Reader("points of a sizing", sizing, lambda: read_points(sizing), json_lines),
        Reader("points of a sweep", journal.file, journal.read, json_lines),
        Reader("table of a sweep", sweep / parquet.FILE, lambda: parquet.read_points(sweep / parquet.FILE), some_bytes),
        Reader("context of a sweep", context_file, read_context, json_text),
        Reader("trials of tune", tune / "trials.journal", read_trials, json_lines),
    ]
