"""Read a Perfetto trace back, to check what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

from synaptile.foundation.errors import FileFormatError

_PACKET = 0x0A
"""Tag of a packet in a trace: field 1, length-delimited."""

_AT_ONCE = 1 << 22
"""Bytes parsed at once."""


def packets(path: Path) -> Iterator[Any]:
    """The packets of a trace file, read piece by piece. Raises FileFormatError for a file that is cut short."""
    with path.open("rb") as file:
        while piece := _whole_packets(file, path):
            yield from Trace.FromString(piece).packet


def sum_arguments(path: Path, names: tuple[str, ...]) -> tuple[int, ...]:
    """Sums of integer arguments of slices over a whole file, in the order of their names."""
    number: dict[int, int] = {}
    sums = [0] * len(names)
    for packet in packets(path):
        for interned in packet.interned_data.debug_annotation_names:
            if interned.name in names:
                number[interned.iid] = names.index(interned.name)
        for argument in packet.track_event.debug_annotations:
            at = number.get(argument.name_iid)
            if at is not None:
                sums[at] += argument.int_value
    return tuple(sums)


def _whole_packets(file: IO[bytes], path: Path) -> bytes:
    """The next packets of a file, some `_AT_ONCE` bytes of them, whole; empty at its end."""
    start = file.tell()
    piece = file.read(_AT_ONCE)
    at = 0
    while at < len(piece):
        end = _end_of_packet(piece, at, path)
        if end is None or end > len(piece):
            break
        at = end
    if at == 0 and piece:
        end = _end_of_packet(piece, 0, path)
        piece += file.read(0 if end is None else end - len(piece))
        if end is None or len(piece) < end:
            raise FileFormatError(f"{path} ends within a packet: it was cut short")
        at = end
    file.seek(start + at)
    return piece[:at]


def _end_of_packet(piece: bytes, at: int, path: Path) -> int | None:
    """Where the packet that begins at a place ends, None where its length itself is cut off."""
    if piece[at] != _PACKET:
        raise FileFormatError(f"{path} is no Perfetto trace: byte {piece[at]:#x} where a packet should begin")
    length, shift = 0, 0
    for place in range(at + 1, len(piece)):
        length |= (piece[place] & 0x7F) << shift
        shift += 7
        if piece[place] < 0x80:
            return place + 1 + length
    return None
