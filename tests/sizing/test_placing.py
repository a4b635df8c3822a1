"""Is a run that is seen on another chip counted for that chip, whatever was seen before it?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.hwmodels import vary
from synaptile.simulator.rebase import counted_on, rebased
from synaptile.studies.placing import mapped, options_of, placed
from tests.sizing.studies import base, drawn

COMPARE: dict[str, Any] = {"units.compare": "exponent"}
CHANGES: tuple[dict[str, Any], ...] = ({}, {"synapse_core.weight_memory_kib": 16}, COMPARE, {"synapse_core.lanes_per_cycle": 1})


@pytest.mark.parametrize("order", [CHANGES, CHANGES[::-1]])
def test_what_is_kept_of_one_chip_is_not_taken_for_another(order: tuple[dict[str, Any], ...]) -> None:
    for changes in order:
        chip = vary(base(), changes)
        seen = placed(drawn(), chip, options_of(drawn().program), "drawn")
        own = rebased(drawn(), mapped(drawn(), chip, options_of(drawn().program), f"apart {changes}"))
        assert seen.program.chip == chip
        for column in ("core", "node", "op", "count"):
            np.testing.assert_array_equal(getattr(seen.operations, column), getattr(own.operations, column))
        if changes == COMPARE:
            assert seen.operations.count.sum() == counted_on(drawn(), chip).operations.count.sum()
            assert seen.operations.count.sum() != drawn().operations.count.sum(), "another comparison issues other operations"
