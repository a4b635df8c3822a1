"""Do the README's figures come from one run, with the command that makes it?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from synaptile.cli import app
from synaptile.energy import Rung
from synaptile.report.numbers import energy_text, ratio_text
from synaptile.report.views.energy import cheaper_text

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN: dict[str, Any] = json.loads((ROOT / "docs" / "figures" / "readme_run.json").read_text(encoding="utf-8"))


def test_the_ladder_is_that_of_the_run() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", README, re.M)
    told = {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}
    for one in RUN["ladder"]:
        rung = Rung(**one)
        assert rung.ratio is not None
        assert told[rung.name] == [
            energy_text(rung.snn_pj),
            energy_text(rung.ann_pj),
            ratio_text(rung.ratio),
            cheaper_text(rung),
        ]
    assert f"{RUN['images']} validation images, {RUN['steps']} steps" in " ".join(README.split())


def test_the_command_stands_beside_it_and_its_options_exist() -> None:
    (line,) = re.findall(r"^    (synaptile run vit\.map .*--crop .*)$", README, re.M)
    told, run = line.split("  #")[0].split(), RUN["command"]
    for option in ("--crop", "--steps", "--keep-spikes"):
        assert told[told.index(option) + 1] == run[run.index(option) + 1], option
    assert ("--with-schedule" in told) and ("--with-schedule" in run)
    usage = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    assert all(word in usage for word in told if word.startswith("--"))


def test_what_it_says_of_agreement_and_time_is_of_that_run() -> None:
    (one,) = RUN["equal_answers"]
    assert one["step"] is None and f"{100 * one['best']:.1f} %" in README
    assert f"{RUN['latency_ms']:.1f} ms" in README and f"{RUN['images_per_second']:.0f} images/s" in README
