"""Row fetches: how often a row of weights is read where a block of tokens and a batch of steps share it, from recorded spikes.

A core that holds the sums of B tokens at tau steps reads the row of an input channel once for all spikes that the channel sends
within the block: B tokens by tau steps. The count is exact, by masks of who fired.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Int64 = NDArray[np.int64]


@njit(cache=True)
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
    for group in range(groups):
        seen, some = np.zeros((2, last_byte - first_byte), np.uint8)
        for start in range(0, tokens, block):
            for step in range(steps):
                if step % batch == 0:
                    seen[:] = 0
                some[:] = 0
                for token in range(start, min(start + block, tokens)):
                    row = fired[step, group, token, first_byte:last_byte]
                    for byte in range(row.size):
                        some[byte] |= row[byte]
                if row.size:
                    some[0] &= np.uint8(0xFF >> (first % 8))
                    if last % 8:
                        some[-1] &= np.uint8(0xFF & ~(0xFF >> (last % 8)))
                counts[step, group] += _count_new(some, seen)
    return counts


@njit(cache=True)
def _count_new(some: UInt8, seen: UInt8) -> int:
    """Bits of `some` that `seen` has not; afterwards it has."""
    total = 0
    for byte in range(some.size):
        new = np.uint32(some[byte] & ~seen[byte])
        seen[byte] |= some[byte]
        new = new - ((new >> np.uint32(1)) & np.uint32(0x55))  # sums of two bits, then of four, then of all
        new = (new & np.uint32(0x33)) + ((new >> np.uint32(2)) & np.uint32(0x33))
        total += int((new + (new >> np.uint32(4))) & np.uint32(0x0F))
    return total


@njit(cache=True)
def fetch_in_order(fired: UInt8, channels: tuple[int, int], jobs: Int64, sharing: tuple[int, int]) -> Int64:
    """Rows that each job of a part fetches: those that it needs and no job before it did, of its block and batch. Shape (jobs,).

    Args:
        fired: who fired of what the part reads, (steps, images, heads, tokens, bytes) uint8, packed as above.
        channels: first and last (exclusive) channel that the part reads.
        jobs: image, step and token of each job in the order in which they start, (jobs, 3).
        sharing: tokens of a block, steps of a batch.
    """
    steps, images, heads, tokens, width = fired.shape
    block, batch = sharing
    held = np.zeros((images, (tokens + block - 1) // block, (steps + batch - 1) // batch, heads, width), np.uint8)
    rows = np.zeros(jobs.shape[0], np.int64)
    for job in range(jobs.shape[0]):
        image, step, token = jobs[job]
        for head in range(heads):
            here = held[image, token // block, step // batch, head]
            for byte in range(width):
                new = fired[step, image, head, token, byte] & ~here[byte]
                here[byte] |= new
                for bit in range(8):
                    if new & (0x80 >> bit) and channels[0] <= 8 * byte + bit < channels[1]:
                        rows[job] += 1
    return rows
