"""What limits a schedule, found by relief: each resource doubled in turn, everything else as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, vary
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.remap import same_chip
from synaptile.simulator.schedule.schedule import schedule
from synaptile.simulator.schedule.timeline import Timeline

if TYPE_CHECKING:
    import pyarrow as pa

Value: TypeAlias = int | float

RATES = (
    "synapse_core.lanes_per_cycle",
    "synapse_core.neuron_updates_per_cycle",
    "ec_core.multipliers_per_cycle",
    "ec_core.special_functions_per_cycle",
    "ec_core.neuron_updates_per_cycle",
    "noc.link_flits_per_cycle",
)
"""What is doubled: work per cycle. A mapping for room does not read it and stays; one for time is made anew."""

DELAYS = ("noc.cycles_per_hop",)
"""What is halved, where it is more than one cycle."""

STEP_TIMES = tuple(f"step_times.{name}_ns" for name in ("compartment", "spike", "message_out", "message_in", "sparse_synop"))
"""What is halved in place of both where cores take steps together; `BUFFER` is doubled."""

BUFFER = "step_times.buffer_messages"

ROOM = (
    "synapse_core.weight_memory_bits",
    "synapse_core.state_memory_bits",
    "ec_core.state_memory_bits",
    "mesh.synapse_cores_per_tile",
    "mesh.ec_cores_per_tile",
)
"""What is doubled and always mapped anew. Only a mapping for time spends room on speed: one for room may become slower."""


@dataclass(frozen=True)
class ReliefRow:
    """One resource relieved: its dotted name in a chip file, its value before and after, and the times with it.

    `mapped_anew` says whether the graph was mapped again, with other parts perhaps. Cycles are of the chip's clock.
    """

    resource: str
    before: Value
    after: Value
    mapped_anew: bool
    latency_cycles: int
    interval_cycles: float


@dataclass(frozen=True)
class Relief(Shown, Tabular):
    """What doubling each resource brings, the most helpful first: by interval of a stream, by latency of one image alone.

    `latency_cycles` and `interval_cycles` are those of the chip as it is. `not_tried` are resources that cannot be doubled on
    this chip or with the spikes that this run kept, and why.
    """

    graph: str
    chip: str
    images: int
    latency_cycles: int
    interval_cycles: float
    rows: tuple[ReliefRow, ...]
    not_tried: tuple[tuple[str, str], ...]

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `relief`: a row per resource, with the share of latency and interval that doubling it saves."""
        choose(table, ("relief",), "a relief")
        names = ("resource", "before", "after", "mapped_anew", "latency_cycles", "interval_cycles")
        columns = {name: [getattr(row, name) for row in self.rows] for name in names}
        columns |= {name: [float(value) for value in columns[name]] for name in ("before", "after")}
        columns["latency_saved"] = [1 - row.latency_cycles / self.latency_cycles for row in self.rows]
        columns["interval_saved"] = [1 - row.interval_cycles / self.interval_cycles for row in self.rows]
        return arrow(columns, {"graph": self.graph, "chip": self.chip, "images": self.images})


def relief(
    activity: Activity,
    chip: Chip | None = None,
    *,
    images: int | None = None,
    synchronisation: str | None = None,
    progress: Progress | None = None,
) -> Relief:
    """Schedule a run once as it is and once per resource with twice of it; the arguments are those of `schedule`.

    The clock is left out: twice the clock is half of every time. Nothing is executed again; a mapping that reads the resource is
    made anew, which needs the run's spikes (`keep_spikes`) where it cuts channels elsewhere.

    Raises what `schedule` raises for the base.
    """
    base = chip if chip is not None else activity.program.chip
    unmoved = same_chip(base, activity.program.chip)
    for_room = activity.program.options.get("goal", "room") == "room"

    def time(target: Chip, *, keep: bool) -> Timeline:
        """Keeping the mapping is what mapping anew would give, in less time."""
        run = replace(activity, program=replace(activity.program, chip=target)) if keep else activity
        return schedule(run, target, images=images, synchronisation=synchronisation)

    as_is = time(base, keep=unmoved)
    rows: list[ReliefRow] = []
    not_tried: list[tuple[str, str]] = []
    together = base.step_times is not None and as_is.synchronisation == "barrier"
    resources = (*(STEP_TIMES if together else RATES), *((BUFFER,) if together else DELAYS), *ROOM)
    for done, resource in enumerate(resources):
        if progress is not None:
            progress(done, len(resources))
        if base.ec_core is None and "ec_core" in resource:
            continue
        before: Value = attrgetter(resource)(base)
        if resource in DELAYS and before < 2:
            not_tried.append((resource, "it is one cycle"))
            continue
        if resource in STEP_TIMES and not before:
            not_tried.append((resource, "it takes no time"))
            continue
        after = before / 2 if resource in STEP_TIMES else before // 2 if resource in DELAYS else 2 * before
        keep = unmoved and for_room and resource not in ROOM
        relieved = vary(base, {resource: after})
        try:
            timeline = time(relieved, keep=keep)
        except InputError as error:
            not_tried.append((resource, str(error)))
            continue
        rows.append(ReliefRow(resource, before, after, not keep, timeline.latency_cycles, timeline.interval_cycles))
    if progress is not None:
        progress(len(resources), len(resources))
    rows.sort(key=attrgetter("interval_cycles" if as_is.images > 1 else "latency_cycles", "resource"))
    graph = activity.program.graph.name
    return Relief(graph, base.name, as_is.images, as_is.latency_cycles, as_is.interval_cycles, tuple(rows), tuple(not_tried))
