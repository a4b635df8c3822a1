"""Array files (``.npz``) from anywhere: their headers are held against the file and the limits before anything is allocated."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

FREE_BYTES = 1 << 30
MAX_RATIO = 128
"""An archive may unpack to `FREE_BYTES`, or to this many times its own size where that is more, and to half of the memory."""

_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_ENCRYPTED = 1


def read_arrays(path: Path, only: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, all or `only` some of them; no pickle.

    Raises OSError, and ValueError for what is no array file, or one that would unpack to more than it may.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            named = {member: member.filename.removesuffix(".npy") for member in archive.infolist()}
            members = [member for member, name in named.items() if only is None or name in only]
            _check_extent(members, path.stat().st_size)
            return {named[member]: _read(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _check_extent(members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("an array is there twice")
    limit = min(max(FREE_BYTES, MAX_RATIO * size), _memory_bytes() // 2)
    unpacked = sum(member.file_size for member in members)
    if unpacked > limit:
        raise ValueError(f"unpacks from {size:,} to {unpacked:,} bytes, limit {limit:,}: give it in parts")


def _memory_bytes() -> int:
    """Bytes of this machine's memory; 16 GiB where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 16 << 30


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, whose header says exactly as many bytes as the archive holds of it."""
    if member.flag_bits & _ENCRYPTED:
        raise ValueError(f"{member.filename} is encrypted")
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in _READERS:
            raise ValueError(f"{member.filename}: version {version} of the format is not read")
        shape, column_major, dtype = _READERS[version](file)
        if dtype.hasobject or dtype.kind not in "biufc":
            raise ValueError(f"{member.filename} holds {dtype}, no numbers")
        needed, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
        if needed != there:
            raise ValueError(f"{member.filename} claims shape {shape} of {dtype}, {needed:,} bytes, and holds {there:,}")
        flat = np.empty(needed, np.uint8)
        for start, piece in _pieces(file, needed):
            flat[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
        if file.read(1):  # only now is the checksum looked at
            raise ValueError(f"{member.filename} goes on behind its end")
    array = flat.view(dtype).reshape(shape, order="F" if column_major else "C")
    return array


def _pieces(file: IO[bytes], count: int) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < count:
        piece = file.read(min(1 << 22, count - start))
        if not piece:
            raise ValueError("is cut short")
        yield start, piece
        start += len(piece)
