"""Is what chips share the same as each would have found alone, whichever of their figures differs?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from synaptile.energy import flits, memory, price, scheduled_memory
from synaptile.energy.inside import Inside
from synaptile.energy.scheduled_memory import Taken
from synaptile.energy.tally import Tally
from synaptile.foundation.derived import alike
from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.hwmodels.sections import HopEnergies, Memory
from synaptile.hwmodels.sourced import Section
from synaptile.mapper import map_graph
from synaptile.mapper.alike import mapping_key
from synaptile.simulator import Activity, execute
from synaptile.simulator.actions.fetches import Sharing
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.schedule import arrivals, dense, loads, standing, tables
from synaptile.studies import placing
from synaptile.studies.placing import scheduled
from tests.graphs import vit_graph
from tests.simulator.runs import some_images

PAID = Inside()
Call = tuple[Any, tuple[Any, ...]]
"""A function, and its arguments."""


def calls(run: Activity, taken: Taken) -> dict[str, Call]:
    """Every function that chips share the results of, on a run and what its jobs take in."""
    program, chip = run.program, run.program.chip
    return {
        "parts_of": (parts_of, (program,)),
        "tables_of": (tables.tables_of, (program,)),
        "trees_of": (flits.trees_of, (program,)),
        "crossed_by_trees": (flits.crossed_by_trees, (program,)),
        "ann_flits": (flits.ann_flits, (program,)),
        "snn_accesses": (memory.snn_accesses, (run, chip, PAID)),
        "ann_accesses": (memory.ann_accesses, (program, chip, PAID)),
        "_accesses": (scheduled_memory._accesses, (program, chip, PAID, frozenset(Role), taken)),
        "_dense_works": (dense._dense_works, (program,)),
        "_words": (dense._words, (program,)),
        "dense_timeline": (dense.dense_timeline, (program, 2)),
        "_held": (standing._held, (run, 2)),
        "_held_contents": (loads._held_contents, (run, (2, 2))),
        "_counted_fetches": (memory._counted_fetches, (run, "blocks.0.attn.proj", Sharing(2, 1))),
        "_scheduled": (placing._scheduled, (run, 2, None)),
    }


OF_A_TIMELINE = {"arrivals_of": arrivals.arrivals_of, "arrivals_by_part": arrivals.arrivals_by_part}
"""Held by a timeline, hence with it alone."""


@cache
def base(name: str) -> Activity:
    chip = load_chip(name)
    if name == "ecmt45-mini":
        buffer = Memory(width_bits=64, read_pj=1.0, write_pj=1.0)
        chip = replace(chip, memories=replace(chip.memories, event_buffer=buffer))
    else:  # so little room that weights come in phases
        chip = replace(chip, mesh=replace(chip.mesh, width=1, height=1), synapse_core=replace(chip.synapse_core, max_neurons=8))
    graph = vit_graph(1, 5, 8, 2, 16, 3)
    program = map_graph(graph, chip, placement="row_major")
    return execute(program, some_images(graph, 2), 2, "float32", keep_spikes=2)


def on(run: Activity, chip: Chip, *, shares: bool) -> Activity:
    program = replace(run.program, chip=chip)
    moved = replace(run, program=alike(program, run.program) if shares else program)
    return alike(moved, run) if shares else moved


def changed(section: Any) -> Iterator[tuple[str, Any]]:
    """A chip or a section with each of its figures changed, taken away or added, and which it was."""
    for name, kind in get_type_hints(type(section)).items():
        value = getattr(section, name, None)
        if isinstance(value, Section):
            yield from ((f"{name}.{below}", replace(section, **{name: other})) for below, other in changed(value))
        options: list[Any] = [other for one in (kind, *get_args(kind)) if get_origin(one) is Literal for other in get_args(one)]
        if HopEnergies in get_args(kind):
            options = [HopEnergies(1.0, 2.0, 3.0, 4.0)]
        elif bool in (kind, *get_args(kind)):
            options = [not value]
        elif isinstance(value, int | float):
            options = [value * 2]
        elif {int, float} & set(get_args(kind)):
            options = [1]
        options = [other for other in (*options, *([None] if type(None) in get_args(kind) else [])) if other != value]
        yield from ((name, replace(section, **{name: other})) for other in options)


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, two))
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    if is_dataclass(one) and not isinstance(one, type):
        apart = ("activity", "program", "notes", "provenance", "node")
        return all(equal(getattr(one, field.name), getattr(two, field.name)) for field in fields(one) if field.name not in apart)
    return equal(dict(one.counts), dict(two.counts)) if isinstance(one, Tally) else bool(one == two)


@pytest.mark.parametrize("name", ["ecmt45-mini", "ecmt45-edge"])
def test_a_chip_is_given_what_it_would_have_found_alone(name: str) -> None:
    run = base(name)
    timeline = scheduled(run, 2, None)
    taken = Taken(*(counts.sum(axis=-2) for counts in arrivals.arrivals_by_part(timeline)))
    own = {call: (function.key(*arguments), function(*arguments)) for call, (function, arguments) in calls(run, taken).items()}
    given = dict.fromkeys(own, 0)
    for figure, chip in changed(run.program.chip):
        if mapping_key(chip) != mapping_key(run.program.chip):
            continue
        for call, (function, arguments) in calls(on(run, chip, shares=False), taken).items():
            if function.key(*arguments) == own[call][0]:
                found = function(*arguments)
                assert equal(own[call][1], found), f"{call} reads {figure}"
                given[call] += 1
                for held in OF_A_TIMELINE.values() if call == "_scheduled" else ():
                    assert equal(held(timeline), held(found)), f"{held.__name__} reads {figure}"
    assert all(given.values()), given


@pytest.mark.parametrize("change", [{"noc.flit_bits": 64}, {"synapse_core.lanes_per_cycle": 2}, {"leakage.router_uw": 9.0}])
def test_reports_and_schedules_are_the_same(change: dict[str, Any]) -> None:
    run = base("ecmt45-mini")
    chip = vary(run.program.chip, change)
    bills = []
    for shares in (True, False):
        seen = on(run, chip, shares=shares)
        timeline = scheduled(seen, 2, None)
        bills.append((price(seen, chip, timeline=timeline), timeline.makespan_cycles, timeline.bottleneck))
    shared, alone = bills
    assert shared[1:] == alone[1:]
    for rung, comparison in alone[0].comparisons.items():
        assert shared[0].comparisons[rung].snn_pj.tolist() == comparison.snn_pj.tolist(), rung
        assert shared[0].comparisons[rung].ann_pj == comparison.ann_pj, rung


def test_every_shared_function_is_tried() -> None:
    root = Path(memory.__file__).resolve().parents[1]
    named, nothing = set[str](), np.zeros(0, np.int64)
    for package in ("mapper", "simulator", "energy", "studies"):
        for file in (root / package).rglob("*.py"):
            lines = file.read_text().splitlines()
            for at, line in enumerate(lines):
                if line.startswith("@shared("):
                    named.add(next(later for later in lines[at:] if later.startswith("def ")).split("(")[0].removeprefix("def "))
    assert named == calls(base("ecmt45-mini"), Taken(nothing, nothing)).keys() | OF_A_TIMELINE.keys()
