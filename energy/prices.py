"""The energy table: what one operation costs in one number format, and where that figure comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from synaptile.energy.horowitz import NUMBER_FORMATS, PRIMITIVE_FIGURES, Figure
from synaptile.energy.special_functions import EXPANSIONS, expand
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.node import LOGIC_SOURCE, REFERENCE, factors
from synaptile.hwmodels.scale import supply_of
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


@dataclass(frozen=True)
class EnergyTable:
    """(operation, number format) -> `Price`.

    `figures` holds operations with a figure of their own, `expansions` says how the others are composed. A figure wins over an
    expansion. `expansion_sources` names where a row of `expansions` comes from when it is not the built-in table.
    """

    name: str
    figures: Mapping[tuple[str, str], Figure]
    expansions: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: EXPANSIONS)
    expansion_sources: Mapping[str, str] = field(default_factory=dict)

    def price(self, op: str, number_format: str) -> Price:
        """Price of one `op`. Unknown operations are unpriced, not free; raises InputError for an unknown number format."""
        check_number_format(number_format)
        figure = self.figures.get((op, number_format))
        if figure is not None:
            return Price(figure.pj, figure.source)
        primitives = expand(op, self.expansions)
        if primitives is None or op in primitives:
            return Price(None, f"unpriced: {self.name} has no {number_format} figure for {op!r} and no expansion of it")
        terms: list[Term] = []
        for primitive, count in primitives.items():
            part = self.figures.get((primitive, number_format))
            if part is None:
                return Price(
                    None, f"unpriced: {op!r} takes {count} {primitive}, which {self.name} has no {number_format} figure for"
                )
            terms.append(Term(primitive, count, part.pj, part.source))
        opened = " + ".join(f"{term.count} {term.op} x {term.pj:g}" for term in terms)
        origin = self.expansion_sources.get(op, "special-function table")
        # Rounded to 1e-9 pJ, so that 4 x 4.6 + 3.7 reads 22.1.
        pj = round(sum(term.count * term.pj for term in terms), 9)
        return Price(pj, f"{origin}: {opened}", tuple(terms))

    def prices(self, number_format: str) -> dict[str, Price]:
        """Prices of all operations that cores issue, in the order of `synaptile.simulator.activity.OPS`."""
        return {op: self.price(op, number_format) for op in OPS}

    def with_figure(self, op: str, number_format: str, pj: float, source: str) -> EnergyTable:
        """A copy in which one figure is replaced or added. Raises InputError for an unknown format or a negative figure."""
        check_number_format(number_format)
        if not 0 <= pj < float("inf"):
            raise InputError(f"energy of {op!r} in {number_format} is {pj} pJ: give a figure that is finite and not negative")
        figures = {**self.figures, (op, number_format): Figure(pj, source)}
        return replace(self, figures=MappingProxyType(figures))


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


def check_number_format(number_format: str) -> None:
    """Raise InputError unless `number_format` is one that the tables hold."""
    if number_format not in NUMBER_FORMATS:
        raise InputError(f"number format {number_format!r} is unknown: use one of {', '.join(NUMBER_FORMATS)}")


def table_for(chip: Chip, base: EnergyTable = HOROWITZ) -> EnergyTable:
    """`base` at the chip's node and supply, with the chip's own operation energies and special functions laid over it.

    An operation that the chip prices and no core issues stays in the table without effect. Raises ChipError for a number
    format that the tables do not hold.
    """
    table = base = at_node(base, chip)
    for op, by_format in chip.operation_pj.items():
        for number_format, pj in by_format.items():
            if number_format not in NUMBER_FORMATS:
                formats = ", ".join(NUMBER_FORMATS)
                raise ChipError(f"chip {chip.name!r} prices {op!r} in {number_format!r} (operation_pj): use one of {formats}")
            table = table.with_figure(op, number_format, pj, _source(chip, f"operation_pj.{op}.{number_format}"))
    own = chip.special_functions
    sources = {op: _source(chip, *(f"special_functions.{op}.{part}" for part in parts)) for op, parts in own.items()}
    return replace(
        table,
        name=f"{base.name} with {chip.name}" if chip.operation_pj or own else base.name,
        expansions=MappingProxyType({**table.expansions, **own}),
        expansion_sources=MappingProxyType({**table.expansion_sources, **sources}),
    )


def _source(chip: Chip, *keys: str) -> str:
    """Where the chip's figures under `keys` come from, each origin once."""
    origins = tuple(dict.fromkeys(chip.sources[key] for key in keys if key in chip.sources))
    return f"chip {chip.name}, {', '.join(keys)}: {'; '.join(origins) or 'no origin given'}"
