"""Do modules import one another in one direction, imports inside functions included?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

import synaptile

PACKAGE = Path(synaptile.__file__).parent


def modules() -> dict[str, Path]:
    """Every module of the package by its import name; the stages are links inside it."""
    folders = [PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir())]
    paths = {path for folder in folders for path in (folder.glob("*.py") if folder == PACKAGE else folder.rglob("*.py"))}
    return {
        ".".join(("synaptile", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in paths
    }


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of ours that a file imports when it runs, wherever in it the import stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in known and id(node) not in for_types:
            for name in (alias.name for alias in node.names):
                yield f"{node.module}.{name}" if f"{node.module}.{name}" in known else str(node.module)


def circles(graph: nx.DiGraph[str]) -> list[list[str]]:
    return [sorted(component) for component in nx.strongly_connected_components(graph) if len(component) > 1]


def test_no_module_reaches_itself() -> None:
    known = modules()
    graph: nx.DiGraph[str] = nx.DiGraph((name, to) for name, path in known.items() for to in imports(path, known) if to != name)
    assert graph.number_of_nodes() > 300 and graph.number_of_edges() > 1000
    assert circles(graph) == []
    graph.add_edge("synaptile.foundation.errors", "synaptile.mapper.refusal")
    assert circles(graph), "a planted circle is seen"
