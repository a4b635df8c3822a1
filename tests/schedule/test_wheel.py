"""Does the timing wheel hand out events in the order that sorting them gives, however far off they are?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synaptile.simulator.schedule.fabric import NEVER
from synaptile.simulator.schedule.wheel import SLOTS, At, add, empty_wheel, take

WAITS = st.one_of(
    st.integers(0, 3), st.integers(0, 200), st.sampled_from([SLOTS - 1, SLOTS, SLOTS + 1]), st.integers(0, 5 * SLOTS)
)


@given(st.lists(st.lists(WAITS, max_size=6), min_size=1, max_size=30))
def test_events_come_in_order_of_cycle_and_number(rounds: list[list[int]]) -> None:
    wheel, waiting, now, number = empty_wheel(200), set[tuple[int, int]](), 0, 0
    for waits in rounds + [[]] * sum(map(len, rounds)):
        for wait in waits:
            number = number * 7 % 1009 + 1009 * len(waiting) + 1  # neither rising nor falling
            add(wheel, now + wait, number)
            waiting.add((now + wait, number))
        following = min((cycle for cycle, _ in waiting), default=NEVER)
        assert wheel.totals[At.NEXT] == following
        if waiting:
            now, count = following, take(wheel, 0, 0)
            due = sorted(event for cycle, event in waiting if cycle == now)
            assert wheel.batch[:count].tolist() == due
            waiting -= {(now, event) for event in due}
    assert not waiting


def test_events_added_in_the_cycle_that_is_taken_join_what_is_left_of_it() -> None:
    wheel = empty_wheel(9)
    for event in (40, 10, 30):
        add(wheel, 5, event)
    assert take(wheel, 0, 0) == 3
    add(wheel, 5, 20)
    add(wheel, 6, 1)
    assert take(wheel, 1, 3) == 4
    assert wheel.batch[:4].tolist() == [10, 20, 30, 40]
    assert wheel.totals[At.NEXT] == 6
