"""Are figures drawn, with the report's figures in them, the same way each time?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synaptile.energy import HOROWITZ, EnergyTable, price
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip
from synaptile.report import memory_map, ratio_figure
from tests.energy.hand_made import activity

CHIP = load_chip("ecmt45")


def test_the_ratio_figure_is_written_as_png_and_svg(tmp_path: Path) -> None:
    png, svg = ratio_figure(price(activity(), CHIP), tmp_path / "ratio", paper="ViT-S/16")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ratio.png", "ratio.svg"]
    pixels = np.asarray(Image.open(png).convert("L"))
    assert pixels.shape[1] > 800 and pixels[0, 0] == 255 and pixels.std() > 5
    assert svg.read_text().startswith("<?xml")


def test_the_same_run_gives_the_same_svg(tmp_path: Path) -> None:
    report = price(activity(), CHIP)
    (_, first), (_, second) = memory_map(report, tmp_path / "a"), memory_map(report, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_the_memory_map_draws_fuller_cores_darker(tmp_path: Path) -> None:
    run = activity()
    empty, _ = memory_map(price(run, CHIP), tmp_path / "empty")
    run.program.cores.weight_bits_used[:3] = CHIP.synapse_core.weight_memory_bits
    full, _ = memory_map(price(run, CHIP), tmp_path / "full")
    assert np.asarray(Image.open(full).convert("L")).mean() < np.asarray(Image.open(empty).convert("L")).mean()


def test_a_figure_without_its_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ViT-S/16"):
        ratio_figure(price(activity(), CHIP), tmp_path / "ratio", paper="ResNet")
    bare = EnergyTable("bare", HOROWITZ.figures, {})
    with pytest.raises(InputError, match="without a price"):
        ratio_figure(price(activity(), CHIP, energy_table=bare), tmp_path / "ratio")
    assert not list(tmp_path.iterdir())
