"""Recording: what units did, attributed to parts of cores, in integers."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import (
    Convolution2d,
    ECUnit,
    IntegerNeurons,
    Mask,
    Neurons,
    Node,
    ProductUnit,
    Reduce,
    Source,
    Synapse,
)
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels.formats import range_of
from synaptile.mapper.lengths import program_at
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.events import inputs_met, region_of, steps_ago
from synaptile.simulator.actions.fetches import Sharing, node_fetches, shared_nodes
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Op, Role, Trigger
from synaptile.simulator.activity import Accounting, OperationTable, RowFetches, SpikeRecord
from synaptile.simulator.event.build import Layout
from synaptile.simulator.event.places import counted_bounds, product_actions, rectangles_of, whole_actions
from synaptile.simulator.event.unit import ProductEvents, Traffic
from synaptile.simulator.kernels.fire import Events, pack_fired
from synaptile.simulator.lengths import mean_neurons
from synaptile.simulator.operations import Ledger


class Recorder:
    """Collects spikes, accountings and the operations that depend on events; the rest follows from the program's shape."""

    def __init__(self, layout: Layout, steps: int, images: int, keep_spikes: int = 0, lengths: Int64 | None = None) -> None:
        graph = layout.program.graph
        kept = min(keep_spikes, images)
        self.layout, self.steps, self.images = layout, steps, images
        self.ledger = Ledger(layout.program, steps, images, lengths)
        self.logits = np.zeros((steps, images, graph.readout.width), np.float64 if graph.integer else layout.dtype)
        self.departures: dict[str, Int64] = {}
        self.overflows = {site.name: 0 for site in graph.of_type(IntegerNeurons)}
        """Membranes of each site that left their bits, over all steps and images."""
        self.nodes = tuple(graph.ann_macs)
        self._row = {name: i for i, name in enumerate(self.nodes)}
        self._shorter: dict[int, CoreProgram] = {}
        self._sent: dict[str, Int64] = {}
        """Spikes that a site sent at each step, in the batch last recorded."""
        shape = (len(self.nodes), steps, images)
        self.eq30, self.released = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.convolutions = {
            node.name: np.zeros((steps, images, layout.program.parts_of(node.name).size, 2), np.int64)
            for node in graph.of_type(Convolution2d)
        }
        shared = shared_nodes(layout.program, layout.program.chip)
        self.fetches = {
            name: RowFetches(*sharing, np.zeros((steps, images, layout.program.parts_of(name).size), np.int32))
            for name, sharing in shared.items()
        }
        bounds = {site.name: counted_bounds(layout, site) for site in graph.sites}
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
            if traffic.overflows is not None:
                self.overflows[node.name] += int(traffic.overflows.sum())
        if traffic.departures is not None:
            self._record_departures(node, traffic.departures)
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
        if isinstance(node, Mask | Reduce):
            self._record_by_region(node, images)

    def finish(self) -> tuple[OperationTable, Accounting, dict[str, SpikeRecord]]:
        """The tables of the whole run."""
        macs = self.layout.program.graph.ann_macs
        accounting = Accounting(self.nodes, self.eq30, self.released, np.array([macs[name] for name in self.nodes], np.int64))
        return self.ledger.table(), accounting, self.spikes

    def _record_spikes(self, site: Neurons, traffic: Traffic, events: Events, images: slice) -> None:
        record, count = self.spikes[site.name], images.stop - images.start
        lines = (site.shape[0], site.tokens) if site.is_map else (site.tokens, -1)  # queries of each head, or groups of a token
        counts = events.counts.reshape(self.steps, count, *lines)
        record.events[:, images, : site.tokens] = counts.transpose(0, 1, 3, 2) if site.is_map else counts
        self._record_masks(site, events, images)
        assert traffic.histogram is not None
        record.histogram[:] += traffic.histogram
        spikes, fired = events.counts.reshape(self.steps, -1).sum(axis=1, dtype=np.int64), traffic.histogram.sum(axis=1)
        self._check(f"site {site.name!r}", "spikes sent", spikes, "fired", fired)
        self._sent[site.name] = spikes
        if isinstance(site, Source):
            return
        rectangles = rectangles_of(self.layout, site.name)
        sent = (rectangles.transposed() if site.is_map else rectangles).sums(counts)
        for action in whole_actions(self._program_at(site), site.name):
            if action.trigger is Trigger.SENT:
                self.ledger.add(rectangles.part, action.role, action.op, sent * action.count)
        self._check(f"site {site.name!r}", "spikes sent", spikes, "fired by its cores", sent.sum(axis=1))

    def _record_masks(self, site: Neurons, events: Events, images: slice) -> None:
        """Keep who fired for the first images of the run; of all, count the rows that readers fetch for blocks and batches."""
        graph, masks = self.layout.program.graph, self.spikes[site.name].masks
        kept = 0 if masks is None else max(0, min(images.stop, masks.shape[1]) - images.start)
        readers = [
            (name, number)
            for name in graph.consumers(site.name)
            if name in self.fetches
            for number in inputs_met(graph.nodes[name], 0)
            if graph.nodes[name].inputs[number].node == site.name
        ]
        count = images.stop - images.start
        needed = count if readers else kept
        if not needed:
            return
        codes = events.codes.reshape(self.steps, count, *site.shape)[:, :needed]
        packed = np.empty((*codes.shape[:-1], -(-site.shape[-1] // 8)), np.uint8)
        pack_fired(np.ascontiguousarray(codes).reshape(-1, site.shape[-1]), packed.reshape(-1, packed.shape[-1]))
        if masks is not None and kept:  # a sentence may be shorter than its site
            masks[:, images.start : images.start + kept, ..., : packed.shape[-2], : packed.shape[-1]] = packed[:, :kept]
        for name, number in readers:
            fetched = self.fetches[name]
            rows = node_fetches(self._program_at(site), name, number, packed, Sharing(fetched.block, fetched.batch))
            fetched.rows[:, images] += rows.astype(np.int32)

    def _program_at(self, node: Node) -> CoreProgram:
        """The program at the length of the sentence that a node stands for; of images the program."""
        program = self.layout.program
        own = program.graph.nodes[node.name]
        if node is own or node == own:
            return program
        return self._shorter.setdefault(node.tokens, program_at(program, node.tokens))

    def _record_departures(self, node: Node, counts: Int64) -> None:
        """Count what left its range; sums beyond their accumulators end the run where the chip says so."""
        self.departures[node.name] = self.departures.get(node.name, np.zeros(self.steps, np.int64)) + counts
        arithmetic = self.layout.arithmetic
        if arithmetic.overflow != "error" or not counts.any() or isinstance(node, ECUnit):
            return
        synapse = isinstance(node, Synapse)
        key, form = ("accumulators", arithmetic.accumulators) if synapse else ("membranes", arithmetic.membranes)
        assert form is not None
        low, high = range_of(form)
        raise InputError(
            f"{'synapse' if synapse else 'site'} {node.name!r}: {counts.sum():,} sums left their {form} {key} ({low:,} to "
            f"{high:,}): widen synapse_core.formats.{key}, take narrower weights, or write overflow: saturate"
        )

    def _record_synapse(self, node: Synapse, issued: Int64, images: slice) -> None:
        rectangles = rectangles_of(self.layout, node.name)
        accumulates = rectangles.sums(issued.reshape(self.steps, images.stop - images.start, node.tokens, -1))
        self.ledger.add(rectangles.part, Role.SYNAPSE_ROWS, Op.AC, accumulates)
        self._check_accumulates(f"synapse {node.name!r}", node, accumulates.sum(axis=1))

    def _record_convolution(self, node: Convolution2d, counts: Int64, images: slice) -> None:
        self.convolutions[node.name][:, images] = counts
        issued, scattered = counts[..., 0].sum(axis=1), self.eq30[self._row[node.name], :, images]
        self.ledger.add(self.layout.program.parts_of(node.name), Role.SYNAPSE_ROWS, Op.AC, issued)
        each = counts[..., 0].sum(axis=2)
        for image in range(each.shape[1]):
            name = f"convolution {node.name!r}, image {images.start + image}"
            self._check(name, "accumulates issued by its cores", each[:, image], "spikes scattered", scattered[:, image])

    def _record_product(self, node: ProductUnit, events: ProductEvents, images: slice) -> None:
        """Spikes are counted by kernels, row by row and column by column; what a part issues for each, the rules say."""
        count = images.stop - images.start
        a, b = (counts.reshape(self.steps, count, node.heads, -1) for counts in (events.a, events.b))
        rectangles, columns = product_actions(self._program_at(node), node.name)
        spikes = {
            Trigger.FIRST_INPUT: rectangles.transposed().sums(a),
            Trigger.SECOND_INPUT: rectangles.of_all_tokens().sums(b),
        }
        total = np.zeros(self.steps, np.int64)
        for action, per_event in columns:
            issued = spikes[action.trigger] * per_event * action.rhythm.beats(self.steps)[:, None]
            self.ledger.add(rectangles.part, action.role, action.op, issued)
            if action.op is Op.AC:
                total += issued.sum(axis=1)
        self._check_accumulates(f"product {node.name!r}", node, total)

    def _record_by_region(self, node: Node, images: slice) -> None:
        """Events of a node that counts none of its own: the spikes of the region that each part reads."""
        program, every = self.layout.program, parts_of(self.layout.program)
        given, total = np.zeros(self.steps, np.int64), np.zeros(self.steps, np.int64)
        for index in program.parts_of(node.name).tolist():
            for action in actions_of(every[index]):
                if action.trigger is Trigger.FIRST_INPUT:
                    record = self.spikes[node.inputs[0].node]
                    _, _, start, stop = region_of(program, every[index], 0)
                    first, last = np.searchsorted(record.bounds, (start, stop))
                    issued = record.events[:, images, :, first:last].sum(axis=(1, 2, 3), dtype=np.int64) * action.count
                    self.ledger.add(np.array([index]), action.role, action.op, issued[:, None])
                    total += issued
        for action in whole_actions(self._program_at(node), node.name):
            if action.trigger is Trigger.FIRST_INPUT:
                given += self._sent[node.inputs[0].node] * action.count
        self._check(f"{node.kind} {node.name!r}", "operations issued by its cores", total, "given by its spikes", given)

    def _check_accumulates(self, name: str, node: Synapse | ProductUnit, issued: Int64) -> None:
        """What the parts of a node accumulated is what the whole node does for the spikes of its sites."""
        given = np.zeros(self.steps, np.int64)
        for action in whole_actions(self._program_at(node), node.name):
            if action.op is Op.AC:
                for number in inputs_met(node, int(action.trigger is Trigger.SECOND_INPUT)):
                    port = node.inputs[number]
                    spikes = steps_ago(self._sent[port.node], port.delay)
                    given += spikes * action.count * action.rhythm.beats(self.steps)
        self._check(name, "accumulates issued by its cores", issued, "given by its spikes * fan-out", given)

    def _check(self, name: str, what: str, counted: Int64, other: str, expected: Int64) -> None:
        """Two counts of the same thing agree at every step."""
        if (counted != expected).any():
            step = int(np.argmax(counted != expected))
            raise ConservationError(f"{name}, step {step + 1}: {counted[step]} {what}, {expected[step]} {other}")
