"""SRAM figures by CACTI 7: banks of any size between the rows of `technology/cacti7_sram.csv`; its README says how they arose."""

from __future__ import annotations

import csv
from bisect import bisect_left
from functools import lru_cache
from importlib.resources import files
from math import exp, log
from typing import NamedTuple, get_args

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.sections import Flavour


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

    Raises ChipError, naming `what`, for a node, flavour or width that has no rows, and for a size beyond their ends.
    """
    nodes, flavours = sorted({key[0] for key in _rows()}), get_args(Flavour)
    if node_nm not in nodes:
        known = ", ".join(f"{node:g}" for node in nodes)
        raise ChipError(
            f"{what}: CACTI 7 has no rows at {node_nm:g} nm, only at {known}: state explicit figures, or scale from one"
        )
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

    def between(low: float, high: float) -> float:
        return exp(log(low) + share * log(high / low))

    return SramFigures(
        size_bytes,
        width_bits,
        access_ns=between(small.access_ns, large.access_ns),
        cycle_ns=between(small.cycle_ns, large.cycle_ns),
        read_pj=between(small.read_pj, large.read_pj),
        write_pj=between(small.write_pj, large.write_pj),
        leakage_uw=between(small.leakage_uw, large.leakage_uw),
        area_mm2=between(small.area_mm2, large.area_mm2),
        source=f"{_named(node_nm, flavour, width_bits)}, {_size(size_bytes)}, log-log between {_size(small.size_bytes)} and "
        f"{_size(large.size_bytes)}",
    )


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
