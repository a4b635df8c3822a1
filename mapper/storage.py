"""CoreProgram files (``.map``): one safetensors file, tables and weights as tensors, the rest as JSON in its header.

The chip travels as resolved data, so that a program means the same when the chip file has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.graph.ahead import written_ahead
from synaptile.conversion.graph.mapped import write_tensors
from synaptile.conversion.graph.storage import graph_to_check, graph_to_tensors, parse_json, read_safetensors
from synaptile.foundation.arguments import expect
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import ChipError, ConservationError, FileFormatError
from synaptile.foundation.files import atomic_path
from synaptile.hwmodels import chip_document, chip_from_document
from synaptile.mapper.program import Balance, CoreProgram, CoreTable, FlowTable, PartTable, Placement, RouteTable
from synaptile.mapper.verify import verify_program

FORMAT = "synaptile-program"
VERSION = 1

_TABLES: dict[str, type[Any]] = {"parts": PartTable, "cores": CoreTable, "flows": FlowTable, "routes": RouteTable}
_PHASE = ("cores", "phase")
"""Absent where all weights stay on the chip, and in files written before there were phases."""
_GRAPH = "graph/"

AHEAD_BYTES = 1 << 28
"""Arrays of a graph of so many bytes are written while it is mapped."""
ROOM = 1 << 20
"""Bytes of a header that are kept for a chip and the entries of tables, beside what the graph and its arrays take."""

_Tensors = dict[str, NDArray[Any]]
_Table = TypeVar("_Table")


def save_program(program: CoreProgram, path: str | Path, *, with_arrays: bool = True) -> None:
    """Write a program atomically. Without arrays it can be scheduled and priced, not executed."""
    header, graph_tensors, tables = _content(program)
    if not with_arrays:
        header["graph_has_arrays"], graph_tensors = "0", {}
    with atomic_path(path) as temporary:
        write_tensors(temporary, graph_tensors | tables, header)


@contextmanager
def saving_program(graph: SpikingGraph, path: str | Path) -> Iterator[Callable[[CoreProgram], None]]:
    """`save_program` begun before there is a program: large arrays of its graph go to disk while that is mapped.

    The context gives what writes the program; nothing is left of the file where that is not called.
    """
    tensors = _named({name: np.ascontiguousarray(array) for name, array in graph.arrays.items()})
    large = sum(tensor.nbytes for tensor in tensors.values()) >= AHEAD_BYTES
    room = max(ROOM + 2 * len(json.dumps(graph.structure)) + 256 * len(tensors), 0)
    with atomic_path(path) as temporary, written_ahead(temporary, tensors, room) if large else nullcontext() as finish:

        def save(program: CoreProgram) -> None:
            header, graph_tensors, tables = _content(program)
            if finish is None or program.graph is not graph or not finish(tables, header):
                write_tensors(temporary, graph_tensors | tables, header)

        yield save


def _content(program: CoreProgram) -> tuple[dict[str, str], _Tensors, _Tensors]:
    """Header of a program's file, its graph's arrays and its tables."""
    expect(program, CoreProgram, "program", "give a CoreProgram, as map_graph makes it")
    header, graph_tensors = graph_to_tensors(program.graph)
    tables = _tables_of(program)
    header |= {"format": FORMAT, "version": str(VERSION), "program": _structure_of(program)}
    header["program_digest"] = _digest(header, tables)
    return header, _named(graph_tensors), tables


def _named(graph_tensors: _Tensors) -> _Tensors:
    return {_GRAPH + name: array for name, array in graph_tensors.items()}


def as_program(program: CoreProgram | str | Path) -> CoreProgram:
    """A program itself, or what `load_program` reads from its file. Raises InputError for anything else."""
    if isinstance(program, str | Path):
        return load_program(program)
    return expect(program, CoreProgram, "program", "give a CoreProgram, or the path of a program file (.map)")


def load_program(path: str | Path) -> CoreProgram:
    """Read a program, with its graph's arrays where the file has them.

    Raises FileFormatError for a file that is missing, cut short, altered, of another kind or a newer version.
    """
    where = str(path)
    header, tensors = read_safetensors(path, FORMAT, VERSION)
    tables = {name: array for name, array in tensors.items() if not name.startswith(_GRAPH)}
    arrays = {name.removeprefix(_GRAPH): array for name, array in tensors.items() if name.startswith(_GRAPH)}
    if _digest(header, tables) != header.get("program_digest"):
        raise FileFormatError(f"{where}: tables or header do not match their digest: the file was altered; map the graph again")
    structure = parse_json(header, "program", where)
    graph, check = graph_to_check(header, arrays, where)
    program = _verified(graph, structure, tables, where)
    check()
    return program


def _verified(graph: SpikingGraph, structure: Mapping[str, Any], tables: _Tensors, where: str) -> CoreProgram:
    try:
        program = CoreProgram(
            graph=graph,
            chip=chip_from_document(structure["chip"], where),
            node_names=tuple(structure["node_names"]),
            parts=_table(PartTable, "parts", tables, where),
            cores=_table(CoreTable, "cores", tables, where),
            flows=_table(FlowTable, "flows", tables, where),
            routes=_table(RouteTable, "routes", tables, where),
            placement=Placement(**structure["placement"]),
            board=(int(structure["board"][0]), int(structure["board"][1])),
            options=MappingProxyType(structure["options"]),
            balance=Balance(**structure["balance"]) if "balance" in structure else None,
        )
        verify_program(program)
    except (KeyError, TypeError, IndexError, ValueError, ChipError, ConservationError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{where}: not a sound program: {error}") from error
    return program


def program_digest(program: CoreProgram) -> str:
    """Hex digest of a program: graph, chip, tables, placement and options."""
    header, _ = graph_to_tensors(program.graph)
    return _digest(header | {"program": _structure_of(program)}, _tables_of(program))


def _structure_of(program: CoreProgram) -> str:
    structure: dict[str, object] = {
        "chip": chip_document(program.chip),
        "node_names": list(program.node_names),
        "placement": asdict(program.placement),
        "board": list(program.board),
        "options": dict(program.options),
    }
    if program.balance is not None:
        structure["balance"] = asdict(program.balance)
    return json.dumps(structure, allow_nan=False)


def _tables_of(program: CoreProgram) -> _Tensors:
    return {
        f"{table}/{field.name}": np.ascontiguousarray(getattr(getattr(program, table), field.name))
        for table, cls in _TABLES.items()
        for field in fields(cls)
        if (table, field.name) != _PHASE or program.phases > 1
    }


def _digest(header: Mapping[str, str], tables: _Tensors) -> str:
    return digest_of({key: header.get(key, "") for key in ("graph", "graph_digest", "program")}, tables)


def _table(cls: type[_Table], label: str, tensors: _Tensors, where: str) -> _Table:
    names = [field.name for field in fields(_TABLES[label])]
    if label == "cores" and "cores/phase" not in tensors and "cores/kind" in tensors:
        tensors = tensors | {"cores/phase": np.zeros(tensors["cores/kind"].shape, np.int32)}
    missing = [name for name in names if f"{label}/{name}" not in tensors]
    surplus = sorted(key for key in tensors if key.startswith(f"{label}/") and key.partition("/")[2] not in names)
    if missing or surplus:
        raise FileFormatError(f"{where}: table {label!r} lacks columns {missing} and has unknown columns {surplus}")
    return cls(**{name: tensors[f"{label}/{name}"] for name in names})
