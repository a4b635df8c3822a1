"""SpikingGraph structure to JSON and back. Arrays travel beside it (see storage)."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from synaptile.conversion.graph.node import NODE_TYPES, Node, Port
from synaptile.foundation.errors import FileFormatError


def structure_of(name: str, metadata: Mapping[str, Any], nodes: Iterable[Node]) -> dict[str, Any]:
    """JSON-able structure of a graph: name, metadata and nodes in graph order."""
    return {"name": name, "metadata": dict(metadata), "nodes": [_node_to_json(node) for node in nodes]}


def nodes_from(structure: Any, where: str) -> list[Node]:
    """Nodes from `structure_of`'s JSON; `where` names the file in errors. Raises FileFormatError."""
    if not isinstance(structure, dict) or not isinstance(structure.get("nodes"), list):
        raise FileFormatError(f"{where}: graph structure has no list of nodes")
    if not isinstance(structure.get("name"), str) or not isinstance(structure.get("metadata"), dict):
        raise FileFormatError(f"{where}: graph structure has no name or no metadata")
    return [_node_from_json(entry, f"{where}: node {i}") for i, entry in enumerate(structure["nodes"])]


def _node_to_json(node: Node) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": node.kind}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if field.metadata.get("omit_default") and value == field.default:
            continue  # so that the digests of graphs that do not use the field stay what they were
        if field.name == "inputs":
            value = [[port.node, port.start, port.stop, *([port.delay] if port.delay else [])] for port in node.inputs]
        entry[field.name] = list(value) if isinstance(value, tuple) else value
    return entry


def _node_from_json(entry: Any, where: str) -> Node:
    kind = entry.get("kind") if isinstance(entry, dict) else entry
    if not isinstance(entry, dict) or not isinstance(kind, str) or kind not in NODE_TYPES:
        raise FileFormatError(f"{where} has the unknown kind {kind!r}; known: {', '.join(NODE_TYPES)}")
    cls = NODE_TYPES[kind]
    hints = typing.get_type_hints(cls)
    names = {field.name for field in dataclasses.fields(cls)}
    if surplus := set(entry) - names - {"kind"}:
        raise FileFormatError(f"{where} ({cls.kind}) has unknown fields: {', '.join(sorted(surplus))}")
    values = {name: _decode(hints[name], value, f"{where}, field {name!r}") for name, value in entry.items() if name != "kind"}
    try:
        return cls(**values)
    except TypeError as error:
        raise FileFormatError(f"{where} ({cls.kind}): {error}") from error


def _decode(hint: Any, value: Any, where: str) -> Any:
    """Check a JSON value against a field's type: str, int, float, bool, Literal, tuples of them, and ports."""
    origin = typing.get_origin(hint)
    if hint == tuple[Port, ...]:
        if isinstance(value, list) and all(isinstance(item, list) and len(item) in (3, 4) for item in value):
            return tuple(Port(_decode(str, name, where), *(_decode(int, n, where) for n in rest)) for name, *rest in value)
    elif origin is tuple:
        arguments = typing.get_args(hint)
        if isinstance(value, list) and (arguments[-1] is Ellipsis or len(arguments) == len(value)):
            return tuple(_decode(arguments[0], item, where) for item in value)
    elif origin is typing.Literal:
        if value in typing.get_args(hint):
            return value
    elif isinstance(hint, types.GenericAlias | type) and type(value) is hint:
        return value
    elif hint is float and type(value) is int:
        return float(value)
    raise FileFormatError(f"{where}: {value!r} is not of type {getattr(hint, '__name__', hint)}")
