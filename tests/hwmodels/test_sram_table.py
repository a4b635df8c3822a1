"""Are SRAM figures the table's own, log-log between its rows, and refused beyond them?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.sram_table import sram_figures


def test_rows_are_taken_as_they_are() -> None:
    bank = sram_figures(45, "itrs-lstp", 4096, 64)
    assert (bank.read_pj, bank.write_pj, bank.access_ns) == (3.38552, 6.45356, 1.01793)
    assert bank.leakage_uw == pytest.approx(0.140432) and bank.area_mm2 == 0.0135029
    assert bank.source == "CACTI 7, 45 nm, itrs-lstp, 64 bits per access, 4 KiB"


def test_between_two_rows_energy_is_a_power_of_size() -> None:
    """By hand: 196 KiB lies ln(196/192) / ln(256/192) = 0.0717 of the way from 192 to 256 KiB."""
    share = math.log(196 / 192) / math.log(256 / 192)
    bank = sram_figures(45, "itrs-lstp", 196 * 1024, 64)
    assert bank.read_pj == pytest.approx(41.2092 * (44.7157 / 41.2092) ** share, rel=1e-12)
    assert bank.access_ns > 2.0, "longer than a cycle at 500 MHz"
    assert "log-log between 192 KiB and 256 KiB" in bank.source


@given(st.floats(256, 4 * 2**20), st.sampled_from(["itrs-lstp", "itrs-lop", "itrs-hp"]), st.sampled_from([90, 65, 45, 32, 22]))
def test_every_figure_lies_between_those_of_the_rows_around_it(size: float, flavour: str, node: int) -> None:
    bank = sram_figures(node, flavour, size, 64)
    low = sram_figures(node, flavour, 2 ** math.floor(math.log2(size)), 64)
    high = sram_figures(node, flavour, min(4 * 2**20, 2 ** math.ceil(math.log2(size))), 64)
    middle = sram_figures(node, flavour, 192 * 1024, 64)
    rows = [low, high, *([middle] if low.size_bytes <= middle.size_bytes <= high.size_bytes else [])]
    for at, value in enumerate(bank[2:8], start=2):
        column = [float(row[at]) for row in rows]
        assert min(column) * (1 - 1e-12) <= float(value) <= max(column) * (1 + 1e-12)


def test_between_two_nodes_energy_is_a_power_of_the_node_and_below_22_nm_it_scales_as_logic() -> None:
    """By hand: 28 nm lies ln(28/22) / ln(32/22) of the way from 22 to 32 nm; 7 nm at 0.7 V against 22 nm at 0.9 V."""
    share = math.log(28 / 22) / math.log(32 / 22)
    assert sram_figures(28, "itrs-lstp", 4096, 64).read_pj == pytest.approx(1.17092 * (2.65795 / 1.17092) ** share, rel=1e-12)
    at_7nm = 0.1776 * 0.49 - 0.09097 * 0.7 + 0.02447
    ends = 0.373 * 0.81 - 0.1582 * 0.9 + 0.04104, 0.9559 * 0.81 - 0.7823 * 0.9 + 0.471
    at_22nm = ends[0] * (ends[1] / ends[0]) ** (math.log(22 / 20) / math.log(32 / 20))
    bank = sram_figures(7, "itrs-lstp", 4096, 64)
    assert bank.read_pj == pytest.approx(1.17092 * at_7nm / at_22nm, rel=1e-9)
    assert "CACTI 7, 22 nm" in bank.source and "to 7 nm (Stillmaker and Baas" in bank.source


def test_flavours_leak_by_four_orders_of_magnitude() -> None:
    quiet, fast = (sram_figures(45, flavour, 4096, 64) for flavour in ("itrs-lstp", "itrs-hp"))
    assert fast.leakage_uw / quiet.leakage_uw > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((130, "itrs-lstp", 4096, 64), "no rows at 130 nm, only at 22, 32, 45, 65, 90"),
        ((5, "itrs-lstp", 4096, 64), "scaled down to 7 nm: state explicit figures"),
        ((45, "itrs-low", 4096, 64), "no flavour 'itrs-low': use one of itrs-lstp, itrs-lop, itrs-hp"),
        ((45, "itrs-lstp", 4096, 96), "no accesses of 96 bits: use one of 64, 128, 256, 512, 1024"),
        ((45, "itrs-lstp", 128, 64), "128 bytes in accesses of 64 bits lie beyond CACTI 7's rows, 256 to 4.1943e+06"),
        ((45, "itrs-lstp", 8 * 2**20, 64), "use banks of a size between"),
    ],
)
def test_beyond_the_table_is_refused(arguments: tuple[float, str, float, int], words: str) -> None:
    with pytest.raises(ChipError, match="the weight memory: ") as refused:
        sram_figures(*arguments, what="the weight memory")
    assert words in str(refused.value)
