"""Counts gathered row by row, until they become a bill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.bill import CHIP, Bill
from synaptile.energy.prices import Price

Int64 = NDArray[np.int64]


class Tally:
    """Counts by (core, node, role, op) and step, int64, summed over images. `node` len(node_names) stands for the chip."""

    def __init__(self, node_names: tuple[str, ...], steps: int) -> None:
        self.nodes = (*node_names, CHIP)
        self.steps = steps
        self._rows: dict[tuple[int, int, str, str], Int64] = {}

    @property
    def chip(self) -> int:
        """Index of the row of nodes that stands for the chip as a whole."""
        return len(self.nodes) - 1

    def add(self, core: int, node: int, role: str, op: str, count: Int64 | int) -> None:
        """Add `count`, shape (steps,), or one figure for every step."""
        key = (core, node, role, op)
        if key not in self._rows:
            self._rows[key] = np.zeros(self.steps, np.int64)
        self._rows[key] += count

    def extend(self, other: Tally, times: int = 1) -> None:
        """Add all counts of another tally of the same nodes and steps, `times` over."""
        for (core, node, role, op), count in other._rows.items():
            self.add(core, node, role, op, times * count)

    def bill(self, prices: Mapping[str, Price], images: int, sampled: Mapping[str, int] | None = None) -> Bill:
        """The bill, rows sorted by node, core, role and op, none of them empty. `prices` holds every op that was counted."""
        keys = [key for key, count in self._rows.items() if count.any()]
        keys.sort(key=lambda key: (key[1], key[0], key[2], key[3]))
        roles = tuple(dict.fromkeys(role for _, _, role, _ in keys))
        ops = tuple(dict.fromkeys(op for _, _, _, op in keys))
        columns = np.array([(c, n, roles.index(r), ops.index(o)) for c, n, r, o in keys], np.int32).reshape(-1, 4)
        core, node, role, op = (np.ascontiguousarray(column) for column in columns.T)
        counts = np.array([self._rows[key] for key in keys], np.int64).reshape(len(keys), self.steps)
        charged = {name: prices[name] for name in ops}
        return Bill(self.nodes, roles, ops, charged, core, node, role, op, counts, images, dict(sampled or {}))
