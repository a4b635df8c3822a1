"""SRAM figures by CACTI 7: banks of any size between the rows of `technology/cacti7_sram.csv`; its README says how they arose."""

from __future__ import annotations

import csv
from bisect import bisect_left
from functools import lru_cache
from importlib.resources import files
from math import exp, log
from typing import NamedTuple, get_args

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.node import LOGIC_SOURCE, below_22nm
from synaptile.hwmodels.sections import Flavour

SMALLEST_BYTES, LARGEST_BYTES = 256, 4 * 2**20
"""Sizes of the table's banks."""

SMALLEST_NM = 7.0
"""To which figures of the table's smallest node are scaled."""

_FIGURES = ("access_ns", "cycle_ns", "read_pj", "write_pj", "leakage_uw", "area_mm2")


class SramFigures(NamedTuple):
    """One bank. An access moves `width_bits` bits."""

    size_bytes: float
    width_bits: int
    access_ns: float
    cycle_ns: float
    read_pj: float
    write_pj: float
    leakage_uw: float
    area_mm2: float
    source: str


def sram_figures(node_nm: float, flavour: str, size_bytes: float, width_bits: int, *, what: str = "memory") -> SramFigures:
    """Figures of a bank of `size_bytes`: the table's own row, or a line in log-log between the two rows around it.

    Between two nodes of the table the same line is drawn from node to node; below its smallest, figures are those of 22 nm,
    scaled as logic is (`node.below_22nm`), each at its nominal supply, leakage as energy.

    Raises ChipError, naming `what`, for a node above the table's or below that of the fits, for a flavour or width that has no
    rows, and for a size beyond their ends.
    """
    nodes = sorted({key[0] for key in _rows()})
    if node_nm in nodes:
        return _bank(node_nm, flavour, size_bytes, width_bits, what)
    if not SMALLEST_NM <= node_nm <= nodes[-1]:
        known = ", ".join(f"{node:g}" for node in nodes)
        raise ChipError(
            f"{what}: CACTI 7 has no rows at {node_nm:g} nm, only at {known}, and they are scaled down to {SMALLEST_NM:g} nm: "
            "state explicit figures"
        )
    if node_nm < nodes[0]:
        bank, by = _bank(nodes[0], flavour, size_bytes, width_bits, what), below_22nm(node_nm)
        return bank._replace(
            access_ns=bank.access_ns * by.delay,
            cycle_ns=bank.cycle_ns * by.delay,
            read_pj=bank.read_pj * by.energy,
            write_pj=bank.write_pj * by.energy,
            leakage_uw=bank.leakage_uw * by.energy,
            area_mm2=bank.area_mm2 * by.area,
            source=f"{bank.source}, energy x {by.energy:.4g}, time x {by.delay:.4g} to {node_nm:g} nm ({LOGIC_SOURCE})",
        )
    above = bisect_left(nodes, node_nm)
    small, large = (_bank(nodes[at], flavour, size_bytes, width_bits, what) for at in (above - 1, above))
    share = log(node_nm / nodes[above - 1]) / log(nodes[above] / nodes[above - 1])
    source = f"{small.source}, log-log in nm to {node_nm:g} nm between that and {nodes[above]:g} nm"
    return _between(small, large, share, size_bytes, source)


def _bank(node_nm: float, flavour: str, size_bytes: float, width_bits: int, what: str) -> SramFigures:
    """At a node of the table."""
    flavours = get_args(Flavour)
    if flavour not in flavours:
        raise ChipError(f"{what}: CACTI 7 has no flavour {flavour!r}: use one of {', '.join(flavours)}")
    rows = _rows().get((node_nm, flavour, width_bits))
    if rows is None:
        widths = sorted(key[2] for key in _rows() if key[:2] == (node_nm, flavour))
        raise ChipError(f"{what}: CACTI 7 has no accesses of {width_bits} bits: use one of {', '.join(map(str, widths))}")
    sizes = [row.size_bytes for row in rows]
    if not sizes[0] <= size_bytes <= sizes[-1]:
        raise ChipError(
            f"{what}: {size_bytes:g} bytes in accesses of {width_bits} bits lie beyond CACTI 7's rows, {sizes[0]:g} to "
            f"{sizes[-1]:g}: use banks of a size between, or state explicit figures"
        )
    upper = bisect_left(sizes, size_bytes)
    if sizes[upper] == size_bytes:
        return rows[upper]
    small, large = rows[upper - 1], rows[upper]
    share = log(size_bytes / small.size_bytes) / log(large.size_bytes / small.size_bytes)
    source = f"{_named(node_nm, flavour, width_bits)}, {_size(size_bytes)}, log-log between {_size(small.size_bytes)} and "
    return _between(small, large, share, size_bytes, source + _size(large.size_bytes))


def _between(small: SramFigures, large: SramFigures, share: float, size_bytes: float, source: str) -> SramFigures:
    """All figures on the straight line in log-log between two banks."""
    low, high = (bank._asdict() for bank in (small, large))
    figures = {name: exp(log(low[name]) + share * log(high[name] / low[name])) for name in _FIGURES}
    return SramFigures(size_bytes, small.width_bits, **figures, source=source)


@lru_cache(maxsize=1)
def _rows() -> dict[tuple[float, str, int], list[SramFigures]]:
    """Node, flavour, width -> rows by size."""
    rows: dict[tuple[float, str, int], list[SramFigures]] = {}
    with (files("synaptile.hwmodels") / "technology" / "cacti7_sram.csv").open(encoding="utf-8") as table:
        for line in csv.DictReader(table):
            node, flavour, width = float(line["node_nm"]), line["flavour"], int(line["width_bits"])
            size = float(line["size_bytes"])
            row = SramFigures(
                size,
                width,
                access_ns=float(line["access_ns"]),
                cycle_ns=float(line["cycle_ns"]),
                read_pj=float(line["read_pj"]),
                write_pj=float(line["write_pj"]),
                leakage_uw=1000 * float(line["leakage_mw"]),
                area_mm2=float(line["area_mm2"]),
                source=f"{_named(node, flavour, width)}, {_size(size)}",
            )
            rows.setdefault((node, flavour, width), []).append(row)
    return {key: sorted(found) for key, found in rows.items()}


def _named(node_nm: float, flavour: str, width_bits: int) -> str:
    return f"CACTI 7, {node_nm:g} nm, {flavour}, {width_bits} bits per access"


def _size(size_bytes: float) -> str:
    return f"{size_bytes / 1024:g} KiB" if size_bytes >= 1024 else f"{size_bytes:g} bytes"
