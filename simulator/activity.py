"""The type execution produces: what every core, node and step did, in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose, words
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.vocabulary import Op

if TYPE_CHECKING:
    import pyarrow as pa


OPS = tuple(op.value for op in Op)
"""Operations that cores issue. `ac` is one accumulate caused by one spike at one destination; `add` is every other addition."""

SYNTHETIC = "synthetic"
"""Entry of a run's provenance that says what its spikes were drawn from; executed runs have none."""


@dataclass(frozen=True)
class OperationTable:
    """Operations issued, summed over the images of the run. Columns have shape (rows,); `count` (rows, steps).

    `core` indexes the program's cores, `node` its node names, `role` the table's `roles` (what the operation was for, e.g.
    "synapse rows", "bias", "partial sums", "expectation") and `op` the tuple `OPS`. A row exists once per (core, node, role, op).
    Work done once per image (the patch embedding) counts at the first step.
    """

    core: NDArray[np.int32]
    node: NDArray[np.int32]
    role: NDArray[np.int32]
    op: NDArray[np.int32]
    count: Int64
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Accounting:
    """Spiking operations of the two published accountings, per Linear and product node.

    `nodes` names them in graph order; `eq30` and `released` have shape (nodes, steps, images), ACs issued at that step
    (not cumulative); `ann_macs` has shape (nodes,), the dense MACs of one pass of one image.
    """

    nodes: tuple[str, ...]
    eq30: Int64
    released: Int64
    ann_macs: Int64


@dataclass(frozen=True)
class SpikeRecord:
    """Spikes of one neuron site.

    `events` has shape (steps, images, tokens, groups): spikes emitted per token and channel group, where group g covers
    channels ``bounds[g]:bounds[g+1]`` of the site (heads, where its stream is an attention map).
    `histogram` has shape (steps, 2n): spikes per threshold over all images, +theta1*2^k at k, -theta2*2^k at n+k (ST-BIF: n = 1).
    `neurons` is the number of neurons of the site, one image (of text the mean over sentences, rounded). `masks` are the neurons
    that fired for the first images of the run, packed by `numpy.packbits`: uint8, shape (steps, images kept, *site shape but its
    last axis, ceil(width / 8)); None without.
    """

    events: NDArray[np.int32]
    bounds: Int64
    histogram: Int64
    neurons: int
    masks: NDArray[np.uint8] | None = None

    def fired(self, width: int, images: slice = slice(None)) -> NDArray[np.uint8]:
        """Which neurons of a site of rows `width` wide fired, 1 or 0, shape (steps, images, *site shape).

        Raises InputError where spikes of fewer images were kept than asked for.
        """
        kept = 0 if self.masks is None else self.masks.shape[1]
        if self.masks is None or (images.stop or 0) > kept:
            asked = images.stop or "all"
            raise InputError(f"spikes of {kept} images were kept, of {asked} are asked for: run again with keep_spikes={asked}")
        return np.unpackbits(self.masks[:, images], axis=-1, count=width)


@dataclass(frozen=True)
class RowFetches:
    """Rows of its first input that a node fetched, where a row serves `block` tokens at `batch` steps.

    `rows` has shape (steps, images, parts), int32, in the order of `parts_of`: of weights, or of a product's S_B.
    """

    block: int
    batch: int
    rows: NDArray[np.int32]


