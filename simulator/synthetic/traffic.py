"""What units did, from spikes alone: the counts that execution takes from its kernels, by the same rules and for one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Neurons, Node, ProductUnit, SpikeAttention, Synapse
from synaptile.foundation.types import Int64
from synaptile.simulator.event.build import Layout
from synaptile.simulator.event.convolution_unit import part_counts
from synaptile.simulator.event.unit import ProductEvents, Traffic, stacked
from synaptile.simulator.kernels.fire import Events, count_spikes, make_thresholds
from synaptile.simulator.synthetic.draw import Codes


def site_traffic(layout: Layout, site: Neurons, codes: Codes) -> tuple[Events, Traffic]:
    """Spikes of all steps, codes of shape (steps, *site shape), as the recorder reads them, with their histograms."""
    rows, bounds = np.ascontiguousarray(codes.reshape(-1, site.shape[-1])), layout.bounds[site.name]
    spikes = np.empty((len(rows), bounds.size - 1), np.int32)
    count_spikes(rows, bounds, spikes)
    found = np.stack([np.bincount(code.reshape(-1).astype(np.int16) + site.n, minlength=2 * site.n + 1) for code in codes])
    histogram = np.concatenate([found[:, site.n + 1 :], found[:, : site.n][:, ::-1]], axis=1).astype(np.int64)
    return Events(rows, spikes), Traffic(histogram=histogram)


def synapse_traffic(layout: Layout, node: Synapse, events: Events, steps: int) -> Traffic:
    """Accumulates of a spiking synapse: spikes times fan-out, tile by tile."""
    bounds = layout.row_bounds(node)
    before = np.zeros((len(events.counts), bounds.size), np.int64)
    np.cumsum(events.counts, axis=1, out=before[:, 1:])
    tiles = np.array(layout.rectangles[node.name], np.int64)
    first, last = np.searchsorted(bounds, tiles[:, 2]), np.searchsorted(bounds, tiles[:, 3])
    issued = (before[:, last] - before[:, first]) * (tiles[:, 1] - tiles[:, 0])
    count = before[:, -1].reshape(steps, -1).sum(axis=1, keepdims=True) * node.width
    return Traffic(issued=issued.reshape(steps, -1, len(tiles)), eq30=count, released=count)


def head_traffic(node: Synapse, steps: int) -> Traffic:
    """A head on real values: `released` counts its inputs, none of which is taken to be zero."""
    count = np.full((steps, 1), node.tokens * node.fan_in * node.width, np.int64)
    return Traffic(eq30=np.zeros_like(count), released=count)


def convolution_traffic(layout: Layout, node: Convolution2d, codes: Sequence[Codes]) -> Traffic:
    """Accumulates and weight rows of every part of a convolution."""
    parts, rows = layout.program.parts, layout.program.parts_of(node.name)
    ranges = tuple(zip(parts.out_start[rows].tolist(), parts.out_stop[rows].tolist(), strict=True))
    spikes = np.asarray(sum((each != 0).astype(np.int8) for each in codes))
    counts = part_counts(node, ranges, spikes.reshape(len(spikes), 1, -1))
    total = counts[..., 0].sum(axis=2)
    return Traffic(parts=counts, eq30=total, released=total)


def attention_traffic(node: SpikeAttention, first: Codes, second: Codes) -> Traffic:
    """Events and accumulates of a product of spikes."""
    met = [(codes != 0).reshape(len(codes), node.heads, -1).sum(axis=2, dtype=np.int32)[..., None] for codes in (first, second)]
    total = (met[0] + met[1]).sum(axis=(1, 2), dtype=np.int64)[:, None] * node.columns
    return Traffic(events=ProductEvents(*met), eq30=total, released=total)


def product_traffic(layout: Layout, node: ProductUnit, a: Codes, b: Codes) -> Traffic:
    """Events and published accumulates of a product at all steps."""
    product = RunningSums(layout, node, layout.program.graph.nodes)
    return stacked([product.step(of_a, of_b) for of_a, of_b in zip(a, b, strict=True)])


class RunningSums:
    """The running sums S of a product's operands, whose non-zero elements both published accountings count."""

    def __init__(self, layout: Layout, node: ProductUnit, sites: Mapping[str, Node]) -> None:
        self.node = node
        operands = [site for port in node.inputs if isinstance(site := sites[port.node], Neurons)]
        self.levels = [site.n for site in operands]
        self.emitted = [make_thresholds(site.theta1, site.theta2, site.n, layout.dtype).emitted for site in operands]
        self.sums = [np.zeros(site.shape, layout.dtype) for site in operands]
        self.nonzero = [np.zeros((node.heads, self._depth), np.int64) for _ in operands]

    @property
    def _depth(self) -> int:
        return self.node.head_width if self.node.form == "qk" else self.node.keys

    def step(self, a: Codes, b: Codes) -> Traffic:
        """Take one step of both operands."""
        fired = [self._lines(code != 0, second=second) for second, code in enumerate((a, b))]
        for at, code in enumerate((a, b)):
            self.sums[at] += self.emitted[at][code.astype(np.int16) + self.levels[at]]
        after = [self._lines(total != 0, second=second).sum(axis=1) for second, total in enumerate(self.sums)]
        by_depth = [lines.sum(axis=1) for lines in fired]
        pairs, (new_a, new_b) = by_depth[0] * by_depth[1], by_depth
        eq30 = pairs + new_a * self.nonzero[1] + self.nonzero[0] * new_b
        released = pairs + new_a * after[1] + after[0] * new_b
        self.nonzero = after
        events = ProductEvents(*(lines.sum(axis=2).astype(np.int32) for lines in fired))
        return Traffic(events=events, eq30=eq30.sum().reshape(1), released=released.sum().reshape(1))

    def _lines(self, mask: NDArray[np.bool_], *, second: int) -> Int64:
        """Elements of an operand by (head, line, depth), 0 or 1: lines are rows of A, columns of B."""
        node = self.node
        if mask.ndim == 3:  # an attention map: queries by keys
            return mask.astype(np.int64)
        split = mask.reshape(mask.shape[0], node.heads, node.head_width)
        axes = (1, 2, 0) if node.form == "sv" and second else (1, 0, 2)
        return split.transpose(axes).astype(np.int64)
