"""What the comparisons with SANA-FE share: its run in an environment of its own, and what both count of one network."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synaptile.foundation.types import Array
from synaptile.simulator import Activity, Timeline

Counts = Counter[tuple[Any, ...]]
Triple = tuple[Counts, Counts, Counts]
Seat = tuple[int, int, int]
"""Tile column, tile row and core on the tile."""


def python_of(arguments: Sequence[str] | None, description: str | None) -> Path:
    """The Python that the command line names."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--sanafe-python", type=Path, required=True, metavar="PATH", help="Python that can import sanafe")
    python: Path = parser.parse_args(arguments).sanafe_python
    if not python.is_file():
        parser.error(f"--sanafe-python {python} is no file: give the Python of an environment with `pip install sanafe`")
    return python


def answer_of(python: Path, worker: str, job: dict[str, Any]) -> dict[str, Any]:
    """What a program beside this one, run by another Python, makes of a job; numbers pass as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        ask, answer = Path(folder) / "job.json", Path(folder) / "result.json"
        ask.write_text(json.dumps(job))
        command = [str(part) for part in (python, "-I", Path(__file__).with_name(worker), ask, answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{python} could not run SANA-FE (is `sanafe` installed there?):\n{done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(answer.read_text())
    return result


def spikes_of(activity: Activity, site: str) -> Array:
    """Spikes of a site, 0 or 1, shape (steps, neurons)."""
    return activity.spikes[site].fired(activity.program.graph.nodes[site].width)[:, 0, 0]


def same_spikes(activity: Activity, sites: Sequence[str], run: dict[str, Any]) -> bool:
    """Whether every neuron of every site fired at the same steps; layer k is k steps late in SANA-FE."""
    for late, site in enumerate(sites):
        here = {(int(t), int(n)) for t, n in np.argwhere(spikes_of(activity, site))}
        if here != {(t, n) for t in range(activity.steps) for name, n in run["spikes"][t + late] if name == site}:
            return False
    return True


def counts_here(activity: Activity, timeline: Timeline, where: Sequence[Seat], left_out: str = "") -> Triple:
    """Synaptic events by (step, core), packets and hops by (step, source core, target core), all but what one node sends.

    A message of n spikes counts as the n packets that it carries.
    """
    program, table, messages = activity.program, activity.operations, timeline.messages
    events, packets, hops = (Counter[tuple[Any, ...]]() for _ in range(3))
    for core, role, count in zip(table.core, table.role, table.count, strict=True):
        if table.roles[role] == "synapse rows":
            events.update({(step, where[core]): int(n) for step, n in enumerate(count) if n})
    for m in np.flatnonzero(messages.elements):
        job, spikes = messages.job[m], int(messages.elements[m])
        if program.node_names[program.parts.node[timeline.jobs.part[job]]] == left_out:
            continue
        key = int(timeline.jobs.step[job]), where[timeline.jobs.core[job]], where[messages.target_core[m]]
        packets[key] += spikes
        if messages.hops[m]:
            hops[key] += spikes * int(messages.hops[m])
    return events, packets, hops


def counts_there(run: dict[str, Any], sites: Sequence[str], steps: int, off_chip: str = "") -> Triple:
    """The same from SANA-FE's message trace, for our steps; of a layer that is off our chip synaptic events alone."""
    events, packets, hops = (Counter[tuple[Any, ...]]() for _ in range(3))
    for number, messages in enumerate(run["messages"]):
        for group, source, target, spikes, length in messages:
            step = number - sites.index(group)
            if step >= steps:
                continue
            events[step, tuple(target)] += spikes
            if group != off_chip and (not off_chip or source != target):
                packets[step, tuple(source), tuple(target)] += 1
                if length:
                    hops[step, tuple(source), tuple(target)] += length
    return events, packets, hops
