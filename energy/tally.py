"""The tally: counts of what every core and node does, gathered block by block, summed when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.bill import CHIP, NO_CORE, Bill, renumbered, sums_by
from synaptile.energy.prices import Price
from synaptile.foundation.types import Int64
from synaptile.simulator.actions.vocabulary import Role

Column = NDArray[np.integer[Any]]
_Single = tuple[int, int, str, str, Int64 | int]
"""Core, node, role, op, and the count at each step, or at every one."""


class _Rows(NamedTuple):
    """Counts by core, node, role and op: columns as of `Bill`. `summed`: sorted, and each key once."""

    roles: tuple[str, ...]
    ops: tuple[str, ...]
    core: Column
    node: Column
    role: Column
    op: Column
    counts: Int64
    summed: bool = False


class Tally:
    """Counts by (core, node, role, op) and step, int64, summed over images. `node` len(node_names) stands for the chip."""

    def __init__(self, node_names: tuple[str, ...], steps: int) -> None:
        self.nodes = (*node_names, CHIP)
        self.steps = steps
        self._single: list[_Single] = []
        self._blocks: list[_Rows] = []
        self._sum = _rows_of([], steps)
        self._kept: _Rows | None = None  # as a bill has them: chips that share a tally differ in prices alone

    @property
    def chip(self) -> int:
        """Index of the row of nodes that stands for the chip as a whole."""
        return len(self.nodes) - 1

    @property
    def counts(self) -> Mapping[tuple[int, int, str, str], Int64]:
        """What was counted, by (core, node, role, op), shape (steps,) each."""
        rows = self._summed()
        keys = zip(rows.core.tolist(), rows.node.tolist(), rows.role.tolist(), rows.op.tolist(), strict=True)
        return {(c, n, rows.roles[r], rows.ops[o]): count for (c, n, r, o), count in zip(keys, rows.counts, strict=True)}

    def add(self, core: int, node: int, role: Role, op: str, count: Int64 | int) -> None:
        """Add `count`, shape (steps,), or one figure for every step."""
        self._single.append((core, node, role.value, op, count))

    def add_rows(self, core: Column, node: Column | int, role: Role, op: str, counts: Int64) -> None:
        """Add `counts` (rows, steps) of cores (rows,); `node` is one for all or (rows,)."""
        alike = np.zeros(core.size, np.int32)
        self._blocks.append(_Rows((role.value,), (op,), core, np.broadcast_to(node, core.shape), alike, alike, counts))

    def extend(self, other: Tally, times: int = 1) -> None:
        """Add all counts of another tally of the same nodes and steps, `times` over."""
        rows = other._summed()
        self._blocks.append(rows if times == 1 else rows._replace(counts=times * rows.counts))

    def any(self) -> bool:
        """Whether anything was counted."""
        return bool(self._summed().counts.any())

    def bill(self, prices: Mapping[str, Price], images: int, sampled: Mapping[str, int] | None = None) -> Bill:
        """The bill, rows sorted by node, core, role and op, none of them empty. `prices` holds every op that was counted."""
        rows = self._summed()
        if self._kept is None:
            self._kept = _kept_of(rows)
        rows = self._kept
        charged = {name: prices[name] for name in rows.ops}
        core, node, role, op = (column.astype(np.int32, copy=False) for column in (rows.core, rows.node, rows.role, rows.op))
        return Bill(self.nodes, rows.roles, rows.ops, charged, core, node, role, op, rows.counts, images, dict(sampled or {}))

    def _summed(self) -> _Rows:
        """All that was added so far: a row for each key, sorted by node, core, role and op."""
        if self._single or self._blocks:
            self._sum = _sum_of([self._sum, *self._blocks, _rows_of(self._single, self.steps)])
            self._single, self._blocks, self._kept = [], [], None
        return self._sum


def _rows_of(single: Sequence[_Single], steps: int) -> _Rows:
    """One row after the other."""
    roles, ops = ({name: at for at, name in enumerate(dict.fromkeys(row[of] for row in single))} for of in (2, 3))
    core, node, role, op = np.array([(c, n, roles[r], ops[o]) for c, n, r, o, _ in single], np.int32).reshape(-1, 4).T
    counts = np.empty((len(single), steps), np.int64)
    for at, row in enumerate(single):
        counts[at] = row[4]
    return _Rows(tuple(map(str, roles)), tuple(map(str, ops)), core, node, role, op, counts)


def _sum_of(blocks: Sequence[_Rows]) -> _Rows:
    blocks = [block for block in blocks if block.core.size] or blocks[:1]
    if len(blocks) == 1 and blocks[0].summed:
        return blocks[0]
    roles = tuple(sorted({name for block in blocks for name in block.roles}))
    ops = tuple(sorted({name for block in blocks for name in block.ops}))
    core, node = (np.concatenate([getattr(block, name) for block in blocks]).astype(np.int64) for name in ("core", "node"))
    role = np.concatenate([renumbered(block.role, block.roles, roles) for block in blocks])
    op = np.concatenate([renumbered(block.op, block.ops, ops) for block in blocks])
    shape = (int(node.max(initial=0)) + 1, int(core.max(initial=0)) + 1 - NO_CORE, len(roles), len(ops))
    keys = ((node * shape[1] + core - NO_CORE) * shape[2] + role) * shape[3] + op
    present, counts = sums_by(keys, np.concatenate([block.counts for block in blocks]))
    nodes, cores, with_role, with_op = (column.astype(np.int32) for column in np.unravel_index(present, shape))
    return _Rows(roles, ops, cores + NO_CORE, nodes, with_role, with_op, counts, summed=True)


def _kept_of(rows: _Rows) -> _Rows:
    """The rows that counted something, roles and ops in the order in which they come."""
    kept = np.flatnonzero(rows.counts.any(axis=1))
    roles, role = _as_met(rows.role[kept], rows.roles)
    ops, op = _as_met(rows.op[kept], rows.ops)
    return _Rows(roles, ops, rows.core[kept], rows.node[kept], role, op, rows.counts[kept])


def _as_met(column: Column, names: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The names that a column has in the order in which they come, and the column by these."""
    present, first, place = np.unique(column, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return tuple(names[at] for at in present[order]), np.argsort(order).astype(np.int32)[place]
