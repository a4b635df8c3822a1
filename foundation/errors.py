"""The exception tree of Synaptile.

    SynaptileError
    ├── InputError             something handed in from outside is unusable
    │   ├── ModelError           a model that cannot be converted
    │   │   └── UnsupportedOperator
    │   ├── WeightsError         weights: missing, NaN, wrong shape, pickled
    │   ├── CalibrationError     thresholds that cannot be derived or are unusable
    │   ├── ImageError           images: shape, range, NaN, unreadable
    │   ├── GraphError           a SpikingGraph that breaks its own rules
    │   ├── ChipError            a chip file that breaks its schema
    │   └── FileFormatError      a file cut short, altered, of another kind or a newer version
    ├── DoesNotFit             a graph that a chip cannot hold: resource, demand, limit, unit, where, levers
    ├── ScheduleError          a schedule that can never finish: how many jobs wait, on which cores, for what
    └── ConservationError      counts that should agree do not: a defect in Synaptile, never the user's

Every message names the object, the value, the limit and a remedy. The command line prints the message alone and
exits with 2 for anything in this tree.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from synaptile.foundation.tables import Tabular, arrow, choose

if TYPE_CHECKING:
    import pyarrow as pa


class SynaptileError(Exception):
    """Root of every error Synaptile raises on purpose."""


class InputError(SynaptileError, ValueError):
    """Something handed in from outside is unusable."""


class ModelError(InputError):
    """A model that cannot be converted."""


class UnsupportedOperator(ModelError):
    """A traced model uses an operator the conversion does not know."""


class WeightsError(InputError):
    """Model weights that are missing, not finite, of the wrong shape or unsafe to load."""


class CalibrationError(InputError):
    """Thresholds that calibration cannot derive, or that were injected and are unusable."""


class ImageError(InputError):
    """Images of the wrong shape, range or content."""


class GraphError(InputError):
    """A SpikingGraph that breaks its own rules."""


class ChipError(InputError):
    """A chip file that breaks its schema."""


class FileFormatError(InputError):
    """A file that is cut short, altered, of another kind or from a newer version."""


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


class DoesNotFit(SynaptileError, Tabular):
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

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `shortfalls`, one a row: the fields of `Shortfall`."""
        choose(table, ("shortfalls",), "DoesNotFit")
        columns = {field.name: [getattr(one, field.name) for one in self.shortfalls] for field in fields(Shortfall)}
        return arrow(
            {**columns, "levers": [list(one.levers) for one in self.shortfalls]}, {"graph": self.graph, "chip": self.chip}
        )

    def _repr_html_(self) -> str:
        from synaptile.foundation.html import card, grid, notes

        header = ("resource", "needs", "limit", "short by", "unit")
        rows = [(s.resource, f"{s.demand:,}", f"{s.limit:,}", f"{s.demand - s.limit:,}", s.unit) for s in self.shortfalls]
        where = (f"{s.resource}: {s.where}: {'; or '.join(s.levers)}" for s in self.shortfalls)
        return card(f"{self.graph} does not fit {self.chip}", grid(header, rows), notes(where))


class ScheduleError(SynaptileError):
    """A schedule that can never finish: jobs wait for one another."""


class ConservationError(SynaptileError):
    """Counts that should agree do not. A defect in Synaptile, never the user's."""
