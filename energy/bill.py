"""A bill: counts of operations beside their prices, in columns, and the lines that open it.

Counts stay integers until the last moment: every energy is the exact sum of counts per operation, times its price. So it
does not depend on how many cores the work was spread over, nor on the order of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.prices import Price
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import InputError
from synaptile.foundation.sums import sum_by
from synaptile.foundation.types import Int64

NO_CORE = -1
"""Core index of work that an accounting does not place on a core."""

CHIP = "(chip)"
"""Name that follows the graph's nodes in a bill's `nodes`: what no node answers for, such as leakage."""


@dataclass(frozen=True)
class Line:
    """One figure opened: `count` operations at `price.pj` each, over `images` images.

    `step` is the step that issued them (first step 1), None for a sum over steps or a pass without steps. `core` is None
    where the accounting knows no cores.
    """

    core: int | None
    node: str
    role: str
    op: str
    step: int | None
    count: int
    images: int
    price: Price

    @property
    def energy_pj(self) -> float | None:
        """Energy per image: count x pJ / images. None where the operation is unpriced."""
        return None if self.price.pj is None else self.count * self.price.pj / self.images


@dataclass(frozen=True)
class Bill:
    """Priced operations. Columns `core`, `node`, `role`, `op` have shape (rows,), int32; `count` (rows, steps), int64.

    `node` indexes `nodes`, `role` indexes `roles` and `op` indexes `ops`; `prices` has an entry for every op. `count` sums over
    `images` images, or over as many as `sampled` says for its op (a schedule may stream fewer images than were executed);
    every energy is in pJ per image.
    """

    nodes: tuple[str, ...]
    roles: tuple[str, ...]
    ops: tuple[str, ...]
    prices: Mapping[str, Price]
    core: NDArray[np.int32]
    node: NDArray[np.int32]
    role: NDArray[np.int32]
    op: NDArray[np.int32]
    count: Int64
    images: int
    sampled: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @staticmethod
    def of_rows(
        nodes: tuple[str, ...],
        prices: Mapping[str, Price],
        rows: Sequence[tuple[str, str, str, Sequence[int]]],
        *,
        steps: int,
        images: int,
    ) -> Bill:
        """A bill without cores from rows (node, role, op, `steps` counts)."""
        position = {name: i for i, name in enumerate(nodes)}
        roles = tuple(dict.fromkeys(role for _, role, _, _ in rows))
        ops = tuple(dict.fromkeys(op for _, _, op, _ in rows))
        return Bill(
            nodes,
            roles,
            ops,
            prices,
            core=np.full(len(rows), NO_CORE, np.int32),
            node=np.array([position[node] for node, _, _, _ in rows], np.int32),
            role=np.array([roles.index(role) for _, role, _, _ in rows], np.int32),
            op=np.array([ops.index(op) for _, _, op, _ in rows], np.int32),
            count=np.array([counts for _, _, _, counts in rows], np.int64).reshape(len(rows), steps),
            images=images,
        )

    @property
    def steps(self) -> int:
        """Time steps that the bill counts (1 for a dense pass)."""
        return int(self.count.shape[1])

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Operations that were issued and have no price, in the order of `ops`."""
        totals = self.op_counts()
        return tuple(op for op, count in zip(self.ops, totals, strict=True) if count and self.prices[op].pj is None)

    @derived
    def op_counts(self) -> Int64:
        """Exact count of each op over all rows and steps, shape (ops,), int64."""
        counts: Int64 = self._grouped(np.zeros(len(self.op), np.int32), 1)[0].sum(axis=-1)
        return counts

    @derived
    def energy_pj(self) -> NDArray[np.float64]:
        """Energy per image and step of issue, shape (steps,). Unpriced operations are left out: see `unpriced`."""
        energy: NDArray[np.float64] = self._priced(self._grouped(np.zeros(len(self.op), np.int32), 1))[0]
        return energy

    def energy_by(self, group: NDArray[np.int32], groups: int) -> NDArray[np.float64]:
        """Energy per image, group and step, shape (groups, steps); `group` (rows,) gives each row's group."""
        return self._priced(self._grouped(group, groups))

    def counts_by(self, group: NDArray[np.int32], groups: int) -> Int64:
        """Operations of each group, all ops and steps together, shape (groups,), int64."""
        counts: Int64 = self._grouped(group, groups).sum(axis=(1, 2))
        return counts

    def _grouped(self, group: NDArray[np.int32], groups: int) -> Int64:
        """Exact counts, shape (groups, ops, steps)."""
        cell = group.astype(np.int64) * len(self.ops) + self.op
        counts = [sum_by((cell,), column, (groups * len(self.ops),)) for column in self.count.T]
        return np.stack(counts, axis=1).reshape(groups, len(self.ops), self.steps)

    def _priced(self, counts: Int64) -> NDArray[np.float64]:
        pj = np.array([(self.prices[op].pj or 0.0) * (self.images / self.images_of(op)) for op in self.ops])
        energy: NDArray[np.float64] = np.einsum("gos,o->gs", counts.astype(np.float64), pj) / self.images
        return energy

    def images_of(self, op: str) -> int:
        """Images that the counts of one op sum over."""
        return self.sampled.get(op, self.images)

    @derived
    def cumulative(self) -> Bill:
        """The bill whose counts at step t sum steps 1..t."""
        return replace(self, count=np.cumsum(self.count, axis=1))

    @derived
    def merged_over_cores(self) -> Bill:
        """The bill with one row per (node, role, op), cores summed, in node, role, op order."""
        if not len(self.op):
            return self
        shape = (len(self.nodes), len(self.roles), len(self.ops))
        present, count = sums_by(np.ravel_multi_index((self.node, self.role, self.op), shape), self.count)
        node, role, op = (column.astype(np.int32) for column in np.unravel_index(present, shape))
        return replace(self, core=np.full(len(present), NO_CORE, np.int32), node=node, role=role, op=op, count=count)

    def lines(
        self, *, node: str | None = None, core: int | None = None, step: int | None = None, through: int | None = None
    ) -> tuple[Line, ...]:
        """Rows opened, narrowed to one node or core. Rows that counted nothing are left out.

        `step` keeps what that step issued, `through` sums steps 1..through, neither sums all steps.
        Raises InputError for a node or step that the bill does not have, and for both `step` and `through`.
        """
        if step is not None and through is not None:
            raise InputError(f"lines of step {step} and through step {through} were asked for at once: give one of the two")
        for asked in (step, through):
            if asked is not None and not 1 <= asked <= self.steps:
                raise InputError(f"step {asked} was asked for, the bill has steps 1..{self.steps}")
        keep = np.ones(len(self.op), bool)
        if node is not None:
            if node not in self.nodes:
                raise InputError(f"node {node!r} was asked for, the graph has none of that name")
            keep &= self.node == self.nodes.index(node)
        if core is not None:
            keep &= self.core == core
        count = self.count[:, step - 1] if step is not None else self.count[:, :through].sum(axis=1)
        rows = np.flatnonzero(keep & (count != 0))
        return tuple(
            Line(
                core=None if self.core[i] == NO_CORE else int(self.core[i]),
                node=self.nodes[self.node[i]],
                role=self.roles[self.role[i]],
                op=self.ops[self.op[i]],
                step=step,
                count=int(count[i]),
                images=self.images_of(self.ops[self.op[i]]),
                price=self.prices[self.ops[self.op[i]]],
            )
            for i in rows
        )


