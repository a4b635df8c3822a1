"""Is what follows from an object derived once, and forgotten with it?"""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, replace

from synaptile.foundation.derived import derived
from synaptile.mapper import map_graph
from synaptile.simulator.event.build import make_layout
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS


@dataclass(frozen=True)
class Square:
    side: int


def test_each_object_and_each_argument_is_derived_once() -> None:
    calls: list[tuple[int, int]] = []

    @derived
    def grown(square: Square, by: int) -> int:
        calls.append((square.side, by))
        return square.side + by

    one = Square(3)
    assert [grown(one, 1), grown(one, 1), grown(one, 2)] == [4, 4, 5]
    assert calls == [(3, 1), (3, 2)]
    assert grown(replace(one, side=7), 1) == 8, "a changed object is another one"
    assert one == Square(3), "what is kept is no part of the object"


def test_a_programs_layout_dies_with_it() -> None:
    program = map_graph(vit_graph(1, 5, 8, 2, 16, 3), CHIPS["roomy"](), anneal_moves=50)
    layout = make_layout(program, "float32")
    assert make_layout(program, "float32") is layout
    assert make_layout(program, "int8") is not layout
    gone = weakref.ref(program)
    del program, layout
    gc.collect()
    assert gone() is None
