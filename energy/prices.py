"""The energy table: what one operation costs in one number format, and where that figure comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from synaptile.energy.horowitz import PRIMITIVE_FIGURES, Figure, sram_figure
from synaptile.energy.special_functions import EXPANSIONS, expand
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.formats import FORMATS, Table
from synaptile.hwmodels.node import LOGIC_SOURCE, REFERENCE, factors
from synaptile.hwmodels.scale import memory_access, supply_of
from synaptile.hwmodels.sram_table import SMALLEST_BYTES
from synaptile.simulator.activity import OPS


@dataclass(frozen=True)
class Term:
    """One primitive inside a special function: `count` of `op` at `pj` each."""

    op: str
    count: int
    pj: float
    source: str


@dataclass(frozen=True)
class Price:
    """Energy of one operation in pJ and its source; `pj` is None where the table has none ("unpriced", never 0).

    `expansion` opens a special function into its primitives; it is empty for an operation with a figure of its own.
    """

    pj: float | None
    source: str
    expansion: tuple[Term, ...] = ()


def stated_price(chip: Chip, figure: str, pj: float) -> Price:
    """What a chip's file states under the dotted name `figure`, with its origin."""
    return Price(pj, f"{chip.name}, {figure}: {chip.origin(figure)}")


@dataclass(frozen=True)
class EnergyTable:
    """(operation, number format) -> `Price`.

    `figures` holds operations with a figure of their own, `expansions` says how the others are composed. A figure wins over an
    expansion. `expansion_sources` names where a row of `expansions` comes from when it is not the built-in table. `tables`
    holds what a read costs of each function that is a table, which wins over both; `own_macs` the formats in which a figure was
    given for a MAC as a whole.
    """

    name: str
    figures: Mapping[tuple[str, str], Figure]
    expansions: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: EXPANSIONS)
    expansion_sources: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Figure] = field(default_factory=dict)
    own_macs: frozenset[str] = frozenset()

    def price(self, op: str, number_format: str) -> Price:
        """Price of one `op`. Unknown operations are unpriced, not free; raises InputError for an unknown number format."""
        return self.price_at(op, number_format, number_format)

    def price_at(self, op: str, multiplied: str, added: str) -> Price:
        """Price of one `op` that multiplies in one number format and adds in another; as `price` where both are the same."""
        for number_format in (multiplied, added):
            check_number_format(number_format)
        if op in self.tables:
            return self._looked_up(op, multiplied, added)
        figure = self._figure(op, multiplied, added)
        if figure is not None:
            return Price(figure.pj, figure.source)
        shown = multiplied if multiplied == added else f"{multiplied}/{added}"
        primitives = expand(op, self.expansions)
        if primitives is None or op in primitives:
            return Price(None, f"unpriced: {self.name} has no {shown} figure for {op!r} and no expansion of it")
        terms: list[Term] = []
        for primitive, count in primitives.items():
            part = self._figure(primitive, multiplied, added)
            if part is None:
                return Price(None, f"unpriced: {op!r} takes {count} {primitive}, which {self.name} has no {shown} figure for")
            terms.append(Term(primitive, count, part.pj, part.source))
        opened = " + ".join(f"{term.count} {term.op} x {term.pj:g}" for term in terms)
        origin = self.expansion_sources.get(op, "special-function table")
        # Rounded to 1e-9 pJ, so that 4 x 4.6 + 3.7 reads 22.1.
        pj = round(sum(term.count * term.pj for term in terms), 9)
        return Price(pj, f"{origin}: {opened}", tuple(terms))

    def _figure(self, op: str, multiplied: str, added: str) -> Figure | None:
        """Additions cost what their sum's format says, all else what the factors' does; a MAC in two formats is composed."""
        found = self.figures.get((op, added if op in ("ac", "add", "compare") else multiplied))
        if op != "mac" or multiplied == added or multiplied in self.own_macs:
            return found
        mul, add = self.figures.get(("mul", multiplied)), self.figures.get(("add", added))
        if mul is None or add is None:
            return None
        text = f"{multiplied} multiply {mul.pj:.4g} ({mul.source}) + {added} add {add.pj:.4g} ({add.source})"
        return Figure(round(mul.pj + add.pj, 9), text)

    def _looked_up(self, op: str, multiplied: str, added: str) -> Price:
        """A function of straight lines: one MAC and one read of its table."""
        part, read = self._figure("mac", multiplied, added), self.tables[op]
        if part is None:
            return Price(None, f"unpriced: {self.name} has no {multiplied} figure for the mac of the table of {op!r}")
        terms = Term("mac", 1, part.pj, part.source), Term("table read", 1, read.pj, read.source)
        pj = round(part.pj + read.pj, 9)
        return Price(pj, f"{read.source}: 1 mac x {part.pj:g} + 1 read x {read.pj:g}", terms)

    @derived
    def prices(self, number_format: str) -> dict[str, Price]:
        """Prices of all operations that cores issue, in the order of `synaptile.simulator.activity.OPS`."""
        return {op: self.price(op, number_format) for op in OPS}

    def with_figure(self, op: str, number_format: str, pj: float, source: str) -> EnergyTable:
        """A copy in which one figure is replaced or added. Raises InputError for an unknown format or a negative figure."""
        check_number_format(number_format)
        if not 0 <= pj < float("inf"):
            raise InputError(f"energy of {op!r} in {number_format} is {pj} pJ: give a figure that is finite and not negative")
        figures = {**self.figures, (op, number_format): Figure(pj, source)}
        macs = self.own_macs | ({number_format} if op == "mac" else set())
        return replace(self, figures=MappingProxyType(figures), own_macs=macs)