def joined(bills: Sequence[Bill]) -> Bill:
    """One bill with the rows of all, in order. They count the same steps and images; the nodes of one begin those of another."""
    first = bills[0]
    nodes = max((bill.nodes for bill in bills), key=len)
    assert all(b.nodes == nodes[: len(b.nodes)] and (b.steps, b.images) == (first.steps, first.images) for b in bills)
    roles = tuple(dict.fromkeys(role for bill in bills for role in bill.roles))
    ops = tuple(dict.fromkeys(op for bill in bills for op in bill.ops))
    return Bill(
        nodes,
        roles,
        ops,
        {op: price for bill in bills for op, price in bill.prices.items()},
        core=np.concatenate([bill.core for bill in bills]),
        node=np.concatenate([bill.node for bill in bills]),
        role=np.concatenate([renumbered(bill.role, bill.roles, roles) for bill in bills]),
        op=np.concatenate([renumbered(bill.op, bill.ops, ops) for bill in bills]),
        count=np.concatenate([bill.count for bill in bills]),
        images=first.images,
        sampled={op: images for bill in bills for op, images in bill.sampled.items()},
    )


def sums_by(key: Int64, count: Int64) -> tuple[Int64, Int64]:
    """The keys that rows have, ascending, and the counts of their rows summed, (keys, steps); key: (rows,)."""
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key)  # not stable, and faster: whole numbers are summed
        key, count = key[order], count[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return key[first], np.add.reduceat(count, first, axis=0) if len(first) else count[:0]


def renumbered(column: NDArray[np.integer], old: tuple[str, ...], new: tuple[str, ...]) -> NDArray[np.int32]:
    """Places in `old` as places in `new`."""
    table: NDArray[np.int32] = np.array([new.index(name) for name in old], np.int32)
    return table[column] if old else column.astype(np.int32)
