"""Array files (``.npz``) from anywhere: their headers are held against the file and the limits before anything is allocated."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.lib import format as npy
from numpy.typing import NDArray

FREE_BYTES = 1 << 30
MAX_RATIO = 128
"""An archive may unpack to `FREE_BYTES`, or to this many times its own size where that is more, and to half of the memory."""

_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_ENCRYPTED = 1
_PIECE = 1 << 22


def read_arrays(path: Path, only: Collection[str] | None = None, texts: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, all or `only` some of them: numbers, or in `texts` text; no pickle.

    Raises OSError, and ValueError for what is no array file, or one that would unpack to more than it may.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            named = {member: member.filename.removesuffix(".npy") for member in archive.infolist()}
            members = [member for member, name in named.items() if only is None or name in only]
            _check_extent(members, path.stat().st_size)
            return {named[member]: _read(archive, member, "U" if named[member] in texts else "biufc") for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _check_extent(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("an array is there twice")
    limit = min(max(FREE_BYTES, MAX_RATIO * size), psutil.virtual_memory().total // 2)
    unpacked = sum(member.file_size for member in members)
    if unpacked > limit:
        raise ValueError(f"unpacks from {size:,} to {unpacked:,} bytes, limit {limit:,}: give it in parts")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, kinds: str) -> NDArray[Any]:
    """One array of these kinds, whose header says exactly as many bytes as the archive holds of it."""
    if member.flag_bits & _ENCRYPTED:
        raise ValueError(f"{member.filename} is encrypted")
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in _READERS:
            raise ValueError(f"{member.filename}: version {version} of the format is not read")
        shape, column_major, dtype = _READERS[version](file)
        if dtype.hasobject or dtype.kind not in kinds:
            raise ValueError(f"{member.filename} holds {dtype}, no {'text' if kinds == 'U' else 'numbers'}")
        needed, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
        if needed != there:
            raise ValueError(f"{member.filename} claims shape {shape} of {dtype}, {needed:,} bytes, and holds {there:,}")
        flat = np.empty(needed, np.uint8)
        for start in range(0, needed, _PIECE):
            flat[start : start + _PIECE] = np.frombuffer(file.read(min(_PIECE, needed - start)), np.uint8)
        if file.read(1):  # only now is the checksum looked at
            raise ValueError(f"{member.filename} goes on behind its end")
    return flat.view(dtype).reshape(shape, order="F" if column_major else "C")
