"""Spikes of a site by token and any range of channels, from what a run recorded."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Convolution2d
from synaptile.conversion.graph.windows import fan_out
from synaptile.foundation.errors import InputError
from synaptile.mapper.program import CoreProgram, Int64
from synaptile.simulator.activity import Activity


class SpikeCounts:
    """Counts spikes of the first `images` images of an activity."""

    def __init__(self, activity: Activity, images: int) -> None:
        self.activity, self.images = activity, images
        self._site, self._before = "", np.zeros(0, np.int64)

    def of(self, site: str, start: int, stop: int) -> Int64:
        """Spikes of channels (heads of a map) ``start:stop``, shape (images, steps, tokens).

        Raises InputError where the run counted other ranges, and kept the spikes of fewer images.
        """
        record = self.activity.spikes[site]
        at = np.searchsorted(record.bounds, (start, stop))
        if at[1] < record.bounds.size and (record.bounds[at] == (start, stop)).all():
            counts = record.events[:, : self.images, :, at[0] : at[1]].sum(axis=-1, dtype=np.int64)
        else:
            before = self._channels_before(site)
            counts = before[..., stop].astype(np.int64) - before[..., start]
        return np.ascontiguousarray(counts.swapaxes(0, 1))

    def of_convolution(self, program: CoreProgram, part: int, node: Convolution2d) -> Int64:
        """Accumulates of one part of a convolution, shape (images, steps, 1). Raises InputError as `of` does."""
        start, stop = int(program.parts.out_start[part]), int(program.parts.out_stop[part])
        parts, own = self.activity.program.parts, self.activity.program.parts_of(node.name)
        same = np.flatnonzero((parts.out_start[own] == start) & (parts.out_stop[own] == stop))
        if same.size:
            counts = self.activity.convolutions[node.name][:, : self.images, same[0], :1]
        else:
            fired = np.diff(self._channels_before(node.inputs[0].node), axis=-1)
            counts = fired.astype(np.int64) @ fan_out(node, start, stop).ravel()
        return np.ascontiguousarray(counts.swapaxes(0, 1))

    def _channels_before(self, site: str) -> np.ndarray:
        """Spikes in channels below each, shape (steps, images, tokens, channels + 1); that of the last site is held."""
        masks = self.activity.spikes[site].masks
        kept = 0 if masks is None else masks.shape[1]
        if masks is None or kept < self.images:
            raise InputError(
                f"site {site!r}: this chip's mapping cuts channels where the run did not count spikes, and the run kept the "
                f"spikes of {kept} images, {self.images} are asked for: schedule at most {kept}, or run again on this chip or "
                f"with execute(..., keep_spikes={self.images})"
            )
        if self._site != site:
            width = self.activity.program.graph.nodes[site].shape[-1]
            fired = np.unpackbits(masks[:, : self.images], axis=-1, count=width)
            self._before = np.zeros((*fired.shape[:-1], width + 1), np.int32)
            np.cumsum(fired, axis=-1, out=self._before[..., 1:], dtype=np.int32)
            self._site = site
        return self._before
