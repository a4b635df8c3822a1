"""Does a window keep what it names, and refuse what the timeline does not have?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.foundation.errors import InputError
from synaptile.report.trace.names import job_nodes, link_names
from synaptile.report.trace.window import Window, select
from tests.trace.timelines import receivers, timeline


def test_no_window_keeps_everything() -> None:
    run = timeline()
    kept = select(run)
    assert kept.whole
    assert (kept.jobs.size, kept.messages.size) == (len(run.jobs.part), len(run.messages.job))
    assert (kept.cores.size, kept.links.size) == (len(run.program.cores.kind), len(run.links.kind))


def test_nodes_and_steps_keep_their_jobs_and_the_messages_of_these() -> None:
    run = timeline()
    kept = select(run, Window(nodes=("blocks.0.attn.*", "head"), steps=(2,)))
    names = np.array(run.program.node_names)[job_nodes(run)]
    wanted = (np.char.startswith(names, "blocks.0.attn.") | (names == "head")) & (run.jobs.step == 1)
    assert kept.jobs.tolist() == np.flatnonzero(wanted).tolist()
    assert kept.messages.tolist() == np.flatnonzero(wanted[run.messages.job]).tolist()
    assert not kept.whole


@pytest.mark.parametrize("multicast", [True, False])
def test_cores_keep_the_messages_that_leave_or_enter_them(multicast: bool) -> None:
    run = timeline(multicast=multicast)
    kept = select(run, Window(cores=(7,)))
    assert kept.jobs.tolist() == np.flatnonzero(run.jobs.core == 7).tolist()
    members = receivers(run.program)
    expected = []
    for row, (job, group, target) in enumerate(zip(run.messages.job, run.messages.group, run.messages.target_core, strict=True)):
        entered = [target] if target >= 0 else members[group]
        if run.jobs.core[job] == 7 or 7 in entered:
            expected.append(row)
    assert 0 < len(expected) < len(run.messages.job)
    assert kept.messages.tolist() == expected


def test_cycles_keep_what_is_under_way_and_exclude_the_last() -> None:
    run = timeline()
    start, end = run.jobs.start_cycles, run.jobs.end_cycles
    job = int(np.flatnonzero((end - start > 1) & (start > 0))[0])
    first, last = int(start[job]), int(end[job])
    assert job in select(run, Window(from_cycle=last - 1, to_cycle=last)).jobs
    assert job not in select(run, Window(from_cycle=last, to_cycle=last + 1)).jobs
    assert job not in select(run, Window(from_cycle=0, to_cycle=first)).jobs
    empty = int(np.flatnonzero(start == end)[3])
    assert empty in select(run, Window(from_cycle=int(start[empty]), to_cycle=int(start[empty]) + 1)).jobs


def test_links_are_named_or_left_out() -> None:
    run = timeline()
    names = np.array(link_names(run))
    assert names[select(run, Window(links=("core7_to_*",))).links].tolist() == [n for n in names if n.startswith("core7_to_")]
    assert select(run, Window(links=())).links.size == 0
    assert len(set(names)) == names.size


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (
            Window(nodes=("blocks.0.attn.qvk",)),
            r"no node is named 'blocks.0.attn.qvk'; nearest: 'blocks.0.attn.qk', 'blocks.0.attn.qkv'",
        ),
        (Window(nodes=()), "no nodes is empty"),
        (Window(cores=()), "no cores is empty"),
        (Window(steps=()), "no steps is empty"),
        (Window(cores=(99,)), "core 99 does not exist: the program uses cores 0 to 20"),
        (Window(steps=(0,)), "step 0 was not run: the timeline has steps 1 to 2"),
        (Window(steps=(3,)), "steps 1 to 2"),
        (Window(links=("x9y9_to_x9y8",)), "no link is named"),
        (Window(from_cycle=5, to_cycle=5), "empty window"),
        (Window(from_cycle=9, to_cycle=5), "empty window"),
        (Window(from_cycle=-1), "reach beyond the run"),
        (Window(to_cycle=10**9), "reach beyond the run"),
        (Window(nodes=("readout",), cores=(0,)), "holds none of the"),
    ],
)
def test_what_the_timeline_does_not_have_is_refused(window: Window, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(timeline(), window)
