"""Do rows of component tables become figures of the right unit, node and source, and does each that cannot end in one error?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synaptile.cli import app
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import load_chip
from synaptile.hwmodels.foreign import import_chip
from synaptile.hwmodels.node import Supply, factors
from synaptile.hwmodels.scale import scaled

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = EXAMPLES / "components.csv"
ERT = """
ERT:
  version: 0.4
  tables:
    - name: chip[0..3].glb
      actions:
        - {name: read, arguments: {data_delta: 0}, energy: 4}
        - {name: read, arguments: {data_delta: 1}, energy: 6.5}
        - {name: idle, arguments: null, energy: 0}
    - name: chip[0..3].mac
      actions:
        - {name: compute, energy: 2.25}
ART:
  version: 0.4
  tables:
    - {name: 'chip[0..3].mac', area: 1500}
"""


def written(tmp_path: Path, text: str, suffix: str = ".csv") -> Path:
    file = tmp_path / f"table{suffix}"
    file.write_text(text)
    return file


def test_rows_of_the_same_node_are_taken_as_they_are() -> None:
    figures = {
        "operation_pj.add.fp32": "adder.add[width=32]",
        "area.accumulate_lane_um2": "adder.area[width=32]",
        "leakage.ec_core_uw": "adder.leak",
    }
    imported = import_chip(TABLE, "ecmt45", figures=figures)
    chip = imported.chip
    assert chip.operation_pj["add"]["fp32"] == 0.5 and chip.area is not None and chip.area.accumulate_lane_um2 == 300.0
    assert chip.leakage.ec_core_uw == pytest.approx(2.0, rel=1e-12), "0.002 pJ in each ns are 2 uW"
    assert chip.origin("operation_pj.add.fp32") == "components.csv: line 6, adder.add[width=32]"
    left = {place for place, _ in imported.left_out}
    assert {"adder.add[width=16]", "adder.read[width=32]", "router.transfer[width=128]"} <= left
    assert "adder.add[width=32]" not in left


def test_a_row_of_another_node_is_moved_by_the_rules_of_a_chip() -> None:
    base = load_chip("ecmt45")
    chip = import_chip(TABLE, "ecmt45", figures={"operation_pj.mac.fp16": "router.transfer"}).chip
    factor = factors(Supply(65, 1.1), Supply(45, 0.9)).energy
    assert chip.operation_pj["mac"]["fp16"] == pytest.approx(24.5 * factor, rel=1e-12) and factor < 1
    assert "from 65 nm, 1.1 V to 45 nm, 0.9 V" in chip.origin("operation_pj.mac.fp16")
    hop = import_chip(TABLE, "ecmt45", figures={"noc.energy_pj_per_flit_hop": "router.transfer"}).chip
    moved = scaled(replace(base, process_nm=65.0, voltage_v=1.1), "noc.energy_pj_per_flit_hop", Supply(45, 0.9))
    assert moved is not None
    assert hop.noc.energy_pj_per_flit_hop == pytest.approx(24.5 * moved.factor, rel=1e-12)
    loihi = import_chip(TABLE, "loihi", figures={"noc.energy_pj_per_flit_hop": "router.transfer"}).chip
    assert loihi.noc.energy_pj_per_flit_hop == 24.5
    assert "scaling: none" in loihi.origin("noc.energy_pj_per_flit_hop")


def test_accelergys_reference_tables(tmp_path: Path) -> None:
    file = written(tmp_path, ERT, ".yaml")
    figures = {
        "operation_pj.mac.int8": "chip.mac.compute",
        "area.multiplier_um2": "chip.mac.area",
        "operation_pj.add.int8": "chip.glb.read[data_delta=1]",
    }
    chip = import_chip(file, "ecmt45", figures=figures).chip
    assert chip.operation_pj["add"]["int8"] == 6.5
    assert chip.operation_pj["mac"]["int8"] == 2.25 and chip.area is not None and chip.area.multiplier_um2 == 1500
    assert "node not stated" in chip.origin("operation_pj.mac.int8")


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "no figure is asked for; it holds adder.add, adder.read"),
        ({"operation_pj.add.fp33": "adder.add"}, "no parameter 'operation_pj.add.fp33': did you mean 'operation_pj.add.fp32'"),
        ({"operation_pj.add.fp32": "adder.ad"}, r"no row adder\.ad: did you mean 'adder.add'"),
        ({"operation_pj.add.fp32": "adder.add"}, r"fits 2 rows: choose one of adder.add\[width=16\], adder.add\[width=32\]"),
        ({"operation_pj.add.fp32": "adder.add[width=64]"}, "fits no row: choose one of"),
        ({"operation_pj.add.fp32": "adder"}, "names no row"),
        ({"operation_pj.add.fp32": "adder.area[width=32]"}, "is an energy, adder.area"),
        ({"operation_pj.add.fp32": "adder.leak"}, "is an energy, adder.leak"),
        ({"area.multiplier_um2": "adder.add[width=32]"}, "is an area, adder.add"),
        ({"leakage.router_uw": "adder.add[width=32]"}, "is a leakage"),
        ({"mesh.width": "adder.add[width=32]"}, "is no energy, area or leakage"),
        ({"area.sram_um2_per_bit": "adder.area[width=32]"}, "is no energy, area or leakage"),
        ({"memories.weight.read_pj": "router.transfer"}, "has no section memories.weight"),
    ],
)
def test_what_is_asked_for_wrongly(figures: dict[str, str], said: str) -> None:
    with pytest.raises(ChipError, match=said):
        import_chip(TABLE, "ecmt45", figures=figures)


HEAD = "component,action,energy_pj,node_nm\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no row"),
        (HEAD, "holds no row"),
        ("component,energy_pj\na,1\n", "needs action"),
        ("component,action,power\na,b,1\n", "needs action, and energy_pj or area_um2"),
        ("component,action,energy,energy_pj\na,b,1,2\n", "each needs a name of its own"),
        (HEAD + "a,b,1\n", "has 3 cells, the header 4"),
        (HEAD + "a,b,-1,45\n", "energy is '-1'"),
        (HEAD + "a,b,nan,45\n", "energy is 'nan'"),
        (HEAD + "a,b,1e13,45\n", "energy is '1e13'"),
        (HEAD + "a,b,much,45\n", "energy is 'much'"),
        (HEAD + "a,b,1,small\n", "node is 'small'"),
        (HEAD + 'a,"b,1,45\n', "not a line of CSV"),
        (HEAD + "a,b,1,3\n", r"a\.b: process_nm is 3"),
        ("component,action,energy_pj,node_nm,voltage_v\na,b,1,45,5\n", r"a\.b: voltage_v is 5"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ChipError, match=said):
        import_chip(written(tmp_path, text), "ecmt45", figures={"operation_pj.add.fp32": "a.b"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ERT: {tables: [{name: a, actions: [{name: b, energy: -1}]}]}", "at least 0"),
        ("ERT: {tables: [{name: a, actions: [{name: b, energies: 1}]}]}", "did you mean 'energy'"),
        ("ERT: {tables: {a: {b: {energy: 1}}}}", "must be a list"),
        ("energies: 1", "energies is not a known key"),
        ("ERT: {tables: []}", "holds no row"),
    ],
)
def test_a_reference_table_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ChipError, match=said):
        import_chip(written(tmp_path, text, ".yaml"), "ecmt45", figures={"operation_pj.add.fp32": "a.b"})


def test_leakage_needs_a_cycle_and_zero_is_no_price(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + "a,leak,1,45\na,b,0,45\n")
    with pytest.raises(ChipError, match="leaks per cycle, and gives no cycle"):
        import_chip(file, "ecmt45", figures={"leakage.router_uw": "a.leak"})
    imported = import_chip(file, "ecmt45", figures={"operation_pj.add.fp32": "a.b"})
    assert not imported.chip.operation_pj and ("a.b", "is 0: operation_pj.add.fp32 stays as below") in imported.left_out


def test_options_of_the_other_kind_are_refused() -> None:
    with pytest.raises(ChipError, match="is no architecture of SANA-FE"):
        import_chip(TABLE, "ecmt45", units={"soma": "lif"})
    with pytest.raises(ChipError, match="is an architecture of SANA-FE"):
        import_chip(EXAMPLES / "sanafe_architecture.yaml", "loihi", figures={"operation_pj.ac.int8": "a.b"})
    with pytest.raises(ChipError, match="no such architecture of SANA-FE"):
        import_chip(EXAMPLES / "nowhere.yaml")


def test_the_command_writes_a_chip_file_and_lists_what_it_took(tmp_path: Path) -> None:
    runner, to = CliRunner(), tmp_path / "priced.yaml"
    given = ("import", str(TABLE), "--base", "ecmt45", "--figure", "operation_pj.add.fp32=adder.add[width=32]", "-o", str(to))
    result = runner.invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0 and "was not asked for" in result.output and "line 6" in result.output
    assert load_chip(to).operation_pj["add"]["fp32"] == 0.5
    architecture = (
        "import",
        str(EXAMPLES / "sanafe_architecture.yaml"),
        "--unit",
        "synapse=listed",
        "-o",
        str(tmp_path / "e.yaml"),
    )
    result = runner.invoke(app, architecture, catch_exceptions=False)
    assert result.exit_code == 0 and "soma slow_lif" in result.output and load_chip(tmp_path / "e.yaml").mesh.width == 4
    for wrong in ("soma", "soma=a", "=b"):
        with pytest.raises(InputError):
            runner.invoke(app, (*architecture, "--unit", wrong, "--unit", wrong), catch_exceptions=False)
