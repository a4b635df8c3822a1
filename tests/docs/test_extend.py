"""Does a node kind touch the files that `docs/extend.md` lists and no other: is an identity unit mapped, run and priced?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import Add, Node, Port, SpikingGraph
from synaptile.conversion.graph.node import NODE_TYPES
from synaptile.energy import price
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, schedule
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.streams import AddRules
from synaptile.simulator.actions.vocabulary import Action, Op, Role
from synaptile.simulator.event import build as event
from synaptile.simulator.event.unit import EventUnit
from synaptile.simulator.event.units import StreamUnit
from tests.graphs import vit_graph
from tests.simulator.runs import execute_keeping_spikes, some_images

dense = import_module("synaptile.simulator.dense.reference")  # the package has a function of that name
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
STEPS, SITE = 3, "blocks.0.mlp.fc2.in"


def file_of(thing: Any) -> str:
    """The file of the checkout in which something stands."""
    return str(thing.__module__).removeprefix("synaptile.").replace(".", "/") + ".py"


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Node]]:
    """A node kind, given to each registration point as its file would have it, and taken back."""

    @dataclass(frozen=True)
    class Identity(Node):
        kind = "relay"

    class IdentityRules(Rules[Identity], of=(Identity,)):
        def actions(self, part: Part, node: Identity) -> tuple[Action, ...]:
            return (Action(Role.FUNCTION, Op.MUL, part.elements),)

        def dense(self, node: Identity) -> tuple[Action, ...]:
            return (Action(Role.FUNCTION, Op.MUL, node.size),)

    class IdentityUnit(EventUnit):
        def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Any:
            return np.array(inputs[0])

    dense_unit, event_unit = dense._unit, event._unit

    def dense_unit_of(graph: SpikingGraph, node: Node, *rest: Any) -> Any:
        if isinstance(node, Identity):
            return dense.Unit(lambda _t, inputs: inputs[0])
        return dense_unit(graph, node, *rest)

    def event_unit_of(layout: Any, node: Node, *rest: Any) -> Any:
        return IdentityUnit() if isinstance(node, Identity) else event_unit(layout, node, *rest)

    monkeypatch.setattr(dense, "_unit", dense_unit_of)
    monkeypatch.setattr(event, "_unit", event_unit_of)
    yield Identity
    del NODE_TYPES["relay"], Rules.known[Identity]


def with_unit(graph: SpikingGraph, kind: type[Node]) -> SpikingGraph:
    """The graph with a unit of that kind in front of one site."""
    nodes: list[Node] = []
    for node in graph.nodes.values():
        if node.name == SITE:
            nodes.append(kind("same", node.inputs, node.shape))
            node = replace(node, inputs=(Port("same", 0, node.width),))
        nodes.append(node)
    return SpikingGraph.build("with a unit", nodes, graph.arrays, graph.metadata)


def test_an_identity_unit_is_mapped_executed_scheduled_and_priced(identity: type[Node]) -> None:
    plain = vit_graph(1, 5, 8, 2, 16, 3)
    graph, chip, images = with_unit(plain, identity), load_chip("ecmt45"), some_images(plain, 2)
    program = map_graph(graph, chip, anneal_moves=10)
    activity, spikes = execute_keeping_spikes(program, images, STEPS, "int8")
    expected = dense.reference(graph, images, STEPS, "int8")
    for site, values in expected.spikes.items():
        np.testing.assert_array_equal(spikes[site], values)
    np.testing.assert_array_equal(activity.logits, execute(map_graph(plain, chip, anneal_moves=10), images, STEPS, "int8").logits)
    elements = graph.nodes["same"].size
    report = price(activity, chip, timeline=schedule(activity))
    assert report.top == "static"
    (line,) = report.lines(node="same", accounting="executed")
    assert (line.op, line.count) == ("mul", elements * STEPS * len(images)) and (line.energy_pj or 0) > 0
    (line,) = report.lines(node="same", accounting="executed", side="ann")
    assert line.count == elements
    assert "relay" in {group.name for group in report.by("kind", accounting="static")}


def test_the_page_lists_the_files_that_it_took() -> None:
    section = PAGE[PAGE.index("## A node kind") : PAGE.index("These, where")]
    listed = set(re.findall(r"^- `([\w/]+\.py)`", section, re.M))
    assert listed == {file_of(thing) for thing in (Add, AddRules, dense.reference, event.make_unit, StreamUnit)}


def test_every_file_of_the_page_exists() -> None:
    paths = re.findall(r"`((?:\w+/)+\w+(?:\.\w+)?)`", PAGE)
    assert len(paths) > 20
    assert not [path for path in paths if not (ROOT / path).exists()]
