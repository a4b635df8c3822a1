"""How nodes are grouped in reports: by kind, by layer, by themselves; and neuron sites by their kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ECUnit, Node, ProductUnit, layer_of
from synaptile.energy.accountings import Comparison
from synaptile.energy.bill import CHIP
from synaptile.foundation.errors import InputError


@dataclass(frozen=True)
class GroupEnergy:
    """One group of nodes at one step, cumulative, in pJ an image.

    `ratio` is SNN over ANN inside the group, None where the ANN spends nothing there (MT neurons); `share` is the group's
    part in the ratio of the whole network: shares sum to it.
    """

    name: str
    snn_pj: float
    ann_pj: float
    ratio: float | None
    share: float


def kind_of(node: Node) -> str:
    """What a node is called in tables: its kind, with the function of an EC unit and the form of a product."""
    match node:
        case ECUnit():
            return f"ec {node.function}"
        case ProductUnit():
            return f"product {node.form}"
        case _:
            return node.kind


def site_kind(name: str) -> str:
    """A node's name without the number of its layer: ``blocks.*.attn.q`` for ``blocks.3.attn.q``."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


KEYS: dict[str, Callable[[Node], str]] = {
    "kind": kind_of,
    "layer": lambda node: layer_of(node.name),
    "node": lambda node: node.name,
}
"""Groupings by name."""


def grouped(comparison: Comparison, nodes: tuple[Node, ...], key: str, step: int) -> tuple[GroupEnergy, ...]:
    """Energy of each group through `step`, in graph order; groups without energy on both sides are left out.

    What no node answers for (leakage) is the last group, "(chip)".

    Raises InputError for a grouping that `KEYS` does not have.
    """
    if key not in KEYS:
        raise InputError(f"nodes cannot be grouped by {key!r}: use one of {', '.join(KEYS)}")
    labels = [*(KEYS[key](node) for node in nodes), CHIP]
    names = list(dict.fromkeys(labels))
    of_node = np.array([names.index(label) for label in labels], np.int32)
    snn = _through(comparison.snn.energy_by(of_node[comparison.snn.node], len(names)), step)
    ann = _through(comparison.ann.energy_by(of_node[comparison.ann.node], len(names)), 1)
    whole = comparison.ann_pj
    return tuple(
        GroupEnergy(name, float(s), float(a), float(s / a) if a else None, float(s / whole) if whole else 0.0)
        for name, s, a in zip(names, snn, ann, strict=True)
        if s or a
    )


def _through(energy: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    total: NDArray[np.float64] = energy[:, :step].sum(axis=1)
    return total
