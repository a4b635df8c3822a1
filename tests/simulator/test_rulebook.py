"""Has every kind of node its rules, does each role say truly what drives it, and is a new kind's rule one class?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from synaptile.conversion.graph import NODE_TYPES, Add, Node, Port, SpikingGraph
from synaptile.conversion.graph.node import Read, Shape
from synaptile.conversion.nir import from_nir
from synaptile.energy.ann import dense_operations
from synaptile.energy.inside import Inside
from synaptile.energy.memory import ann_accesses
from synaptile.energy.memory_prices import memory_prices
from synaptile.foundation.errors import GraphError
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator.actions.part import Part, parts_of, whole
from synaptile.simulator.actions.rules import (
    Rules,
    accesses_of,
    actions_of,
    activations_of,
    arrivals_of,
    dense_operations_of,
    rules_of,
)
from synaptile.simulator.actions.vocabulary import Access, Action, Driver, Op, Role, Trigger
from synaptile.simulator.operations import Ledger
from tests.differential.networks import differential_vit
from tests.graphs import vit_graph
from tests.nir.networks import convolutional
from tests.simulator.runs import splitting_chip
from tests.spikezip.networks import small_qann
from tests.text.small_encoders import lowered

GRAPHS: dict[str, Callable[[], SpikingGraph]] = {
    "ecmt": lambda: vit_graph(1, 5, 8, 2, 16, 3, n=4),
    "spikezip": small_qann,
    "differential": differential_vit,
    "convolutions": lambda: from_nir(convolutional()),
    "text": lowered,
}


def cut(name: str) -> CoreProgram:
    """A network on small cores that split it; a kernel needs its weight rows on one core."""
    chip = splitting_chip(axons=45, state_words=60) if name == "convolutions" else splitting_chip()
    return map_graph(GRAPHS[name](), chip, anneal_moves=0)


@dataclass(frozen=True)
class Doubling(Node):
    """Adds its input to itself: a kind of node that someone adds."""

    kind = "doubling"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        return reads[0].shape


@dataclass(frozen=True)
class Unruled(Doubling):
    """A kind without rules, though what it derives from has some."""

    kind = "unruled"


class DoublingRules(Rules[Doubling], of=(Doubling,)):
    def actions(self, part: Part, node: Doubling) -> tuple[Action, ...]:
        return (Action(Role.RESIDUAL_ADD, Op.ADD, part.elements),)

    def accesses(self, part: Part, node: Doubling) -> tuple[Access, ...]:
        return (Access((Role.RESIDUAL_READ,), part.lines, part.width),)

    def dense(self, node: Doubling) -> tuple[Action, ...]:
        return (Action(Role.STREAM_ADD, Op.ADD, node.size),)


def with_doubling() -> SpikingGraph:
    """A network with a doubling behind its first residual add."""
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=4)
    add = next(node for node in graph.nodes.values() if isinstance(node, Add) and node.name.startswith("blocks"))
    twice = Doubling("twice", (Port(add.name, 0, add.width),), add.shape)
    nodes = [
        dataclasses.replace(
            node,
            inputs=tuple(Port("twice", p.start, p.stop) if p.node == add.name else p for p in node.inputs),
        )
        for node in graph.nodes.values()
    ]
    return SpikingGraph.build("doubled", [*nodes, twice], graph.arrays)


def test_every_kind_of_node_has_rules() -> None:
    kinds = [kind for kind in NODE_TYPES.values() if kind.__module__.startswith("synaptile")]
    assert kinds and not [kind for kind in kinds if kind not in Rules.known]


def test_a_kind_without_rules_is_refused_by_name() -> None:
    node = Unruled("late", (Port("norm", 0, 6),), (4, 6))
    with pytest.raises(GraphError, match=r"'late' is of kind 'unruled'.*docs/extend\.md"):
        rules_of(node)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_spikes_cause_is_told_from_what_steps_cause_by_the_role(name: str) -> None:
    program = cut(name)
    for part in parts_of(program):
        for action in actions_of(part):
            assert (action.trigger is Trigger.STEP) == (action.role.driven_by is Driver.CLOCK), action
        for access in accesses_of(part):
            for role in access.roles:
                assert role.word is not None
                assert (access.trigger is Trigger.STEP) == (role.driven_by is Driver.CLOCK), access


@pytest.mark.parametrize("name", GRAPHS)
def test_parts_of_a_node_do_together_what_the_whole_node_does(name: str) -> None:
    program = cut(name)
    for node in program.graph.nodes.values():
        totals: dict[tuple[Role, Op], int] = {}
        own = [parts_of(program)[part] for part in program.parts_of(node.name)]
        for part in own:
            for action in actions_of(part):
                if action.trigger is Trigger.STEP and not action.role.cut:
                    totals[action.role, action.op] = totals.get((action.role, action.op), 0) + action.count
        expected: dict[tuple[Role, Op], int] = {}
        for action in actions_of(whole(node)) if own else ():
            if action.trigger is Trigger.STEP and not action.role.cut:
                expected[action.role, action.op] = expected.get((action.role, action.op), 0) + action.count
        assert totals == expected


@pytest.mark.parametrize("name", GRAPHS)
def test_parts_that_are_seen_alike_do_and_access_the_same(name: str) -> None:
    found: dict[Hashable, Any] = {}
    for part in parts_of(cut(name)):
        does = actions_of(part), accesses_of(part), activations_of(part), arrivals_of(part)
        assert found.setdefault(part.seen, does) == does, part
    assert len(found) < len(parts_of(cut(name))), "some are alike"


def test_a_new_kind_is_counted_by_its_rule_alone() -> None:
    program = map_graph(with_doubling(), splitting_chip(), anneal_moves=0)
    node, steps, images = program.graph.nodes["twice"], 3, 2
    table = Ledger(program, steps, images).table()
    rows = table.node == program.node_names.index("twice")
    assert table.count[rows].sum(axis=0).tolist() == [node.size * images] * steps
    assert {table.roles[role] for role in table.role[rows]} == {"residual add"}
    assert dense_operations(program.graph)["twice"] == {("stream add", "add"): node.size}
    assert dense_operations_of(node)[0].count == node.size
    bill = ann_accesses(program, program.chip, Inside()).bill(memory_prices(program.chip), 1)
    (role,) = {bill.roles[role] for role in bill.role[bill.node == program.node_names.index("twice")]}
    assert role == "residual read"
