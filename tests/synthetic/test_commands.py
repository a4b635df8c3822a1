"""Does the command line draw, size, report and refuse as the library does?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synaptile.commands.ranges import figures
from synaptile.conversion.graph import save_graph
from synaptile.foundation.errors import InputError
from synaptile.mapper import save_program
from synaptile.studies.rundir import load_run
from tests.synaptile.conftest import Command, synaptile
from tests.synthetic.drawn import small_program

__all__ = ["synaptile"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "vit.map"
    save_program(small_program(), path)
    return path


@pytest.mark.slow
def test_a_run_is_drawn_scheduled_and_sized(synaptile: Command, program: Path, tmp_path: Path) -> None:
    out, study = tmp_path / "out", tmp_path / "study"
    drawn = synaptile("synthesise", program, "-o", out, "--density", 0.3, "-T", 2)
    assert drawn.code == 0, drawn.err
    assert "SYNTHETIC" in drawn.out and "Acc. (%)" not in drawn.out
    run = load_run(out)
    assert run.known_labels is None and run.ann_accuracy is None
    scheduled = synaptile("schedule", out)
    assert scheduled.code == 0 and "SYNTHETIC" in scheduled.out, scheduled.err
    arguments = ("size", out, "-o", study, "--latency-ms", 1, "--vary", "synapse_core.lanes_per_cycle=8:32:x2")
    sized = synaptile(*arguments, "--vary", "mesh.width+mesh.height=3,4")
    assert sized.code == 0, sized.err
    assert "SYNTHETIC" in sized.out and "exhaustive" in sized.out and "Marginal values" in sized.out
    document = json.loads((study / "size.json").read_text())
    assert document["answer"]["synapse_core.lanes_per_cycle"] == 8 and document["exhaustive"]
    assert {"size.md", "size.png", "size.svg", "points.jsonl", "settings.json"} <= {path.name for path in study.iterdir()}
    refused = synaptile(*arguments, "--vary", "mesh.width+mesh.height=4")
    assert refused.code == 2 and "holds a study with other settings" in refused.err
    page = synaptile("report", out, "--html", tmp_path / "page.html")
    assert page.code == 0 and 'id="synthetic"' in (tmp_path / "page.html").read_text()
    compared = synaptile("compare", out, out)
    assert compared.code == 0 and "SYNTHETIC" in compared.out


@pytest.mark.slow
def test_graphs_files_and_runs_are_taken(synaptile: Command, tmp_path: Path) -> None:
    graph, rates = tmp_path / "vit.spk", tmp_path / "rates.yaml"
    save_graph(small_program().graph, graph)
    rates.write_text("assumed: a guess\ndefault: 0.2\n")
    first = synaptile("synthesise", graph, "--chip", "ecmt45-mini", "-o", tmp_path / "a", "--rates", rates, "-T", 2)
    assert first.code == 0 and "rates of rates.yaml" in first.out, first.err
    carried = synaptile("synthesise", graph, "--chip", "ecmt45-mini", "-o", tmp_path / "b", "--rates", tmp_path / "a", "-T", 2)
    assert carried.code == 0 and "the run was synthetic itself" in " ".join(carried.out.split()), carried.err
    ratio = synaptile("synthesise", graph, "-o", tmp_path / "c", "--published", "ViT-S/16", "-T", 4)
    assert ratio.code == 0 and "row ViT-S/16 of the paper's Table 1" in " ".join(ratio.out.split()), ratio.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--density", "1.5"), "needs to lie from 0 to 1"),
        (("--density", "nan"), "needs to lie from 0 to 1"),
        ((), "no rates given: give exactly one of"),
        (("--density", "0.1", "--ratio", "0.2"), "--density and --ratio given"),
        (("--published", "ViT-s16"), "did you mean 'ViT-S/16'"),
        (("--published", "ViT-S/16", "-T", "3"), "has no 3 steps"),
        (("--rates", "<b>$(touch x).yaml"), "no such file of rates"),
        (("--density", "0.1", "--images", "0"), "images is 0"),
        (("--density", "0.1", "-T", "1000000000"), "at most 65,536"),
        (("--density", "0.1", "--chip", "ecmt45"), "is mapped already"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    synaptile: Command, program: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = synaptile("synthesise", program, "-o", tmp_path / "out", *arguments)
    assert outcome.code == 2 and message in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8,16,32", [8, 16, 32]),
        ("8:32:8", [8, 16, 24, 32]),
        ("8:64:x2", [8, 16, 32, 64]),
        ("0.5:1.5:0.5", [0.5, 1.0, 1.5]),
        ("7", [7]),
    ],
)
def test_ranges(text: str, values: list[float]) -> None:
    assert figures(text, "--vary x") == values


@pytest.mark.parametrize(
    "text", ["", "a", "8:", "8:64", "8:64:0", "8:64:x1", "64:8:8", "1:2:3:4", "0:8:2", "1:1e9:1", "nan:2:1", "1:inf:x2"]
)
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--vary x"):
        figures(text, "--vary x")


@pytest.mark.parametrize("given", ["lanes", "=3", "mesh.width=3;rm"])
def test_what_does_not_vary_is_refused(synaptile: Command, tmp_path: Path, given: str) -> None:
    outcome = synaptile("size", tmp_path, "-o", tmp_path / "study", "--latency-ms", 1, "--vary", given)
    assert outcome.code == 2 and "--vary" in outcome.err
    twice = synaptile("size", tmp_path, "-o", tmp_path / "s", "--latency-ms", 1, "--vary", "a=1", "--vary", "a=2")
    assert twice.code == 2 and "names 'a' twice" in twice.err


@pytest.mark.slow
def test_drawing_and_sizing_need_no_torch() -> None:
    code = (
        "import sys; from tests.sizing.studies import drawn, base; from synaptile import size; size("
        "drawn(), base(), latency_ms=1.0, parameters={'synapse_core.lanes_per_cycle': [4]}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
