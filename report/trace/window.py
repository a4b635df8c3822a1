"""Which part of a timeline a trace shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Brief
from synaptile.foundation.types import Int32
from synaptile.report.trace.names import job_nodes, link_names
from synaptile.simulator.schedule.timeline import Timeline

Bools = NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class Window(Brief):
    """What to keep of a timeline; None keeps all.

    `cores` are core numbers. `links` are link names (`link_names`) or patterns of them ("x3y4_to_*"); an empty tuple leaves
    links out. `nodes` are node names or patterns ("blocks.0.*"). `from_cycle` and `to_cycle` bound the time, the second
    excluded; what overlaps it is kept whole. `steps` are time steps from 1.
    """

    cores: Sequence[int] | None = None
    links: Sequence[str] | None = None
    nodes: Sequence[str] | None = None
    from_cycle: int | None = None
    to_cycle: int | None = None
    steps: Sequence[int] | None = None

    @property
    def whole(self) -> bool:
        """Whether every job and message is kept."""
        return all(getattr(self, field) is None for field in ("cores", "nodes", "from_cycle", "to_cycle", "steps"))


@dataclass(frozen=True)
class Selection:
    """A window resolved against one timeline.

    `cores` and `links` index the tables to show; `jobs` and `messages` the rows to show, ascending. Time runs from
    `from_cycle` to before `to_cycle`. `whole` says that every job and message is shown.
    """

    cores: Int32
    links: Int32
    jobs: NDArray[np.int64]
    messages: NDArray[np.int64]
    from_cycle: int
    to_cycle: int
    whole: bool


def select(timeline: Timeline, window: Window | None = None) -> Selection:
    """Resolve a window: jobs of its nodes and steps on its cores, messages that they send to or receive from anywhere, links.

    A message is kept where its sending job is of the window's nodes and steps, it leaves or enters one of the cores, and it
    is under way within the time. Raises InputError for names, numbers and times that the timeline does not have, and where
    nothing is left.
    """
    window = window or Window()
    begin, end = _times(timeline, window)
    cores = _cores(timeline, window.cores)
    links = _links(timeline, window.links)
    jobs, messages = timeline.jobs, timeline.messages
    wanted = _of_nodes(timeline, window.nodes) & _of_steps(timeline, window.steps)
    on_core = np.zeros(len(timeline.program.cores.kind), np.bool_)
    on_core[cores] = True
    job_kept = wanted & on_core[jobs.core] & _overlap(jobs.start_cycles, jobs.end_cycles, window, begin, end)
    message_kept = wanted[messages.job] & _overlap(messages.injected_cycles, messages.delivered_cycles, window, begin, end)
    if window.cores is not None:
        message_kept &= on_core[jobs.core[messages.job]] | _enters(timeline, on_core)
    if not job_kept.any() and not message_kept.any():
        raise InputError(
            f"the window holds none of the {len(jobs.core):,} jobs: widen its cores, nodes, steps or cycles "
            f"(the run takes {timeline.makespan_cycles:,} cycles)"
        )
    return Selection(cores, links, np.flatnonzero(job_kept), np.flatnonzero(message_kept), begin, end, window.whole)


def _times(timeline: Timeline, window: Window) -> tuple[int, int]:
    makespan = timeline.makespan_cycles
    begin = 0 if window.from_cycle is None else window.from_cycle
    end = makespan if window.to_cycle is None else window.to_cycle
    if begin < 0 or end > makespan:
        raise InputError(f"cycles {begin:,} to {end:,} reach beyond the run, which takes cycles 0 to {makespan:,}")
    if begin >= end and not window.whole:
        raise InputError(f"cycles {begin:,} to {end:,} are an empty window: the first must lie before the second")
    return begin, end


def _overlap(start: NDArray[np.int64], stop: NDArray[np.int64], window: Window, begin: int, end: int) -> Bools:
    """Rows under way within the window; one of no length counts in the cycle where it stands."""
    kept: Bools = np.ones(start.size, np.bool_)
    if window.from_cycle is not None:
        kept &= np.maximum(stop, start + 1) > begin
    if window.to_cycle is not None:
        kept &= start < end
    return kept


def _cores(timeline: Timeline, chosen: Sequence[int] | None) -> Int32:
    count = len(timeline.program.cores.kind)
    if chosen is None:
        return np.arange(count, dtype=np.int32)
    _refuse_empty("cores", chosen)
    unknown = [core for core in chosen if not 0 <= core < count]
    if unknown:
        raise InputError(f"core {unknown[0]} does not exist: the program uses cores 0 to {count - 1}")
    return np.unique(np.asarray(chosen, np.int32))


def _links(timeline: Timeline, chosen: Sequence[str] | None) -> Int32:
    names = link_names(timeline)
    if chosen is None:
        return np.arange(len(names), dtype=np.int32)
    return np.array(_matches("link", chosen, names), np.int32)


def _of_nodes(timeline: Timeline, chosen: Sequence[str] | None) -> Bools:
    if chosen is None:
        return np.ones(len(timeline.jobs.part), np.bool_)
    _refuse_empty("nodes", chosen)
    matched = _matches("node", chosen, timeline.program.node_names)
    return np.isin(job_nodes(timeline), matched)


def _of_steps(timeline: Timeline, chosen: Sequence[int] | None) -> Bools:
    if chosen is None:
        return np.ones(len(timeline.jobs.part), np.bool_)
    _refuse_empty("steps", chosen)
    unknown = [step for step in chosen if not 1 <= step <= timeline.activity.steps]
    if unknown:
        raise InputError(f"step {unknown[0]} was not run: the timeline has steps 1 to {timeline.activity.steps}")
    return np.isin(timeline.jobs.step + 1, list(chosen))


def _enters(timeline: Timeline, on_core: Bools) -> Bools:
    """Messages that some marked core receives, shape (messages,)."""
    flows, messages = timeline.program.flows, timeline.messages
    groups = np.zeros(len(timeline.program.routes.source_core), np.bool_)
    leaving = flows.group >= 0
    marked = leaving & on_core[timeline.program.parts.core[flows.target]]
    groups[flows.group[marked]] = True
    unicast = messages.target_core >= 0
    entered: Bools = np.where(unicast, on_core[np.where(unicast, messages.target_core, 0)], groups[messages.group])
    return entered


def _matches(what: str, patterns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Indices of the names that some pattern fits, ascending; a pattern that fits none is an error."""
    found: set[int] = set()
    index = {name: number for number, name in enumerate(names)}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        hits = [index[pattern]] if pattern in index else [number for name, number in index.items() if fnmatchcase(name, pattern)]
        if not hits:
            near = get_close_matches(pattern, names, n=3, cutoff=0.4)
            hint = (
                f"nearest: {', '.join(map(repr, near))}"
                if near
                else f"there are {len(names):,}, {names[0]!r} the first"
                if names
                else "there are none"
            )
            raise InputError(f"no {what} is named {pattern!r}; {hint}")
        found.update(hits)
    return sorted(found)


def _refuse_empty(what: str, chosen: Collection[object]) -> None:
    if not chosen:
        raise InputError(f"a window of no {what} is empty: name some, or leave {what} out to keep all")
