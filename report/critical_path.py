"""The critical path of a schedule in stretches and by node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from synaptile.simulator.schedule.timeline import Cause, Hold, Timeline


@dataclass(frozen=True)
class Stretch:
    """Consecutive holds of a critical path at one node and core.

    `tokens` and `steps` are the first and last, steps from 1; `waits` splits the waiting by cause.
    """

    node: str
    core: int
    jobs: int
    tokens: tuple[int, int]
    steps: tuple[int, int]
    waits: dict[Cause, int]
    run_cycles: int

    @property
    def wait_cycles(self) -> int:
        """Cycles waited, whatever for."""
        return sum(self.waits.values())


def critical_nodes(timeline: Timeline) -> list[tuple[str, int, int, int]]:
    """Nodes of the critical path with their jobs, cycles waited and cycles run on it; the heaviest first."""
    spent: dict[str, tuple[int, int, int]] = {}
    for hold in timeline.critical_path:
        jobs, wait, run = spent.get(hold.node, (0, 0, 0))
        spent[hold.node] = (jobs + 1, wait + hold.wait_cycles, run + hold.run_cycles)
    return sorted(((node, *sums) for node, sums in spent.items()), key=lambda row: (-row[2] - row[3], row[0]))


def merge_holds(path: Iterable[Hold]) -> list[Stretch]:
    """Join consecutive holds of one node and core; cycles waited and run are summed."""
    stretches = []
    for (node, core), group in groupby(path, key=lambda hold: (hold.node, hold.core)):
        holds = list(group)
        waits: dict[Cause, int] = {}
        for hold in holds:
            waits[hold.cause] = waits.get(hold.cause, 0) + hold.wait_cycles
        tokens = [hold.token for hold in holds]
        steps = [hold.step + 1 for hold in holds]
        ends = ((min(tokens), max(tokens)), (min(steps), max(steps)))
        stretches.append(Stretch(node, core, len(holds), *ends, waits, sum(hold.run_cycles for hold in holds)))
    return stretches
