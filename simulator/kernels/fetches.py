"""Row fetches: how often a row of weights is read where a block of tokens and a batch of steps share it, from recorded spikes.

A core that holds the sums of B tokens at tau steps reads the row of an input channel once for all spikes that the channel sends
within the block: B tokens by tau steps. The count is exact, by masks of who fired.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Int64 = NDArray[np.int64]


@njit(cache=True, parallel=True)
def count_fetches(fired: UInt8, first: int, last: int, block: int, batch: int) -> Int64:
    """Rows ``first:last`` that are fetched at each step, shape (steps, groups), int64.

    Args:
        fired: who fired, (steps, groups, tokens, bytes) uint8, a bit per channel as `numpy.packbits` lays them; a group is an
            image, or a head of one. Blocks begin at the first token and do not reach over groups.
        first: first channel that the part reads.
        last: the one after its last.
        block: tokens that share a fetched row.
        batch: steps that share it; batches begin at the first step.

    A fetch counts at the first step of its batch at which any token of the block fires, so that the sum over steps 1..t is what a
    run of t steps fetches.
    """
    steps, groups, tokens, _ = fired.shape
    counts = np.zeros((steps, groups), np.int64)
    first_byte, last_byte = first // 8, (last + 7) // 8
    for group in prange(groups):
        seen = np.zeros(last_byte - first_byte, np.uint8)
        for start in range(0, tokens, block):
            stop = min(start + block, tokens)
            for step in range(steps):
                if step % batch == 0:
                    seen[:] = 0
                for byte in range(first_byte, last_byte):
                    some = np.uint8(0)
                    for token in range(start, stop):
                        some |= fired[step, group, token, byte]
                    if byte == first_byte:
                        some &= np.uint8(0xFF >> (first % 8))
                    if byte == last_byte - 1 and last % 8:
                        some &= np.uint8(0xFF & ~(0xFF >> (last % 8)))
                    new = some & ~seen[byte - first_byte]
                    seen[byte - first_byte] |= some
                    while new:
                        new &= np.uint8(new - 1)
                        counts[step, group] += 1
    return counts
