"""Does a tally hold what was added, in whatever pieces? Held against a dictionary."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synaptile.energy.bill import NO_CORE
from synaptile.energy.prices import Price
from synaptile.energy.tally import Tally
from synaptile.simulator.actions.vocabulary import Role

STEPS, NODES = 2, ("a", "b", "c")
ROLES, OPS = (Role.SYNAPSE_ROWS, Role.BIAS, Role.EVENT_READ), ("read", "add", "mac")
ROWS = st.lists(
    st.tuples(
        st.integers(NO_CORE, 3),
        st.integers(0, len(NODES)),
        st.sampled_from(ROLES),
        st.sampled_from(OPS),
        st.lists(st.integers(-2, 2), min_size=STEPS, max_size=STEPS),
    ),
    max_size=12,
)


@given(single=ROWS, many=ROWS, other=ROWS, times=st.integers(-1, 2), early=st.booleans())
def test_a_tally_is_a_dictionary_of_sums(single: list, many: list, other: list, times: int, early: bool) -> None:  # type: ignore[type-arg]
    naive: dict[tuple[int, int, str, str], np.ndarray] = defaultdict(lambda: np.zeros(STEPS, np.int64))
    tally, further = Tally(NODES, STEPS), Tally(NODES, STEPS)
    for rows, into, factor in ((single, tally, 1), (many, tally, 1), (other, further, times)):
        for core, node, role, op, count in rows:
            naive[core, node, role.value, op] += factor * np.array(count)
            if rows is many:
                into.add_rows(np.array([core, core]), node, role, op, np.array([count, [0] * STEPS]))
            else:
                into.add(core, node, role, op, np.array(count))
        if early:
            assert into.any() in (True, False)  # sums what there is so far
    tally.extend(further, times)
    counts = tally.counts
    assert counts.keys() == naive.keys()
    assert all((counts[key] == naive[key]).all() for key in naive)
    bill = tally.bill(dict.fromkeys(OPS, Price(1.0, "test")), 1)
    found = [
        (node, core, bill.roles[role], bill.ops[op], *count)
        for core, node, role, op, count in zip(bill.core, bill.node, bill.role, bill.op, bill.count.tolist(), strict=True)
    ]
    assert found == sorted((n, c, r, o, *count.tolist()) for (c, n, r, o), count in naive.items() if count.any())
    assert bill.roles == tuple(dict.fromkeys(row[2] for row in found))
    assert bill.ops == tuple(dict.fromkeys(row[3] for row in found))
