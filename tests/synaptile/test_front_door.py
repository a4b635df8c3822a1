"""Smoke: does the front door open, and does everything behind it travel with the package?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import synaptile as st
from synaptile.data import embedded_digits
from synaptile.images import digits
from synaptile.studies.rundir import load_run
from tests.synaptile.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
NAMES: list[str] = vars(st)["__all__"]


def test_the_public_names_exist_and_are_sorted() -> None:
    assert sorted(NAMES) == NAMES
    for name in NAMES:
        assert getattr(st, name) is not None, name
    for name in ("convert", "load_chip", "map_graph", "execute", "price", "reference"):
        assert name in NAMES


def test_every_public_function_says_what_it_does() -> None:
    assert not [name for name in NAMES if not (getattr(st, name).__doc__ or "").strip()]


def test_importing_synaptile_imports_no_torch() -> None:
    code = "import sys, synaptile, synaptile.cli; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_the_demo_runs_prints_and_writes(synaptile: Command, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    outcome = synaptile("demo", "--steps", 4, "--limit", 40, "-o", out)
    assert outcome.code == 0, outcome.err
    for title in ("Acc. (%)", "ratio eq30", "Energy ladder", "heaviest", "Use of the", "Spike density", "Placement"):
        assert title in outcome.out, title
    written = {path.name for path in out.iterdir()}
    assert {"digits.spk", "program.map", "activity.npz", "inputs.npz", "provenance.json", "energy.json", "energy.csv"} <= written
    assert {"energy.md", "ratio.png", "ratio.svg", "memory.png", "memory.svg"} <= written
    assert not [name for name in written if name.endswith(".part")]
    run = load_run(out)
    np.testing.assert_array_equal(run.known_labels, embedded_digits("test").labels[:40])
    assert run.ann_accuracy is not None and run.ann_accuracy >= 0.95
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["graph_digest"] == run.activity.program.graph.digest
    assert provenance["chip_digest"] == st.load_chip("ecmt45-mini").digest
    assert provenance["command"][1:3] == ["demo", "--steps"]


def test_the_spiking_network_reads_digits_as_well_as_its_original() -> None:
    graph = st.calibrate(st.load_graph(ROOT / "synaptile" / "data" / "digits.spk"), digits("calibration").images)
    chosen = digits("test", 60)
    activity = st.execute(st.map_graph(graph, st.load_chip("ecmt45")), chosen.images, steps=10)
    ann = (st.ann_forward(graph, chosen.images).argmax(axis=1) == chosen.labels).mean()
    snn = (activity.logits[-1].argmax(axis=1) == chosen.labels).mean()
    assert snn >= ann - 1 / 60


@pytest.mark.slow
def test_each_step_of_the_way_on_the_command_line(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    mapped, out = tmp_path / "d.map", tmp_path / "out"
    assert synaptile("map", digits_graph, "-o", mapped).code == 0
    outcome = synaptile("run", mapped, "--images", "digits", "--limit", 3, "--steps", 2, "-o", out)
    assert outcome.code == 0 and "3 images" in outcome.out
    first = (out / "energy.json").read_text()
    again = synaptile("report", out)
    assert again.code == 0 and (out / "energy.json").read_text() == first
    assert synaptile("report", out, "--format", "int8").code == 0
    assert (out / "int8" / "energy.json").is_file()


def test_chips_are_listed_and_opened(synaptile: Command) -> None:
    listed = synaptile("chips")
    for name in st.shipped_chips():
        assert name in listed.out
    opened = synaptile("chips", "ecmt45")
    assert "synapse_core.lanes_per_cycle" in opened.out and "assumed" in opened.out and "reticle" in opened.out


def test_version_and_help(synaptile: Command) -> None:
    assert synaptile("--version").out.startswith("synaptile ")
    helped = synaptile("--help").out
    for command in ("demo", "convert", "map", "run", "report", "chips"):
        assert command in helped


@pytest.mark.slow
def test_without_torch_saved_graphs_run_and_convert_says_what_to_install(digits_program: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'timm', 'torchvision'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, p=None: None if n in ('torch', 'timm', 'torchvision') else found(n, p)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "synaptile", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = command("run", str(digits_program), "--images", "digits", "--limit", "2", "--steps", "1", "-o", "out")
    assert done.returncode == 0, done.stderr
    refused = command("convert", "vit_tiny_patch16_224", "-o", "x.spk")
    assert refused.returncode == 2 and "pip install 'synaptile[convert]'" in refused.stderr, refused.stderr


@pytest.mark.parametrize("numeric", ["float32", "float64", "int8"])
def test_number_formats_agree_on_what_a_digit_is(numeric: str) -> None:
    graph = st.calibrate(st.load_graph(ROOT / "synaptile" / "data" / "digits.spk"), digits("calibration", 32).images)
    chosen = digits("test", 20)
    activity = st.execute(st.map_graph(graph, st.load_chip("ecmt45")), chosen.images, steps=8, numeric=numeric)
    assert (activity.logits[-1].argmax(axis=1) == chosen.labels).mean() >= 0.9
