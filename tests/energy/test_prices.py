"""Does every operation cost what the published table says, and does nothing cost zero by accident?"""

from __future__ import annotations

import math
from types import MappingProxyType

import pytest

from synaptile.energy import HOROWITZ, EnergyTable, eq30_energy_pj, table_for
from synaptile.energy.special_functions import EXPANSIONS, expand
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import load_chip
from synaptile.simulator.activity import OPS
from tests.energy.hand_made import with_chip


@pytest.mark.parametrize(("number_format", "mac", "ac"), [("fp32", 4.6, 0.9), ("fp16", 1.5, 0.4), ("int8", 0.23, 0.03)])
def test_each_number_format_has_its_published_pair(number_format: str, mac: float, ac: float) -> None:
    assert HOROWITZ.price("mac", number_format).pj == mac
    assert HOROWITZ.price("ac", number_format).pj == ac


def test_a_macs_source_says_what_it_is_composed_of() -> None:
    assert "multiply 3.7 + add 0.9" in HOROWITZ.price("mac", "fp32").source
    assert HOROWITZ.price("compare", "fp32").source.startswith("assumed")


@pytest.mark.parametrize(
    ("macs", "acs", "energy_mj"),
    [(0.14e9, 0.10e9, 0.734), (347_329_512, 6_517_540_940.76, 7.463503), (5_312_266, 245_851_246.5, 0.245703)],
)
def test_figures_published_elsewhere_are_reproduced(macs: float, acs: float, energy_mj: float) -> None:
    assert eq30_energy_pj(macs, acs) / 1e9 == pytest.approx(energy_mj, abs=5e-7)


def test_every_operation_that_cores_issue_is_priced_in_every_format() -> None:
    for number_format in ("fp32", "fp16", "int8"):
        for op, price in HOROWITZ.prices(number_format).items():
            assert price.pj is not None and price.pj > 0, (op, number_format)


def test_special_functions_open_into_primitives_that_add_up() -> None:
    assert expand("exp", EXPANSIONS) == {"mac": 8, "add": 3, "mul": 1}
    assert expand("erf", EXPANSIONS) == {"mac": 18, "add": 3, "mul": 4, "compare": 1}
    for op in ("div", "rsqrt", "exp", "erf", "tanh", "sigmoid"):
        price = HOROWITZ.price(op, "fp32")
        assert price.pj == pytest.approx(math.fsum(term.count * term.pj for term in price.expansion), abs=1e-9)
    assert HOROWITZ.price("exp", "fp32").pj == 43.2


def test_an_operation_without_a_figure_is_unpriced_and_says_why() -> None:
    bare = EnergyTable("bare", MappingProxyType({key: HOROWITZ.figures[key] for key in (("ac", "fp32"), ("mac", "fp32"))}))
    for op in ("add", "exp", "dream"):
        price = bare.price(op, "fp32")
        assert price.pj is None
        assert price.source.startswith("unpriced") and "bare" in price.source


def test_a_chip_lays_its_own_figures_over_the_table_with_their_source() -> None:
    chip = with_chip(
        load_chip("ecmt45"),
        operation_pj={"ac": {"fp32": 23.6}},
        special_functions={"exp": {"mac": 3}},
        sources={"operation_pj.ac.fp32": "Davies 2018", "special_functions.exp.mac": "measured"},
    )
    table = table_for(chip)
    assert table.price("ac", "fp32").pj == 23.6
    assert "Davies 2018" in table.price("ac", "fp32").source
    assert table.price("ac", "int8").pj == 0.03
    assert table.price("exp", "fp32").pj == pytest.approx(3 * 4.6)
    assert "measured" in table.price("exp", "fp32").source
    assert table.price("sigmoid", "fp32").pj == pytest.approx(0.9 + 3 * 4.6 + 4 * 4.6 + 3.7), "sigmoid follows its exp"


def test_a_figure_of_its_own_wins_over_an_expansion() -> None:
    table = HOROWITZ.with_figure("exp", "fp32", 10.0, "a lookup table")
    assert table.price("exp", "fp32").pj == 10.0
    assert table.price("exp", "fp32").expansion == ()


def test_unusable_figures_are_refused() -> None:
    with pytest.raises(InputError, match="fp64"):
        HOROWITZ.price("ac", "fp64")
    with pytest.raises(InputError, match="not negative"):
        HOROWITZ.with_figure("ac", "fp32", -1.0, "nowhere")
    with pytest.raises(ChipError, match="fp8"):
        table_for(with_chip(load_chip("ecmt45"), operation_pj={"ac": {"fp8": 1.0}}))
    with pytest.raises(InputError, match="expands into itself"):
        expand("exp", {"exp": {"erf": 1}, "erf": {"exp": 1}})


def test_the_table_knows_every_operation_of_the_simulator() -> None:
    assert set(HOROWITZ.prices("fp32")) == set(OPS)
