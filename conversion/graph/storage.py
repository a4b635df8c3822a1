"""SpikingGraph files (``.spk``): one safetensors file, arrays as tensors, structure as JSON in its header.

No pickle; readable without torch; a file cut short, altered, of another kind or of a newer version is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from synaptile.conversion.graph.graph import SpikingGraph
from synaptile.conversion.graph.mapped import mapped_tensors, write_tensors
from synaptile.conversion.graph.serialise import nodes_from
from synaptile.conversion.graph.verify import verify_arrays
from synaptile.foundation.arguments import expect, expect_path
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.json_text import parse_object

FORMAT = "synaptile-graph"
VERSION = 1

Check = Callable[[], None]
"""Waits for a digest, and raises FileFormatError where it is not the recorded one."""


def save_graph(graph: SpikingGraph, path: str | Path) -> None:
    """Write a graph atomically as one safetensors file. Raises InputError for what is no graph."""
    metadata, tensors = graph_to_tensors(expect(graph, SpikingGraph, "graph", "give a SpikingGraph"))
    header = {"format": FORMAT, "version": str(VERSION), **metadata}
    with atomic_path(path) as temporary:
        write_tensors(temporary, tensors, header)


def load_graph(path: str | Path, *, structure_only: bool = False) -> SpikingGraph:
    """Read a graph. `structure_only` leaves the arrays on disk.

    Raises FileFormatError for a file that is missing, cut short, altered, of another kind or a newer version, and
    GraphError or WeightsError where its content breaks a graph's rules.
    """
    header, tensors = read_safetensors(path, FORMAT, VERSION, with_tensors=not structure_only)
    return graph_from_tensors(header, tensors, str(path), structure_only=structure_only)


def graph_to_check_in(path: str | Path) -> tuple[SpikingGraph, Check]:
    """`load_graph`, and what raises its FileFormatError for content that was altered: to be called before anything is written."""
    return graph_to_check(*read_safetensors(path, FORMAT, VERSION), str(path))


def as_graph(graph: SpikingGraph | str | Path) -> SpikingGraph:
    """A graph itself, or what `load_graph` reads from its file. Raises InputError for anything else, else as `load_graph`."""
    if isinstance(graph, str | Path):
        return load_graph(graph)
    return expect(graph, SpikingGraph, "graph", "give a SpikingGraph, or the path of a graph file (.spk)")


def graph_to_tensors(graph: SpikingGraph) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Header entries and tensors of a graph, to be written alone or inside a larger file."""
    header = {
        "graph": json.dumps(graph.structure),
        "graph_digest": graph.digest,
        "graph_has_arrays": str(int(bool(graph.arrays))),
    }
    return header, {name: np.ascontiguousarray(array) for name, array in graph.arrays.items()}


def graph_from_tensors(
    header: Mapping[str, str], tensors: Mapping[str, NDArray[Any]], where: str, *, structure_only: bool = False
) -> SpikingGraph:
    """Rebuild a graph from `graph_to_tensors`. Verifies structure, arrays and digest."""
    graph, check = graph_to_check(header, tensors, where, structure_only=structure_only)
    check()
    return graph


def graph_to_check(
    header: Mapping[str, str], tensors: Mapping[str, NDArray[Any]], where: str, *, structure_only: bool = False
) -> tuple[SpikingGraph, Check]:
    """`graph_from_tensors`, its digest still being taken in a thread, and what holds that against the recorded one."""
    structure = parse_json(header, "graph", where)
    nodes = nodes_from(structure, where)
    skeleton = structure_only or header.get("graph_has_arrays") == "0"
    graph = SpikingGraph.build(str(structure.get("name")), nodes, {}, structure.get("metadata"), structure_only=True)
    recorded = header.get("graph_digest", "")
    if skeleton:
        object.__setattr__(graph, "digest", recorded)
        return graph, lambda: None
    graph = replace(graph, arrays=MappingProxyType(dict(tensors)))
    beside = ThreadPoolExecutor(1)  # it reads all weights, and does not need the interpreter for that
    digest = beside.submit(lambda: graph.digest)
    beside.shutdown(wait=False)
    verify_arrays(graph.name, graph.nodes, graph.arrays)

    def check() -> None:
        if digest.result() != recorded:
            raise FileFormatError(
                f"{where}: content does not match its digest {recorded[:8]}: the file was altered; convert again"
            )

    return graph, check


def parse_json(header: Mapping[str, str], key: str, where: str) -> dict[str, Any]:
    """One JSON object of a header. Raises FileFormatError."""
    try:
        return parse_object(header[key])
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"{where}: header entry {key!r} is missing or damaged: {error}") from error


def read_safetensors(
    path: str | Path, kind: str, version: int, *, with_tensors: bool = True
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Header and tensors of one of our safetensors files, with its format name and version checked. Raises FileFormatError.

    Tensors are views of the mapped file, read as they are touched.
    """
    if not expect_path(path, kind).is_file():
        raise FileFormatError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = dict(file.metadata() or {})
            _check_kind(header, kind, version, path)
        tensors = mapped_tensors(path) if with_tensors else {}
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path}: not a readable {kind} file (cut short, altered or of another kind): {error}") from error
    return header, tensors


def _check_kind(header: Mapping[str, str], kind: str, version: int, path: str | Path) -> None:
    if header.get("format") != kind:
        raise FileFormatError(f"{path}: is a {header.get('format', 'plain safetensors')} file, needs {kind}")
    found = header.get("version", "")
    if not found.isdecimal() or int(found) < 1:
        raise FileFormatError(f"{path}: {kind} version {found!r} never existed: the file was altered")
    if int(found) > version:
        raise FileFormatError(f"{path}: {kind} version {found}, this Synaptile reads up to {version}: upgrade Synaptile")
