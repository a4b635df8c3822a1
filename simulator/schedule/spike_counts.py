"""Spikes of a site by token and any range of channels, from what a run recorded."""

from __future__ import annotations

import numpy as np

from foundation.errors import InputError
from mapper.program import Int64
from simulator.activity import Activity


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
