"""Names of what an operator becomes."""

from __future__ import annotations

from typing import Any

from synaptile.conversion.lowering.builder import Builder


def constant_name(b: Builder, fx_node: Any, fallback: str) -> str:
    """The parameter's own name for ``p_pos_embed``, through expands; else the module's."""
    import torch

    while isinstance(fx_node, torch.fx.Node) and fx_node.op == "call_function" and fx_node.args:
        fx_node = fx_node.args[0]
    if isinstance(fx_node, torch.fx.Node) and fx_node.op == "placeholder":
        return fx_node.name.removeprefix("p_").removeprefix("b_")
    return dotted(b.where, fallback)


def dotted(module: str, name: str) -> str:
    """A name within a module; the name alone at the root."""
    return f"{module}.{name}" if module else name
