"""Is the chip file to start from a chip file, of the same figures?"""

from __future__ import annotations

from pathlib import Path

import pytest

from synaptile.hwmodels import load_chip, shipped_chips
from synaptile.hwmodels.derive import derived_file


@pytest.mark.parametrize("name", shipped_chips())
def test_it_loads_as_the_same_chip_under_another_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(derived_file(load_chip(name), name))
    mine, base = load_chip(tmp_path / "mine.yaml"), load_chip(name)
    assert mine.name == f"my-{name}" and mine.lacks == base.lacks
    assert (mine.mesh, mine.synapse_core, mine.ec_core, mine.noc) == (base.mesh, base.synapse_core, base.ec_core, base.noc)
    assert mine.operation_pj == base.operation_pj and mine.special_functions == base.special_functions
    assert all(mine.sources[figure] == f"assumed: as {name}" for figure in base.sources)


def test_every_figure_is_a_line_to_change_or_delete(tmp_path: Path) -> None:
    base = load_chip("ecmt45")
    text = derived_file(base, "ecmt45")
    line = "  lanes_per_cycle: {value: 32, assumed: as ecmt45}\n"
    assert line in text
    changed = "name: mine\nextends: ecmt45\nsynapse_core:\n" + line.replace("32, assumed: as ecmt45", "64, source: a data sheet")
    (tmp_path / "mine.yaml").write_text(changed)
    mine = load_chip(tmp_path / "mine.yaml")
    assert mine.synapse_core.lanes_per_cycle == 64 and mine.sources["synapse_core.lanes_per_cycle"] == "a data sheet"
    assert mine.sources["clock_mhz"] == base.sources["clock_mhz"]


def test_a_chip_file_can_be_the_base(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(derived_file(load_chip("ecmt45"), "ecmt45"))
    second = derived_file(load_chip(tmp_path / "first.yaml"), "first.yaml")
    (tmp_path / "second.yaml").write_text(second)
    assert load_chip(tmp_path / "second.yaml").name == "my-my-ecmt45"
