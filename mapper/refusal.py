"""A graph that a chip cannot hold: every resource found short, and what would help."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from synaptile.foundation.errors import SynaptileError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shortfall:
    """One resource that a chip lacks for a graph.

    `resource` is the chip figure that binds (its dotted name in the chip file), `demand` and `limit` are in `unit`,
    `where` names the graph node or core, `levers` say what would make it fit.
    """

    resource: str
    demand: int
    limit: int
    unit: str
    where: str
    levers: tuple[str, ...]

    def __str__(self) -> str:
        gap = self.demand - self.limit
        return (
            f"{self.where} needs {self.demand:,} {self.unit} of {self.resource}, limit {self.limit:,} "
            f"(short by {gap:,}): {'; or '.join(self.levers)}"
        )


class DoesNotFit(SynaptileError, Tabular, Shown):
    """A graph that a chip cannot hold.

    `shortfalls` lists every resource found short, the binding one first.
    """

    def __init__(self, graph: str, chip: str, shortfalls: tuple[Shortfall, ...]) -> None:
        self.graph = graph
        self.chip = chip
        self.shortfalls = shortfalls
        lines = "\n".join(f"  - {shortfall}" for shortfall in shortfalls)
        super().__init__(f"{graph} does not fit {chip}:\n{lines}")

    def __reduce__(self) -> tuple[type[DoesNotFit], tuple[str, str, tuple[Shortfall, ...]]]:
        return type(self), (self.graph, self.chip, self.shortfalls)

    def __repr__(self) -> str:
        return f"DoesNotFit({self.graph!r}, {self.chip!r}, <{len(self.shortfalls)} shortfalls>)"

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `shortfalls`, one per row: the fields of `Shortfall`."""
        choose(table, ("shortfalls",), "DoesNotFit")
        columns = {field.name: [getattr(one, field.name) for one in self.shortfalls] for field in fields(Shortfall)}
        return arrow(
            {**columns, "levers": [list(one.levers) for one in self.shortfalls]}, {"graph": self.graph, "chip": self.chip}
        )
