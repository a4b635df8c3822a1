"""Do the four commands of the docs lead a newcomer from pictures to a page, as they stand there?"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from synaptile.cli import app

pytest.importorskip("timm", reason="timm, from which the model comes, is not installed")

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--random-weights 0 --depth 1 --image-size 32"
"""In place of weights, which the tests have none of, and of twelve blocks of 197 tokens."""


def commands(page: Path) -> list[str]:
    """The lines of the first block of commands that converts a timm model."""
    blocks = re.findall(r"(?:^    .*\n)+", page.read_text(encoding="utf-8"), re.M)
    block = next(block for block in blocks if "synaptile chips ecmt45 --yaml" in block and "synaptile convert vit_tiny" in block)
    return [line.split("  #")[0].strip() for line in block.splitlines() if line.strip().startswith("synaptile")]


@pytest.mark.slow
def test_four_commands_make_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (4, 40, 48, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        (tmp_path / "PICTURES" / f"class{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "PICTURES" / f"class{number % 2}" / f"{number}.png")
    lines = commands(ROOT / "docs" / "first-report.md")
    assert len(lines) == 4
    monkeypatch.chdir(tmp_path)
    for line in lines:
        line = line.replace("vit_tiny_patch16_224", f"vit_tiny_patch16_224 {SMALL}")
        own, _, target = line.partition(" > ")
        done = CliRunner().invoke(app, shlex.split(own)[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
        if target:
            Path(target).write_text(done.stdout, encoding="utf-8")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "on my-ecmt45" in page and '"schedule": null' not in page
    assert (tmp_path / "out" / "energy.json").is_file()


def test_the_readme_gives_the_same_commands() -> None:
    assert commands(ROOT / "README.md") == commands(ROOT / "docs" / "first-report.md")
