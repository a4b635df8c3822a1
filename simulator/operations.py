"""The ledger of operations: what each part of each core issued, by role and operation, step by step.

Operations that events cause are added as kernels count them; the others follow from the rules of the parts and happen whatever
fires. A sentence counts at its own length: tokens that pad it in a batch, and keys that they would be, issue nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from synaptile.foundation.derived import derived
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Op, Role, Trigger
from synaptile.simulator.activity import OPS, OperationTable
from synaptile.simulator.lengths import program_counts

_PLACE = {op: place for place, op in enumerate(OPS)}


class Counts(NamedTuple):
    """Counts of operations, a row each: `core`, `node`, `role` (places in `roles`), `op` (places in OPS), (rows,) int64.

    `issued` (rows, columns) int64: of each step, or of the first and of each later one.
    """

    core: Int64
    node: Int64
    role: Int64
    op: Int64
    issued: Int64
    roles: tuple[str, ...]


class Ledger:
    """Counts by (core, node, role, op) and step, int64, summed over images."""

    def __init__(self, program: CoreProgram, steps: int, images: int, lengths: Int64 | None = None) -> None:
        self.program, self.steps, self.images, self.lengths = program, steps, images, lengths
        self._counts: dict[tuple[Role, Op], Int64] = {}

    def add(self, parts: int | Int32 | Int64, role: Role, op: Op, counts: Int64) -> None:
        """Add operations of one part, (steps,) int64, or of different parts, (steps, parts)."""
        if (role, op) not in self._counts:
            self._counts[role, op] = np.zeros((len(self.program.parts.core), self.steps), np.int64)
        self._counts[role, op][parts] += counts.T

    def table(self) -> OperationTable:
        """Recorded and fixed operations together, sorted by core, node, role and operation."""
        lists = [self._recorded()]
        for program, images in program_counts(self.program, self.lengths, self.images):
            fixed = _fixed_counts(program)
            steps = np.concatenate([fixed.issued[:, :1], np.repeat(fixed.issued[:, 1:], self.steps - 1, axis=1)], axis=1)
            lists.append(fixed._replace(issued=steps * images))
        merged = _merged(lists)
        core, node, role, op = (column.astype(np.int32) for column in (merged.core, merged.node, merged.role, merged.op))
        return OperationTable(core, node, role, op, merged.issued, merged.roles)

    def _recorded(self) -> Counts:
        parts, kinds = self.program.parts, len(self._counts)
        roles = _names(role for role, _ in self._counts)
        places = np.array([(roles.index(role), _PLACE[op]) for role, op in self._counts], np.int64).reshape(-1, 2)
        role, op = np.repeat(places, len(parts.core), axis=0).T
        core, node = (np.tile(column.astype(np.int64), kinds) for column in (parts.core, parts.node))
        count = np.concatenate(list(self._counts.values())) if kinds else np.zeros((0, self.steps), np.int64)
        return Counts(core, node, role, op, count, roles)


def _merged(found: Sequence[Counts]) -> Counts:
    """All counts, those of one operation added up, without rows that are zero at every step, sorted."""
    every = tuple(sorted({role for counts in found for role in counts.roles}))
    place = {role: i for i, role in enumerate(every)}
    lists = [np.array([place[role] for role in counts.roles], np.int64)[counts.role] for counts in found]
    keys = np.stack(
        [
            np.concatenate([counts.core for counts in found]),
            np.concatenate([counts.node for counts in found]),
            np.concatenate(lists),
            np.concatenate([counts.op for counts in found]),
        ]
    )
    count = np.concatenate([counts.issued for counts in found])
    kept = count.any(axis=1)
    keys, count = keys[:, kept], count[kept]
    order = np.lexsort(keys[::-1])
    keys, count = keys[:, order], count[order]
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(order)), bool), (np.diff(keys) != 0).any(axis=0)]))
    core, node, role, op = keys[:, first]
    present, role = np.unique(role, return_inverse=True)
    summed = np.add.reduceat(count, first) if len(first) else count
    return Counts(core, node, role, op, summed, tuple(every[i] for i in present))


@derived
def _fixed_counts(program: CoreProgram) -> Counts:
    """Operations of one image, at the first step and at each later one; a row may come more than once."""
    parts = parts_of(program)
    alike: dict[tuple[int, ...], list[int]] = {}
    for part in parts:  # parts of a node that are alike issue the same
        alike.setdefault((part.node_index, part.tokens, part.outputs, part.owned, part.senders), []).append(part.index)
    rows = [
        (program.parts.core[members].astype(np.int64), parts[members[0]].node_index, action)
        for members in alike.values()
        for action in actions_of(parts[members[0]])
        if action.trigger is Trigger.STEP
    ]
    roles = _names(action.role for _, _, action in rows)
    place = {role: i for i, role in enumerate(roles)}
    columns = np.array(
        [
            (node, place[action.role], _PLACE[action.op], *(action.count * action.rhythm.beats(2)).tolist())
            for _, node, action in rows
        ],
        np.int64,
    )
    node, role, op, first, later = np.repeat(columns.reshape(-1, 5), [len(cores) for cores, _, _ in rows], axis=0).T
    cores = np.concatenate([cores for cores, _, _ in rows]) if rows else np.zeros(0, np.int64)
    return Counts(cores, node, role, op, np.stack([first, later], axis=1), roles)


def _names(roles: Iterable[Role]) -> tuple[str, ...]:
    """Names of the roles, each once, in order."""
    return tuple(sorted({role.value for role in roles}))
