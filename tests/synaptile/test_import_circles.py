"""Are the arrows between modules free of circles, imports inside functions included?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

import synaptile

PACKAGE = Path(synaptile.__file__).parent


def modules(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Every module below a package by its import name; the stages are links in a checkout and are followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / "__init__.py").is_file():
            yield from modules(path, f"{name}.{path.name}")
        elif path.suffix == ".py":
            yield name if path.stem == "__init__" else f"{name}.{path.stem}", path


def imported(tree: ast.AST, module: str, known: set[str]) -> Iterator[str]:
    """Modules of ours that a module imports anywhere; what a package only hands on counts as an import of the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from {whole if whole in known else str(node.module)} & known
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & known


def only_for_checkers(tree: ast.Module) -> ast.Module:
    """The module without what stands under `if TYPE_CHECKING`, which is never imported."""
    tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test).endswith("TYPE_CHECKING"))]
    return tree


def arrows() -> nx.DiGraph[str]:
    found = dict(modules(PACKAGE, "synaptile"))
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(found)
    for name, path in found.items():
        targets = imported(only_for_checkers(ast.parse(path.read_text())), name, set(found))
        graph.add_edges_from((name, target) for target in targets if target != name)
    return graph


def circles(graph: nx.DiGraph[str]) -> list[list[str]]:
    return sorted(sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = arrows()
    assert graph.number_of_edges() > 1000
    assert not circles(graph)


def test_a_circle_through_an_import_inside_a_function_is_seen() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    known = {"synaptile.a", "synaptile.b"}
    sources = {"synaptile.a": "import synaptile.b", "synaptile.b": "def f():\n    from synaptile.a import g"}
    for name, source in sources.items():
        graph.add_edges_from((name, target) for target in imported(ast.parse(source), name, known))
    assert circles(graph) == [["synaptile.a", "synaptile.b"]]
