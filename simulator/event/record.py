"""Recording: what units did, attributed to parts of cores, in integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Neurons, Node, ProductUnit, Source, STBIFNeurons, Synapse
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import ConservationError
from synaptile.simulator.activity import Accounting, OperationTable, SpikeRecord
from synaptile.simulator.event.build import Layout
from synaptile.simulator.event.units import ProductEvents, Traffic
from synaptile.simulator.kernels.fire import Events, pack_fired
from synaptile.simulator.kernels.rectangles import sum_rectangles
from synaptile.simulator.lengths import mean_neurons
from synaptile.simulator.operations import Ledger

Int64 = NDArray[np.int64]


class Rectangles(NamedTuple):
    """Where parts lie in a table of tokens and columns (groups of channels, tiles, heads): ranges of both, (parts,) int64."""

    part: Int64
    token_start: Int64
    token_stop: Int64
    start: Int64
    stop: Int64


class Recorder:
    """Collects spikes, accountings and the operations that depend on events; the rest follows from the program's shape."""

    def __init__(self, layout: Layout, steps: int, images: int, keep_spikes: int = 0, lengths: Int64 | None = None) -> None:
        graph = layout.program.graph
        kept = min(keep_spikes, images)
        self.layout, self.steps, self.images = layout, steps, images
        self.ledger = Ledger(layout.program, steps, images, lengths)
        self.logits = np.zeros((steps, images, graph.readout.width), layout.dtype)
        self.nodes = tuple(graph.ann_macs)
        self._row = {name: i for i, name in enumerate(self.nodes)}
        self._sent: dict[str, Int64] = {}
        """Spikes that a site sent at each step, in the batch last recorded."""
        shape = (len(self.nodes), steps, images)
        self.eq30, self.released = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.convolutions = {
            node.name: np.zeros((steps, images, layout.program.parts_of(node.name).size, 2), np.int64)
            for node in graph.of_type(Convolution2d)
        }
        bounds = {site.name: _record_bounds(layout, site) for site in graph.sites}
        neurons = mean_neurons(graph, lengths)
        self.spikes = {
            site.name: SpikeRecord(
                np.zeros((steps, images, site.tokens, bounds[site.name].size - 1), np.int32),
                bounds[site.name],
                np.zeros((steps, 2 * site.n), np.int64),
                neurons[site.name],
                np.zeros((steps, kept, *site.shape[:-1], -(-site.shape[-1] // 8)), np.uint8) if kept else None,
            )
            for site in graph.sites
        }

    def record(self, node: Node, traffic: Traffic, events: Events | None, start: int, count: int) -> None:
        """Take what one node did at all steps, for images start : start+count."""
        images = slice(start, start + count)
        if isinstance(node, Neurons) and events is not None:
            self._record_spikes(node, traffic, events, images)
        if isinstance(node, Synapse | Convolution2d | ProductUnit):
            row = self._row[node.name]
            assert traffic.eq30 is not None and traffic.released is not None
            self.eq30[row, :, images] = traffic.eq30
            self.released[row, :, images] = traffic.released
        if isinstance(node, Synapse) and traffic.issued is not None:
            self._record_synapse(node, traffic.issued, images)
        if isinstance(node, Convolution2d) and traffic.parts is not None:
            self._record_convolution(node, traffic.parts, images)
        if isinstance(node, ProductUnit) and traffic.events is not None:
            self._record_product(node, traffic.events, images)

    def finish(self) -> tuple[OperationTable, Accounting, dict[str, SpikeRecord]]:
        """The tables of the whole run."""
        macs = self.layout.program.graph.ann_macs
        accounting = Accounting(self.nodes, self.eq30, self.released, np.array([macs[name] for name in self.nodes], np.int64))
        return self.ledger.table(), accounting, self.spikes

    def _record_spikes(self, site: Neurons, traffic: Traffic, events: Events, images: slice) -> None:
        record, count = self.spikes[site.name], images.stop - images.start
        if site.is_map:
            heads, tokens, _ = site.shape
            record.events[:, images, :tokens] = events.counts.reshape(self.steps, count, heads, tokens).transpose(0, 1, 3, 2)
        else:
            record.events[:, images, : site.tokens] = events.counts.reshape(self.steps, count, site.tokens, -1)
        if record.masks is not None and images.start < record.masks.shape[1]:
            kept = slice(images.start, min(images.stop, record.masks.shape[1]))
            code = events.codes.reshape(self.steps, count, *site.shape)[:, : kept.stop - kept.start]
            target = record.masks[:, kept][
                ..., : code.shape[-2], : -(-site.shape[-1] // 8)
            ]  # a sentence may be shorter than its site
            packed = target if target.flags.c_contiguous else np.empty(target.shape, np.uint8)
            pack_fired(np.ascontiguousarray(code).reshape(-1, site.shape[-1]), packed.reshape(-1, packed.shape[-1]))
            if packed is not target:
                target[...] = packed
        assert traffic.histogram is not None
        record.histogram[:] += traffic.histogram
        spikes, fired = events.counts.reshape(self.steps, -1).sum(axis=1, dtype=np.int64), traffic.histogram.sum(axis=1)
        self._check(f"site {site.name!r}", "spikes sent", spikes, "fired", fired)
        self._sent[site.name] = spikes
        if isinstance(site, Source):
            return
        lie = _rectangles_of(self.layout, site.name)
        found = _sums(record.events[:, images].sum(axis=1, dtype=np.int64), lie)
        self.ledger.add(lie.part, "soft reset", "add", found)
        if isinstance(site, STBIFNeurons):
            self.ledger.add(lie.part, "tracer", "add", found)
        self._check(f"site {site.name!r}", "spikes sent", spikes, "fired by its cores", found.sum(axis=1))

    def _record_synapse(self, node: Synapse, issued: Int64, images: slice) -> None:
        lie = _rectangles_of(self.layout, node.name)
        accumulates = _sums(issued.reshape(self.steps, images.stop - images.start, node.tokens, -1).sum(axis=1), lie)
        self.ledger.add(lie.part, "synapse rows", "ac", accumulates)
        total, fan_out = accumulates.sum(axis=1), self._sent[node.inputs[0].node] * node.width
        self._check(f"synapse {node.name!r}", "accumulates issued by its cores", total, "spikes * fan-out", fan_out)

    def _record_convolution(self, node: Convolution2d, counts: Int64, images: slice) -> None:
        self.convolutions[node.name][:, images] = counts
        issued, scattered = counts[..., 0].sum(axis=1), self.eq30[self._row[node.name], :, images]
        self.ledger.add(self.layout.program.parts_of(node.name), "synapse rows", "ac", issued)
        each = counts[..., 0].sum(axis=2)
        for image in range(each.shape[1]):
            name = f"convolution {node.name!r}, image {images.start + image}"
            self._check(name, "accumulates issued by its cores", each[:, image], "spikes scattered", scattered[:, image])

    def _record_product(self, node: ProductUnit, events: ProductEvents, images: slice) -> None:
        count = images.stop - images.start
        columns = node.keys if node.form == "qk" else node.head_width
        a = events.a.reshape(self.steps, count, node.heads, node.tokens).sum(axis=1, dtype=np.int64)
        b = events.b.reshape(self.steps, count, node.heads, columns).sum(axis=(1, 3), dtype=np.int64)
        later = (np.arange(self.steps) > 0).astype(np.int64)  # the second pass begins at the second step
        lie = _rectangles_of(self.layout, node.name)
        tokens = np.minimum(lie.token_stop, node.tokens) - np.minimum(lie.token_start, node.tokens)  # a sentence may end before
        present = tokens > 0
        lie, tokens = Rectangles(*(column[present] for column in lie)), tokens[present]
        spikes_a = _sums(a.transpose(0, 2, 1), lie)
        spikes_b = _sums(b[:, None], lie._replace(token_start=0 * tokens, token_stop=0 * tokens + 1))
        first, second = spikes_a * columns, spikes_b * tokens * later[:, None]
        self.ledger.add(lie.part, "A(t) S_B(t)", "ac", first)
        self.ledger.add(lie.part, "S_A(t-1) B(t)", "ac", second)
        self.ledger.add(lie.part, "operand sums", "add", spikes_a + spikes_b)
        total = first.sum(axis=1) + second.sum(axis=1)
        sent_a, sent_b = (self._sent[port.node] for port in node.inputs)
        expected = sent_a * columns + sent_b * node.tokens * later
        self._check(f"product {node.name!r}", "accumulates issued by its cores", total, "given by its spikes", expected)

    def _check(self, name: str, what: str, found: Int64, other: str, expected: Int64) -> None:
        """Two counts of the same thing agree at every step."""
        if (found != expected).any():
            step = int(np.argmax(found != expected))
            raise ConservationError(f"{name}, step {step + 1}: {found[step]} {what}, {expected[step]} {other}")


@derived
def _rectangles_of(layout: Layout, name: str) -> Rectangles:
    """Where a node's parts lie in the table of its counts: by groups of channels, by tiles or by heads."""
    program, parts = layout.program, layout.program.parts
    node, chosen = program.graph.nodes[name], program.parts_of(name).astype(np.int64)
    token_start, token_stop, start, stop, in_start, in_stop = (
        column[chosen].astype(np.int64)
        for column in (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop, parts.in_start, parts.in_stop)
    )
    if isinstance(node, Synapse):
        number = {tile: i for i, tile in enumerate(layout.rectangles[name])}
        start = np.array([number[tuple(tile)] for tile in np.stack([start, stop, in_start, in_stop], axis=1).tolist()], np.int64)
        stop = start + 1
    elif isinstance(node, ProductUnit) and node.form == "sv":
        start, stop = start // node.head_width, stop // node.head_width
    elif isinstance(node, Neurons) and not node.is_map:
        start, stop = (np.searchsorted(_record_bounds(layout, node), channel) for channel in (start, stop))
    return Rectangles(chosen, token_start, token_stop, start, stop)


def _sums(counts: Int64, lie: Rectangles) -> Int64:
    """Counts within the rectangle of each part, (steps, parts); counts: (steps, tokens, columns) int64."""
    return np.asarray(sum_rectangles(np.ascontiguousarray(counts), *lie[1:]))


def _record_bounds(layout: Layout, site: Neurons) -> Int64:
    """Channels at which a site's spikes are counted apart; of an attention map, its heads."""
    return np.arange(site.shape[0] + 1, dtype=np.int64) if site.is_map else layout.bounds[site.name]
