"""What is scheduled is what was executed: sums over jobs against the activity's tables."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.work import Work


def check_operations(activity: Activity, program: CoreProgram, work: Work) -> None:
    """Operations of every core and node at every step. Raises ConservationError."""
    table = activity.operations
    executed: dict[tuple[int, int], Int64] = {}
    for core, node, count in zip(table.core.tolist(), table.node.tolist(), table.count, strict=True):
        executed[core, node] = executed.get((core, node), 0) + count
    none = np.zeros(activity.steps, np.int64)
    for core, node in sorted(executed.keys() | work.issued.keys()):
        before, now = executed.get((core, node), none), work.issued.get((core, node), none)
        if (differ := np.flatnonzero(before != now)).size:
            step = int(differ[0])
            raise ConservationError(
                f"core {core}, node {program.node_names[node]!r}, step {step + 1}: {before[step]} operations were executed, "
                f"{now[step]} are scheduled"
            )


def check_spikes(activity: Activity, program: CoreProgram, work: Work) -> None:
    """Spikes of every site at every step. Raises ConservationError."""
    for node, sent in work.fired.items():
        site = program.node_names[node]
        fired = activity.spikes[site].histogram.sum(axis=1)
        if (differ := np.flatnonzero(fired != sent)).size:
            step = int(differ[0])
            raise ConservationError(
                f"site {site!r}, step {step + 1}: {fired[step]} spikes were recorded, {sent[step]} are scheduled"
            )


def check_recount(activity: Activity, program: CoreProgram, work: Work) -> None:
    """What depends on spikes, node by node, after a new mapping. Raises ConservationError."""
    table = activity.operations
    for (node, role), count in work.recorded.items():
        rows = table.node == node
        rows &= table.role == table.roles.index(role) if role in table.roles else False
        executed = table.count[rows].sum(axis=0)
        if (differ := np.flatnonzero(executed != count)).size:
            step = int(differ[0])
            raise ConservationError(
                f"node {program.node_names[node]!r}, {role}, step {step + 1}: {executed[step]} operations were executed, "
                f"{count[step]} are counted on the new mapping"
            )
