"""Files of safetensors, gigabytes without copies in memory: written array by array, read as views of the mapped file.

The library's own writer takes all arrays as bytes at once, a second copy of the whole graph.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.json_text import parse_object

ALIGNMENT = 8
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def write_tensors(path: str | Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file: the widest dtypes first, then by name, so that every array is aligned."""
    order = in_order(tensors)
    text = header_text(order, metadata)
    text += b" " * (-len(text) % ALIGNMENT)
    with Path(path).open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in order.values():
            array.tofile(file)


def in_order(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Tensors as they lie in a file, contiguous."""
    return {
        name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    }


def header_text(order: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The header of a file of tensors that follow one another."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in order.items():
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    return json.dumps(header, separators=(",", ":")).encode()


def mapped_tensors(path: str | Path) -> dict[str, NDArray[Any]]:
    """All tensors of a file whose header `safetensors.safe_open` has accepted; raises ValueError for a dtype of no array.

    The views are writable and private: a write copies its page and never reaches the file.
    """
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = parse_object(file.read(length))
    if set(header) <= {"__metadata__"}:
        return {}
    content = np.memmap(path, np.uint8, mode="c", offset=0)
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise ValueError(f"tensor {name!r} has dtype {entry['dtype']}, known are {', '.join(_DTYPES)}")
        start, stop = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.require(content[start:stop].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"]), requirements="A")
    return tensors
