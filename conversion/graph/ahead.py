"""Files of tensors that go to disk while the rest of what they hold is still being made: gigabytes take a disk many seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.mapped import ALIGNMENT, header_text, in_order

SYNC_BYTES = 1 << 28
"""So much is written before the disk is waited for."""

Finish = Callable[[Mapping[str, NDArray[Any]], Mapping[str, str]], bool]
"""Takes further tensors and the metadata; false, and the file is of no use, where the header takes more room than was left."""


@contextmanager
def written_ahead(path: Path, tensors: Mapping[str, NDArray[Any]], room: int) -> Iterator[Finish]:
    """Begin a safetensors file in a thread, with `room` bytes for its header; the context gives what finishes it.

    An error of the disk is raised by `finish`. Left without it, the thread stops after the array that it is writing.
    """
    order, start, stopped = in_order(tensors), 8 + room + -room % ALIGNMENT, Event()

    def write() -> None:
        with path.open("wb") as file:
            file.seek(start)
            waiting = 0
            for array in order.values():
                if stopped.is_set():
                    return
                file.write(_bytes_of(array))
                waiting += array.nbytes
                if waiting >= SYNC_BYTES:
                    file.flush()
                    os.fsync(file.fileno())
                    waiting = 0

    def finish(further: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bool:
        written.result()
        last = in_order(further)
        text = header_text(order | last, metadata)
        if 8 + len(text) > start:
            return False
        with path.open("r+b") as file:
            file.write((start - 8).to_bytes(8, "little") + text.ljust(start - 8))
            file.seek(0, os.SEEK_END)
            for array in last.values():
                file.write(_bytes_of(array))
        return True

    with ThreadPoolExecutor(1) as beside:
        written = beside.submit(write)
        try:
            yield finish
        finally:
            stopped.set()


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