HOROWITZ = EnergyTable("Horowitz 45 nm", PRIMITIVE_FIGURES)
"""The built-in table: Horowitz's figures and the documented special-function expansions, without any chip's overrides."""


def at_node(table: EnergyTable, chip: Chip) -> EnergyTable:
    """A table that holds at 45 nm and 0.9 V, as Horowitz' does, moved to the node and supply of `chip`."""
    here = supply_of(chip)
    if chip.scaling == "none" or here == REFERENCE:
        return table
    factor = factors(REFERENCE, here).energy
    how = f"x {factor:.4g} from {REFERENCE} to {here} (energy of logic, {LOGIC_SOURCE})"
    moved = {key: Figure(figure.pj * factor, f"{figure.source}; {how}") for key, figure in table.figures.items()}
    return replace(table, name=f"{table.name} scaled to {here}", figures=MappingProxyType(moved))


def sram_at_node(chip: Chip, access: Figure, size_bytes: float, key: str) -> Figure:
    """An access of an SRAM at 45 nm, of the size that `key` of the chip's file gives, moved to the chip's node."""
    here = supply_of(chip)
    if chip.scaling == "none" or here.process_nm == REFERENCE.process_nm:
        return access
    moved = memory_access(size_bytes, REFERENCE, here, f"{chip.name}, {key}")
    how = f"x {moved.factor:.4g} from {REFERENCE.process_nm:g} nm ({moved.why})"
    return Figure(access.pj * moved.factor, f"{access.source}; {how}")


def check_number_format(number_format: str, known: Sequence[str] = FORMATS) -> None:
    """Raise InputError unless `number_format` is one that the tables hold, or one of `known`."""
    if number_format not in known:
        raise InputError(f"number format {number_format!r} is unknown: use one of {', '.join(known)}")


def table_for(chip: Chip, base: EnergyTable = HOROWITZ) -> EnergyTable:
    """`base` at the chip's node and supply, with the chip's own operation energies and special functions laid over it.

    An operation that the chip prices and no core issues stays in the table without effect. Raises ChipError for a number
    format that the tables do not hold.
    """
    table = base = at_node(base, chip)
    for op, by_format in chip.operation_pj.items():
        for number_format, pj in by_format.items():
            if number_format not in FORMATS:
                formats = ", ".join(FORMATS)
                raise ChipError(f"chip {chip.name!r} prices {op!r} in {number_format!r} (operation_pj): use one of {formats}")
            table = table.with_figure(op, number_format, pj, _source(chip, f"operation_pj.{op}.{number_format}"))
    own = chip.special_functions
    sources = {op: _source(chip, *(f"special_functions.{op}.{part}" for part in parts)) for op, parts in own.items()}
    return replace(
        table,
        name=f"{base.name} with {chip.name}" if chip.operation_pj or own or chip.functions.tables else base.name,
        tables={op: _table_read(chip, op, table) for op, table in chip.functions.tables.items()},
        expansions=MappingProxyType({**table.expansions, **own}),
        expansion_sources=MappingProxyType({**table.expansion_sources, **sources}),
    )


def _source(chip: Chip, *keys: str) -> str:
    """Where the chip's figures under `keys` come from, each origin once."""
    origins = tuple(dict.fromkeys(chip.sources[key] for key in keys if key in chip.sources))
    return f"chip {chip.name}, {', '.join(keys)}: {'; '.join(origins) or 'no origin given'}"


def _table_read(chip: Chip, op: str, table: Table) -> Figure:
    """Reading a slope and an intercept from a table, an SRAM of its size."""
    key = f"functions.{op}.segments"
    read = sram_figure(table.size_bits / 8)
    size = f"table of {table.segments} segments x 2 x {table.bits} bits ({chip.name}, {key}: {chip.origin(key)})"
    return sram_at_node(chip, Figure(read.pj, f"{size}, read {read.source}"), max(table.size_bits / 8, SMALLEST_BYTES), key)
