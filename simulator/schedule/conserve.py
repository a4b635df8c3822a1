"""What is scheduled is what was executed: sums over jobs against the activity's tables."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.errors import ConservationError
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.work import Work


def check_operations(activity: Activity, program: CoreProgram, work: Work) -> None:
    """Operations of every core and node at every step. Raises ConservationError."""
    table, nodes = activity.operations, len(program.node_names)
    before = table.core.astype(np.int64) * nodes + table.node
    now = np.array([core * nodes + node for core, node in work.issued], np.int64)
    places = np.union1d(before, now)
    executed, scheduled = np.zeros((2, places.size, activity.steps), np.int64)
    np.add.at(executed, np.searchsorted(places, before), table.count)
    if now.size:
        scheduled[np.searchsorted(places, now)] = np.stack(list(work.issued.values()))
    if (executed != scheduled).any():
        at, step = np.argwhere(executed != scheduled)[0].tolist()
        core, node = divmod(int(places[at]), nodes)
        raise ConservationError(
            f"core {core}, node {program.node_names[node]!r}, step {step + 1}: {executed[at, step]} operations were executed, "
            f"{scheduled[at, step]} are scheduled"
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
    executed = np.zeros((len(program.node_names), len(table.roles) + 1, activity.steps), np.int64)  # the last role has none
    np.add.at(executed, (table.node, table.role), table.count)
    role_at = {role: at for at, role in enumerate(table.roles)}
    for (node, role), count in work.recorded.items():
        known = executed[node, role_at.get(role, -1)]
        if (differ := np.flatnonzero(known != count)).size:
            step = int(differ[0])
            raise ConservationError(
                f"node {program.node_names[node]!r}, {role}, step {step + 1}: {known[step]} operations were executed, "
                f"{count[step]} are counted on the new mapping"
            )