@dataclass(frozen=True, repr=False)
class Activity(Tabular, Shown):
    """One run of a CoreProgram.

    `logits` has shape (steps, images, classes), the mean over steps so far (the sum, by the read-out's law). `spikes` maps neuron
    sites to their record. `numeric` is the number format ("float32", "float64" or "int8"). `provenance` holds versions, seeds,
    digests, command. `settled` is the step at which each image came to rest, shape (images,), 0 where it moved to the end;
    None for graphs that are shown the image at every step. `convolutions` maps convolutions to what their parts issued, in the
    order of `parts_of`: accumulates and weight rows fetched, int64, shape (steps, images, parts, 2). `lengths` has shape
    (images,): the tokens of each sentence, behind which its spikes are padded with none; None for anything but text.
    `fetches` maps nodes whose rows are shared by the dataflow of the program's chip to how many they fetched. `departures` maps
    nodes to what left its range at each step, all images, int64, shape (steps,): additions whose sum left its accumulator (of a
    synapse) or its membrane (of a site), inputs outside the range of a table (of an EC unit); nodes where nothing could leave are
    absent.
    """

    program: CoreProgram
    numeric: str
    steps: int
    images: int
    logits: NDArray[Any]
    operations: OperationTable
    accounting: Accounting
    spikes: Mapping[str, SpikeRecord]
    provenance: Mapping[str, object]
    settled: Int64 | None = None
    convolutions: Mapping[str, Int64] = field(default_factory=dict)
    lengths: Int64 | None = None
    fetches: Mapping[str, RowFetches] = field(default_factory=dict)
    departures: Mapping[str, Int64] = field(default_factory=dict)

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `operations` (core, node, role, op, step, count) or `spikes` (site, step, value, count), without zeros.

        Steps count from 1, counts are sums over all images.
        """
        name, program = choose(table, ("operations", "spikes"), "an activity"), self.program
        about: dict[str, object] = {"graph": program.graph.name, "graph_digest": program.graph.digest, "images": self.images}
        about |= {"chip": program.chip.name, "chip_digest": program.chip.digest, "numeric": self.numeric}
        columns = _operations(self) if name == "operations" else _spikes(self)
        return arrow(columns, {**about, "synthetic": self.synthetic})

    @property
    def synthetic(self) -> str | None:
        """Where the rates come from that the spikes were drawn from; None for a run that was executed.

        A synthetic activity has no logits: their last axis, classes, is empty.
        """
        told = self.provenance.get(SYNTHETIC)
        return str(told["source"]) if isinstance(told, Mapping) else None

    @property
    def synthetic_notes(self) -> tuple[str, ...]:
        """What every report of a synthetic activity says first; empty for a run that was executed."""
        told = self.provenance.get(SYNTHETIC)
        if not isinstance(told, Mapping):
            return ()
        return (
            f"SYNTHETIC ACTIVITY: spikes were drawn from {told['source']} (seed {told['seed']}), nothing was executed: there is "
            f"no accuracy. Assumed: {'; '.join(told['assumptions'])}.",
        )


def _operations(activity: Activity) -> dict[str, Any]:
    table = activity.operations
    row, step = np.nonzero(table.count)
    return {
        "core": table.core[row],
        "node": words(activity.program.node_names, table.node[row]),
        "role": words(table.roles, table.role[row]),
        "op": words(OPS, table.op[row]),
        "step": (step + 1).astype(np.int32),
        "count": table.count[row, step],
    }


def _spikes(activity: Activity) -> dict[str, Any]:
    """Spikes per site, step and threshold: `value` is what one of them is worth."""
    graph = activity.program.graph
    chunks: dict[str, list[Any]] = {"site": [], "step": [], "value": [], "count": []}
    for at, (site, record) in enumerate(activity.spikes.items()):
        node = next(one for one in graph.sites if one.name == site)
        n = record.histogram.shape[1] // 2
        powers = 2.0 ** np.arange(n)
        values = np.concatenate([node.theta1 * powers, -node.theta2 * powers])
        step, threshold = np.nonzero(record.histogram)
        chunks["site"].append(np.full(step.size, at))
        chunks["step"].append(step + 1)
        chunks["value"].append(values[threshold])
        chunks["count"].append(record.histogram[step, threshold])
    kinds = {"site": np.int32, "step": np.int32, "value": np.float64, "count": np.int64}
    joined = {name: np.concatenate([np.zeros(0, kinds[name]), *parts]).astype(kinds[name]) for name, parts in chunks.items()}
    return {**joined, "site": words(tuple(activity.spikes), joined["site"])}
