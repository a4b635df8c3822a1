"""Recording: what units did, attributed to parts of cores, in integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conversion.graph import Convolution2d, Neurons, Node, ProductUnit, Source, STBIFNeurons, Synapse
from foundation.errors import ConservationError
from mapper.regions import required
from simulator.activity import Accounting, OperationTable, SpikeRecord
from simulator.event.build import Layout
from simulator.event.units import ProductEvents, Traffic
from simulator.kernels.fire import Events, count_spikes
from simulator.operations import Ledger

Int64 = NDArray[np.int64]


class Recorder:
    """Collects spikes, accountings and the operations that depend on events; the rest follows from the program's shape."""

    def __init__(self, layout: Layout, steps: int, images: int, keep_spikes: int = 0) -> None:
        graph = layout.program.graph
        kept = min(keep_spikes, images)
        self.layout, self.steps, self.images = layout, steps, images
        self.ledger = Ledger(layout.program, steps, images)
        self.logits = np.zeros((steps, images, graph.readout.width), layout.dtype)
        self.nodes = tuple(graph.ann_macs)
        self._row = {name: i for i, name in enumerate(self.nodes)}
        shape = (len(self.nodes), steps, images)
        self.eq30, self.released = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.convolutions = {
            node.name: np.zeros((steps, images, layout.program.parts_of(node.name).size, 2), np.int64)
            for node in graph.of_type(Convolution2d)
        }
        bounds = {site.name: _record_bounds(layout, site) for site in graph.sites}
        self.spikes = {
            site.name: SpikeRecord(
                np.zeros((steps, images, site.tokens, bounds[site.name].size - 1), np.int32),
                bounds[site.name],
                np.zeros((steps, 2 * site.n), np.int64),
                site.size,
                np.zeros((steps, kept, *site.shape[:-1], -(-site.shape[-1] // 8)), np.uint8) if kept else None,
            )
            for site in graph.sites
        }

    def record(self, node: Node, traffic: Traffic, events: Events | None, step: int, start: int, count: int) -> None:
        """Take one node's traffic at one step, for images start : start+count."""
        images = slice(start, start + count)
        if isinstance(node, Neurons) and events is not None:
            self._record_spikes(node, traffic, events, step, images)
        if isinstance(node, Synapse | Convolution2d | ProductUnit):
            row = self._row[node.name]
            assert traffic.eq30 is not None and traffic.released is not None
            self.eq30[row, step, images] = traffic.eq30
            self.released[row, step, images] = traffic.released
        if isinstance(node, Synapse) and traffic.issued is not None:
            self._record_synapse(node, traffic.issued, step, images)
        if isinstance(node, Convolution2d) and traffic.parts is not None:
            self._record_convolution(node, traffic.parts, step, images)
        if isinstance(node, ProductUnit) and traffic.events is not None:
            self._record_product(node, traffic.events, step, images)

    def finish(self) -> tuple[OperationTable, Accounting, dict[str, SpikeRecord]]:
        """The tables of the whole run."""
        macs = self.layout.program.graph.ann_macs
        accounting = Accounting(self.nodes, self.eq30, self.released, np.array([macs[name] for name in self.nodes], np.int64))
        return self.ledger.table(), accounting, self.spikes

    def _record_spikes(self, site: Neurons, traffic: Traffic, events: Events, step: int, images: slice) -> None:
        record, count = self.spikes[site.name], images.stop - images.start
        code = events.code.reshape(count, *site.shape)
        if site.is_map:
            heads, tokens, _ = site.shape
            record.events[step, images] = events.spikes.reshape(count, heads, tokens).transpose(0, 2, 1)
        else:
            counted = np.empty((count * site.tokens, record.bounds.size - 1), np.int32)
            count_spikes(events.code, record.bounds, counted)
            record.events[step, images] = counted.reshape(count, site.tokens, -1)
        if record.masks is not None and images.start < record.masks.shape[1]:
            kept = slice(images.start, min(images.stop, record.masks.shape[1]))
            record.masks[step, kept] = np.packbits(code[: kept.stop - kept.start] != 0, axis=-1)
        assert traffic.histogram is not None
        record.histogram[step] += traffic.histogram
        spikes = int(events.spikes.sum(dtype=np.int64))
        if int(traffic.histogram.sum()) != spikes:
            raise ConservationError(f"site {site.name!r}, step {step + 1}: {spikes} spikes sent, {traffic.histogram.sum()} fired")
        if isinstance(site, Source):
            return
        fired = 0
        for part in self.layout.program.parts_of(site.name):
            rows, units = self._ranges(int(part))
            groups = units if site.is_map else slice(*np.searchsorted(record.bounds, (units.start, units.stop)))
            found = int(record.events[step, images, rows, groups].sum(dtype=np.int64))
            self.ledger.add(int(part), "soft reset", "add", step, found)
            if isinstance(site, STBIFNeurons):
                self.ledger.add(int(part), "tracer", "add", step, found)
            fired += found
        if fired != spikes:
            raise ConservationError(f"site {site.name!r}, step {step + 1}: {spikes} spikes sent, its cores fired {fired}")

    def _record_synapse(self, node: Synapse, issued: Int64, step: int, images: slice) -> None:
        count = images.stop - images.start
        parts, rectangles = self.layout.program.parts, self.layout.rectangles[node.name]
        per_token = issued.reshape(count, node.tokens, len(rectangles)).sum(axis=0)
        total = 0
        for part in self.layout.program.parts_of(node.name):
            tokens, units = self._ranges(int(part))
            tile = rectangles.index((units.start, units.stop, int(parts.in_start[part]), int(parts.in_stop[part])))
            accumulates = int(per_token[tokens, tile].sum())
            self.ledger.add(int(part), "synapse rows", "ac", step, accumulates)
            total += accumulates
        self._check_fan_out(node, total, step, images)

    def _check_fan_out(self, node: Synapse, total: int, step: int, images: slice) -> None:
        """Executed accumulates = spikes in times fan-out, summed over the synapse's tiles."""
        spikes = self.spikes[node.inputs[0].node].events[step, images].sum(dtype=np.int64)
        expected = int(spikes) * node.width
        if total != expected:
            raise ConservationError(
                f"synapse {node.name!r}, step {step + 1}: its cores issued {total} accumulates, spikes * fan-out is {expected}"
            )

    def _record_convolution(self, node: Convolution2d, counts: Int64, step: int, images: slice) -> None:
        self.convolutions[node.name][step, images] = counts
        issued, total = counts[..., 0], self.eq30[self._row[node.name], step, images]
        for part, count in zip(self.layout.program.parts_of(node.name), issued.sum(axis=0), strict=True):
            self.ledger.add(int(part), "synapse rows", "ac", step, int(count))
        if (issued.sum(axis=1) != total).any():
            raise ConservationError(
                f"convolution {node.name!r}, step {step + 1}: its cores issued {int(issued.sum())} accumulates, spikes scattered "
                f"{int(total.sum())}"
            )

    def _record_product(self, node: ProductUnit, events: ProductEvents, step: int, images: slice) -> None:
        count = images.stop - images.start
        columns = node.keys if node.form == "qk" else node.head_width
        a = events.a.reshape(count, node.heads, node.tokens).sum(axis=0)
        b = events.b.reshape(count, node.heads, columns).sum(axis=(0, 2))
        total = 0
        for part in self.layout.program.parts_of(node.name):
            tokens, heads = self._ranges(int(part))
            if node.form == "sv":
                heads = slice(heads.start // node.head_width, heads.stop // node.head_width)
            spikes_a, spikes_b = int(a[heads, tokens].sum()), int(b[heads].sum())
            first = spikes_a * columns
            second = spikes_b * (tokens.stop - tokens.start) if events.second_pass else 0
            self.ledger.add(int(part), "A(t) S_B(t)", "ac", step, first)
            self.ledger.add(int(part), "S_A(t-1) B(t)", "ac", step, second)
            self.ledger.add(int(part), "operand sums", "add", step, spikes_a + spikes_b)
            total += first + second
        sent_a, sent_b = (int(self.spikes[port.node].events[step, images].sum(dtype=np.int64)) for port in node.inputs)
        expected = sent_a * columns + (sent_b * node.tokens if events.second_pass else 0)
        if total != expected:
            raise ConservationError(f"product {node.name!r}, step {step + 1}: its cores issued {total}, spikes give {expected}")

    def _ranges(self, part: int) -> tuple[slice, slice]:
        parts = self.layout.program.parts
        tokens = slice(int(parts.token_start[part]), int(parts.token_stop[part]))
        return tokens, slice(int(parts.out_start[part]), int(parts.out_stop[part]))


def _record_bounds(layout: Layout, site: Neurons) -> Int64:
    """Channels at which a site's spikes are counted apart: what its synapses and products read, and where its parts are cut."""
    if site.is_map:
        return np.arange(site.shape[0] + 1, dtype=np.int64)
    graph, parts, chosen = layout.program.graph, layout.program.parts, layout.program.parts_of(site.name)
    readers = [graph.nodes[name] for name in graph.consumers(site.name)]
    heads = [np.arange(0, site.width, reader.head_width) for reader in readers if isinstance(reader, ProductUnit)]
    cuts: list[Int64] = [
        layout.bounds[site.name],
        *(c[chosen].astype(np.int64) for c in (parts.out_start, parts.out_stop)),
        *heads,
    ]
    for reader in readers:
        if isinstance(reader, Convolution2d):
            needed = required(graph, reader, 0, parts, layout.program.parts_of(reader.name).astype(np.int64))
            cuts += [needed.start, needed.stop]
        elif not isinstance(reader, ProductUnit | Synapse):  # a residual add, say: cut over the channels of the whole site
            rows = layout.program.parts_of(reader.name)
            cuts += [c[rows].astype(np.int64) for c in (parts.out_start, parts.out_stop)]
    return np.unique(np.concatenate(cuts))
