"""Binary heaps for kernels: events in order of time, and the ready jobs of each core."""

from __future__ import annotations

from typing import Any

from synaptile.simulator.compiled import uncounted


@uncounted
def push_event(time: Any, key: Any, size: int, when: int, what: int) -> None:
    """Add an event to a heap of `size` events ordered by (time, key); time, key: int64, longer than `size`."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if time[above] < when or (time[above] == when and key[above] < what):
            break
        time[at], key[at] = time[above], key[above]
        at = above
    time[at], key[at] = when, what


@uncounted
def pop_event(time: Any, key: Any, size: int) -> None:
    """Take the first event, ``time[0], key[0]``, from a heap of `size` events."""
    last = size - 1
    when, what = time[last], key[last]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= last:
            break
        right = below + 1
        if right < last and (time[right] < time[below] or (time[right] == time[below] and key[right] < key[below])):
            below = right
        if when < time[below] or (when == time[below] and what < key[below]):
            break
        time[at], key[at] = time[below], key[below]
        at = below
    time[at], key[at] = when, what


@uncounted
def push_job(heap: Any, base: int, size: int, job: int) -> None:
    """Add a job to the heap of `size` jobs at ``heap[base:]``, smallest first."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if heap[base + above] < job:
            break
        heap[base + at] = heap[base + above]
        at = above
    heap[base + at] = job


@uncounted
def pop_job(heap: Any, base: int, size: int) -> int:
    """Take the smallest job from the heap of `size` jobs at ``heap[base:]``."""
    smallest: int = heap[base]
    last = size - 1
    job = heap[base + last]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= last:
            break
        if below + 1 < last and heap[base + below + 1] < heap[base + below]:
            below += 1
        if job < heap[base + below]:
            break
        heap[base + at] = heap[base + below]
        at = below
    heap[base + at] = job
    return smallest
