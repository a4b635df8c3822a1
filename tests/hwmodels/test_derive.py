"""Is the chip file to start from a chip file, of the same figures?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from synaptile.hwmodels import chip_document, chip_from_document, load_chip, shipped_chips
from synaptile.hwmodels.derive import derived_file


@pytest.mark.parametrize("name", shipped_chips())
def test_it_loads_as_the_same_chip_under_another_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(derived_file(load_chip(name), name))
    mine, base = load_chip(tmp_path / "mine.yaml"), load_chip(name)
    assert mine.name == f"my-{name}" and mine.lacks == base.lacks
    assert (mine.mesh, mine.synapse_core, mine.ec_core, mine.noc) == (base.mesh, base.synapse_core, base.ec_core, base.noc)
    assert mine.operation_pj == base.operation_pj and mine.special_functions == base.special_functions
    assert mine.sources == base.sources, "every figure comes from where it came from"


def test_a_figure_is_a_line_to_change_or_delete(tmp_path: Path) -> None:
    base = load_chip("ecmt45")
    text = derived_file(base, "ecmt45")
    line = '  weight_bits: {value: 32, assumed: "fp32, as trained and as billed by the paper\'s 4.6 and 0.9 pJ"}\n'
    assert line in text
    changed = f"name: mine\nextends: ecmt45\nsynapse_core:\n{line.partition('{')[0]}{{value: 16, source: a data sheet}}\n"
    (tmp_path / "mine.yaml").write_text(changed)
    mine = load_chip(tmp_path / "mine.yaml")
    assert mine.synapse_core.weight_bits == 16 and mine.sources["synapse_core.weight_bits"] == "a data sheet"
    assert mine.sources["clock_mhz"] == base.sources["clock_mhz"]


def test_a_chip_file_can_be_the_base(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(derived_file(load_chip("ecmt45"), "ecmt45"))
    second = derived_file(load_chip(tmp_path / "first.yaml"), "first.yaml")
    (tmp_path / "second.yaml").write_text(second)
    chip = load_chip(tmp_path / "second.yaml")
    assert chip.name == "my-my-ecmt45" and chip.sources == load_chip("ecmt45").sources


def test_lines_are_no_longer_than_the_width_and_end_without_blanks() -> None:
    for name in shipped_chips():
        lines = derived_file(load_chip(name), name).splitlines()
        assert all(len(line) <= 130 and line == line.rstrip() for line in lines)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(text=st.text("ab:#'\"{}- \n\té,\\&", min_size=1, max_size=300), assumed=st.booleans())
def test_any_source_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str, assumed: bool) -> None:
    document = chip_document(load_chip("ecmt45"))
    document["clock_mhz"] = {"value": 250, "assumed" if assumed else "source": text}
    chip = chip_from_document(document, "stored")
    path = tmp_path_factory.mktemp("derived") / "mine.yaml"
    path.write_bytes(derived_file(chip, "ecmt45").encode())
    assert load_chip(path).sources == chip.sources
