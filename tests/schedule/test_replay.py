"""Are messages replayed over the links, and handed over between jobs, as the schedule had them?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.foundation.errors import ConservationError
from synaptile.simulator.schedule.replay import handovers, passages, selected_passages
from synaptile.simulator.schedule.timeline import Cause, LinkKind
from tests.trace.timelines import RUNS, receivers, timeline


@pytest.mark.parametrize("options", RUNS)
def test_replayed_messages_arrive_when_the_schedule_says(options: dict[str, Any]) -> None:
    # passages() itself compares every delivery, and flits and busy cycles of every link, with the timeline's.
    run = timeline(**options)
    found = list(passages(run, at_once=37))
    message, link, start, end = (
        np.concatenate([getattr(o, c) for o in found]) for c in ("message", "link", "start_cycles", "end_cycles")
    )
    order = np.lexsort((start, link))
    same = link[order][1:] == link[order][:-1]
    assert (start[order][1:] >= end[order][:-1])[same].all(), "a link carries one message at a time"
    reached = np.where(run.messages.target_core >= 0, 1, np.array([*map(len, receivers(run.program))])[run.messages.group])
    assert np.bincount(message, minlength=reached.size).tolist() == (run.messages.hops + reached + 1).tolist()
    last = np.zeros(reached.size, np.int64)
    np.maximum.at(last, message, end)
    assert (last == run.messages.delivered_cycles).all()
    injected = run.links.kind[link] == LinkKind.INJECTION
    assert (start[injected] == run.messages.injected_cycles[message[injected]]).all()


def test_passages_of_some_links_and_messages_are_picked_from_all() -> None:
    run = timeline()
    (whole,) = passages(run)
    kept = selected_passages(run, np.arange(0, 256, 3), np.arange(0, 74, 2, dtype=np.int32))
    wanted = (whole.message % 3 == 0) & (whole.link % 2 == 0)
    for name, column in vars(kept).items():
        assert column.tolist() == getattr(whole, name)[wanted].tolist()


def test_a_delivery_or_a_link_that_does_not_add_up_is_an_error() -> None:
    run = timeline()
    late = run.messages.delivered_cycles.copy()
    late[17] += 1
    with pytest.raises(ConservationError, match="1 of 256 messages"):
        list(passages(replace(run, messages=replace(run.messages, delivered_cycles=late))))
    flits = run.links.flits.copy()
    flits[3] -= 1
    with pytest.raises(ConservationError, match="flits replayed"):
        list(passages(replace(run, links=replace(run.links, flits=flits))))
    fewer = {name: column[1:] for name, column in vars(run.links).items()}
    with pytest.raises(ConservationError, match="link table lacks"):
        list(passages(replace(run, links=replace(run.links, **fewer))))


@pytest.mark.parametrize("options", RUNS)
def test_a_handover_ends_at_a_job_that_could_not_start_before(options: dict[str, Any]) -> None:
    run = timeline(**options)
    found = handovers(run, np.arange(len(run.messages.job)))
    assert set(found.message) == set(range(len(run.messages.job))), "every message wakes some job"
    injected = run.messages.injected_cycles[found.message]
    assert (run.jobs.start_cycles[found.target] > injected).all()
    alone = run.messages.target_core[found.message] >= 0
    assert (run.jobs.start_cycles[found.target] >= run.messages.delivered_cycles[found.message])[alone].all()
    # A job that waited for the network was woken by a message of the job that it waited for.
    waiting = np.flatnonzero(run.jobs.cause == Cause.NETWORK)
    pairs = set(zip(found.source.tolist(), found.target.tolist(), strict=True))
    assert all((int(run.jobs.waited_for[job]), job) in pairs for job in waiting.tolist())
