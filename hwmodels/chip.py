"""A chip: its sections, and where each of its figures comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from synaptile.foundation.digest import digest_of
from synaptile.foundation.options import Synchronisation
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose
from synaptile.hwmodels.formats import Functions, Units
from synaptile.hwmodels.operations import Operations, SpecialFunctions
from synaptile.hwmodels.power import Power
from synaptile.hwmodels.sections import (
    Area,
    ECCore,
    Leakage,
    Memories,
    Mesh,
    NoC,
    OffChip,
    SynapseCore,
)
from synaptile.hwmodels.sourced import ASSUMED, Count, NotWritten, Real, Section, Text, Texts, WrittenAs
from synaptile.hwmodels.step_times import StepTimes

if TYPE_CHECKING:
    import pyarrow as pa

HOST_EC_SUFFIX = "+host-ec"
"""Ends the name of a chip that was given EC cores which its silicon does not have."""

PROSE = frozenset({"description", "lacks"})
"""Keys that describe and do not compute: no part of the digest."""

NO_ORIGIN = "no origin given"

PROPERTY = "a property, not a figure"
"""Origin of what is no figure."""

Name = Annotated[str, pydantic.Strict(), pydantic.Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]


@dataclass(frozen=True, kw_only=True, repr=False)
class Chip(Section, Tabular, Shown):
    """A chip with every figure resolved."""

    name: Name
    """What reports call the chip; never inherited."""
    description: Text
    """One or two sentences."""
    lacks: Texts = field(hash=False)
    """What the chip is missing for a spiking transformer, one sentence each."""
    process_nm: Real
    """Technology node."""
    voltage_v: Real
    """Supply."""
    scaling: Literal["stillmaker-baas", "none"] = "stillmaker-baas"
    """What is not stated for this node and supply is scaled to them; none: figures of other nodes are billed as they are."""
    clock_mhz: Real
    """Clock of cores and network."""
    mesh: Mesh
    """Tiles, cores and boards."""
    synapse_core: SynapseCore
    """Cores that accumulate."""
    ec_core: ECCore | None = None
    """Cores that multiply; absent on a chip without them."""
    noc: NoC
    """The mesh network."""
    synchronisation: Synchronisation
    """barrier: all cores wait between steps; dataflow: each goes on when its inputs are complete."""
    barrier_ns: Real = 0.0
    """How long a barrier takes; only where synchronisation is barrier."""
    step_times: StepTimes | None = None
    """What cores take within a step; only where synchronisation is barrier."""
    leakage: Leakage
    """Static power."""
    power: Power | None = None
    """Clocks, idle cores and control; where absent, they are not billed."""
    off_chip: OffChip
    """What lies outside."""
    memories: Memories = field(default_factory=Memories)
    """What accesses cost, beside Horowitz' line; event buffers, the shared buffer and DRAM."""
    weights: Literal["resident", "streamed"] = "resident"
    """resident: all weights stay on the chip; streamed: phase after phase brings its own from DRAM."""
    images_per_load: Count = 1
    """Images that a phase takes before the next one loads its weights."""
    area: Area | None = None
    """Figures for a statement of die area."""
    operation_pj: Annotated[Mapping[str, Mapping[str, float]], WrittenAs(Operations)] = field(default_factory=dict, hash=False)
    """Energies of operations in place of Horowitz's."""
    special_functions: Annotated[Mapping[str, Mapping[str, int]], WrittenAs(SpecialFunctions)] = field(
        default_factory=dict, hash=False
    )
    """Expansions of special functions in place of the documented ones."""
    functions: Functions = field(default_factory=Functions)
    """Special functions that are tables instead."""
    units: Units = field(default_factory=Units)
    """How neurons compare and synapses combine."""
    sources: Annotated[Mapping[str, str], NotWritten()] = field(default_factory=dict, hash=False)
    """Dotted name of every figure ("synapse_core.lanes_per_cycle") -> a publication, or "assumed: why"."""

    @cached_property
    def digest(self) -> str:
        """Hex BLAKE2b-128 of what the chip computes with: it changes with any figure and not with prose."""
        return digest_of({key: value for key, value in figures_of(self).items() if key not in PROSE})

    @property
    def layer_major(self) -> bool:
        """Whether a layer does all steps of a block of tokens before the next block; both kinds of core agree on it."""
        return self.synapse_core.dataflow.order == "layer_major"

    @property
    def routers(self) -> int:
        """Routers of one chip: one per tile, and in a tree those above them."""
        width, height, routers = self.mesh.width, self.mesh.height, self.mesh.tiles
        while self.noc.topology == "tree" and width * height > 1:
            width, height = -(-width // 2), -(-height // 2)
            routers += width * height
        return routers

    @property
    def virtual_host_ec(self) -> bool:
        """True where the EC cores are a stand-in that `with_host_ec` added: the silicon has none."""
        return self.name.endswith(HOST_EC_SUFFIX)

    def origin(self, figure: str) -> str:
        """Where a figure comes from, by its dotted name: a publication, or "assumed: why"."""
        return self.sources.get(figure, NO_ORIGIN)

    def figures(self) -> tuple[tuple[str, object, str], ...]:
        """Dotted name, value and origin of every figure and property; what is no figure has `PROPERTY` for an origin."""
        stated = {key: value for key, value in figures_of(self).items() if key not in ("name", *PROSE)}
        return tuple(
            (name, value, PROPERTY if isinstance(value, bool | str) else self.origin(name)) for name, value in _leaves(stated, "")
        )

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `figures`: name, value and origin as text, and whether the figure is assumed."""
        choose(table, ("figures",), "a chip")
        names, values, origins = zip(*self.figures(), strict=True)
        columns = {
            "figure": list(names),
            "value": [str(value) for value in values],
            "origin": [origin.removeprefix(ASSUMED) for origin in origins],
            "assumed": [origin.startswith(ASSUMED) for origin in origins],
        }
        return arrow(columns, {"chip": self.name, "digest": self.digest})


def _leaves(figures: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in figures.items():
        yield from _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]


def figures_of(section: Any) -> dict[str, Any]:
    """A chip or a section of one as nested plain values, laid out like a chip file; what the chip does not have is left out."""
    figures: dict[str, Any] = {}
    for known in fields(section):
        value = vars(section)[known.name]
        absent = known.default if known.default_factory is MISSING else known.default_factory()
        if known.name != "sources" and value != absent:
            figures[known.name] = figures_of(value) if isinstance(value, Section) else value
    return figures
