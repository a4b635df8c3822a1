"""The type that scheduling produces: when and where every job and message of a run happened, in cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose, words
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.activity import Activity

if TYPE_CHECKING:
    import pyarrow as pa

Int8 = NDArray[np.int8]

UNITS = ("accumulate", "multiply", "special", "neuron")
"""Units: accumulate lanes of a synapse core, multipliers and special functions of an EC core, neuron updates of both."""

OPERANDS = -1
"""`JobTable.token` of the job in which a product adds all tokens of its second operand to S_B."""


class Cause(IntEnum):
    """What a job waited for last before it started."""

    NOTHING = 0
    INPUT = 1
    NETWORK = 2
    CORE = 3
    OUTPUT = 4
    BARRIER = 5
    PHASE = 6


class LinkKind(IntEnum):
    """What a link joins: two routers, a core to its router, or a router to its core."""

    MESH = 0
    INJECTION = 1
    EJECTION = 2


@dataclass(frozen=True)
class JobTable:
    """Work of one part for one token at one step of one image. Columns have shape (jobs,), sorted by core, then start.

    `part` indexes the program's parts, `core` its cores. `token` counts in the node's own stream (OPERANDS for the job that
    sums a product's second operand), `image` and `step` from 0. A job is ready at `ready_cycles`: its inputs have arrived and
    its outputs have room at every receiver; it runs from `start_cycles` to before `end_cycles` (equal where it issues nothing).
    `operations` is what it issues, in the counting of the OperationTable; `spikes` what it sends (neurons only).
    `cause` is a Cause, `waited_for` the job that the cause goes back to (-1: none).
    """

    part: Int32
    core: Int32
    token: Int32
    step: Int32
    image: Int32
    ready_cycles: Int64
    start_cycles: Int64
    end_cycles: Int64
    operations: Int64
    spikes: Int32
    cause: Int8
    waited_for: Int32


@dataclass(frozen=True)
class MessageTable:
    """What one job sends over one multicast tree (or, on a chip without multicast, to each receiving core in turn).

    Columns have shape (messages,), sorted by injection. `job` is the sending job, `group` the tree (`RouteTable`);
    `target_core` is -1 for a multicast, else the one core of a unicast copy. `elements` counts spikes or real-valued words,
    `flits` what they fill. The first flit leaves the core at `injected_cycles`; the last reaches the last receiver before
    `delivered_cycles`. `hops` is the number of mesh links that each flit crosses, copies of the tree together; `crossings`
    counts those of them that join two chips. `send_order` is the message's place in the order in which messages reserved links.
    A message of no element still has one flit: it says that a token is complete.
    """

    job: Int32
    group: Int32
    target_core: Int32
    elements: Int32
    flits: Int32
    hops: Int32
    crossings: Int32
    injected_cycles: Int64
    delivered_cycles: Int64
    send_order: Int32


@dataclass(frozen=True)
class LinkTable:
    """Load of every link in use. Columns have shape (links,).

    `kind` is a LinkKind; `source` and `target` are tiles (``y * board_width + x``) of a mesh link, tile and core of an
    injection or ejection link (core and tile order follow the direction). `flits` is the total carried, `busy_cycles` the
    cycles in which it carried them, `peak_queue_flits` the longest queue that stood before it, its own message included.
    """

    kind: Int8
    source: Int32
    target: Int32
    flits: Int64
    busy_cycles: Int64
    peak_queue_flits: Int64


@dataclass(frozen=True)
class PhaseTable:
    """Phases of a chip that streams its weights, in order of time. Columns have shape (groups of images * phases,).

    Phase `phase` takes images ``first_image : first_image + images``. Its weights come from `load_start_cycles` to before
    `load_end_cycles`; its jobs run between `start_cycles` and `work_end_cycles`; it ends at `end_cycles`, when what it reads and
    stores has passed too. `loaded_bits` are its weights, `moved_bits` what it reads of earlier phases and stores for later ones.
    """

    phase: Int64
    first_image: Int64
    images: Int64
    load_start_cycles: Int64
    load_end_cycles: Int64
    start_cycles: Int64
    work_end_cycles: Int64
    end_cycles: Int64
    loaded_bits: Int64
    moved_bits: Int64

    def interval_cycles(self) -> float:
        """Steady state: mean cycles per image from the end of the first load to that of the last; of one load, its own."""
        loads, first = np.unique(self.first_image, return_index=True)
        ends = np.array([self.end_cycles[self.first_image == load].max() for load in loads])
        images = self.images[first]
        return float(ends[-1] - ends[0]) / int(images[1:].sum()) if loads.size > 1 else float(ends[0]) / int(images[0])

    def image_starts(self, images: int) -> Int64:
        """When the first weights that each image waits for begin to load, shape (images,)."""
        group = np.searchsorted(self.first_image[self.phase == 0], np.arange(images), side="right") - 1
        starts: Int64 = self.load_start_cycles[self.phase == 0][group]
        return starts


@dataclass(frozen=True)
class CoreCycles:
    """Where the cycles of each core went; the four columns of shape (cores,) sum to the makespan.

    `stalled_input`: no job was ready because an input had not been computed. `stalled_network`: it had been computed and was
    on its way, or a receiver had no room. `idle`: before a core's first job and after its last, and at barriers.
    `unit_busy` has shape (cores, len(UNITS)): cycles in which each unit worked.
    """

    busy: Int64
    stalled_input: Int64
    stalled_network: Int64
    idle: Int64
    unit_busy: Int64


class Hold(NamedTuple):
    """One link of the critical path: a job, and what kept it from starting earlier.

    `wait_cycles` is the time between the end of the job before it on the path and its own start, `run_cycles` its duration. Where
    it waited for room (OUTPUT), the job before it gave that by starting: the wait counts from that start, and the run of the job
    before it, which nothing on the path waits for, is 0. Waits and runs sum to the makespan.
    """

    job: int
    core: int
    node: str
    token: int
    step: int
    image: int
    cause: Cause
    wait_cycles: int
    run_cycles: int


@dataclass(frozen=True)
class Resource:
    """A core's unit, a core or a link with the cycles in which it was busy; `share` is of the makespan, 0..1."""

    name: str
    busy_cycles: int
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(Tabular, Shown):
    """One Activity on one chip, in cycles of that chip's clock.

    `program` is the mapping that was scheduled: the activity's own, or a new one where the chip asked for it (`remapped`).
    `images` counts the images of the stream, the first of the activity's. `step_end_cycles` has shape (images, steps): the
    cycle in which the logits of a step were read out, from the start of the stream. `notes` say what the reader must know.
    """

    activity: Activity
    program: CoreProgram
    synchronisation: str
    images: int
    jobs: JobTable
    messages: MessageTable
    links: LinkTable
    cores: CoreCycles
    makespan_cycles: int
    step_end_cycles: Int64
    image_start_cycles: Int64
    critical_path: tuple[Hold, ...]
    bottleneck: Resource
    remapped: bool
    notes: tuple[str, ...]
    provenance: Mapping[str, object]
    phases: PhaseTable | None = None
    opened_cycles: Int64 | None = None
    """Of each job (jobs,), when its step began, where cores work on different steps of the run at once; else None."""
    main: NDArray[np.bool_] | None = None
    """Of each job (jobs,), whether it stands for all that its part does in the step, where that is several jobs; else None."""

    @property
    def clock_mhz(self) -> float:
        """Clock of the chip that was scheduled."""
        return self.program.chip.clock_mhz

    def milliseconds(self, cycles: float) -> float:
        """Cycles as time on this chip."""
        return cycles / (1e3 * self.clock_mhz)

    @property
    def latency_cycles(self) -> int:
        """Cycles from the start of the first image to its last logits."""
        return int(self.first_image_cycles[-1])

    @property
    def first_image_cycles(self) -> Int64:
        """Cycles from the start of the first image to its logits of each step, shape (steps,)."""
        latency: Int64 = self.step_end_cycles[0] - self.image_start_cycles[0]
        return latency

    @property
    def interval_cycles(self) -> float:
        """Steady state: mean cycles between the last logits of consecutive images; one image's makespan where there is one.

        Where weights are streamed, images of one load come out together: the mean is over whole loads.
        """
        if self.images == 1:
            return float(self.makespan_cycles)
        if self.phases is not None:
            return self.phases.interval_cycles()
        last = self.step_end_cycles[:, -1]
        return float(last[-1] - last[0]) / (self.images - 1)

    @property
    def images_per_second(self) -> float | None:
        """Steady-state throughput; None where one image was scheduled, which has none."""
        return 1e6 * self.clock_mhz / self.interval_cycles if self.images > 1 and self.interval_cycles else None

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `cores` (where their cycles went), `links`, `steps` (when logits were out), `jobs`, `messages` or `phases`.

        Images, tokens and cycles count from 0, steps from 1; times are in cycles of the chip's clock.
        """
        columns = _COLUMNS[choose(table, tuple(_COLUMNS), "a timeline")](self)
        chip = self.program.chip
        about: dict[str, object] = {"graph": self.program.graph.name, "chip": chip.name, "chip_digest": chip.digest}
        about |= {"clock_mhz": self.clock_mhz, "makespan": self.makespan_cycles, "synthetic": self.activity.synthetic}
        return arrow(columns, about)


def _cores(timeline: Timeline) -> dict[str, Any]:
    cores, cycles = timeline.program.cores, timeline.cores
    return {
        "core": np.arange(len(cores.kind), dtype=np.int32),
        "kind": words([kind.name.lower() for kind in CoreKind], cores.kind),
        **{name: getattr(cores, name) for name in ("x", "y", "slot")},
        **{f"{name}_cycles": getattr(cycles, name) for name in ("busy", "stalled_input", "stalled_network", "idle")},
        **{f"{unit}_busy_cycles": cycles.unit_busy[:, at] for at, unit in enumerate(UNITS)},
    }


def _links(timeline: Timeline) -> dict[str, Any]:
    columns = {field.name: getattr(timeline.links, field.name) for field in fields(timeline.links)}
    return {**columns, "kind": words([kind.name.lower() for kind in LinkKind], timeline.links.kind)}


def _steps(timeline: Timeline) -> dict[str, Any]:
    images, steps = timeline.step_end_cycles.shape
    ends = timeline.step_end_cycles
    return {
        "image": np.repeat(np.arange(images), steps).astype(np.int32),
        "step": np.tile(np.arange(1, steps + 1), images).astype(np.int32),
        "end_cycles": ends.reshape(-1),
        "latency_cycles": (ends - timeline.image_start_cycles[:, None]).reshape(-1),
    }


def _jobs(timeline: Timeline) -> dict[str, Any]:
    jobs = timeline.jobs
    columns = {field.name: getattr(jobs, field.name) for field in fields(jobs)}
    return {
        **columns,
        "step": jobs.step + 1,
        "node": words(timeline.program.node_names, timeline.program.parts.node[jobs.part]),
        "cause": words([cause.name.lower() for cause in Cause], jobs.cause),
    }


def _messages(timeline: Timeline) -> dict[str, Any]:
    return {field.name: getattr(timeline.messages, field.name) for field in fields(timeline.messages)}


def _phases(timeline: Timeline) -> dict[str, Any]:
    """Empty where weights are not streamed."""
    table, none = timeline.phases, np.zeros(0, np.int64)
    return {field.name: none if table is None else getattr(table, field.name) for field in fields(PhaseTable)}


_COLUMNS = {
    "cores": _cores,
    "links": _links,
    "steps": _steps,
    "jobs": _jobs,
    "messages": _messages,
    "phases": _phases,
}
