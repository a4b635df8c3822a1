"""Rules of a kind of node, and where to find them: `actions_of`, `accesses_of`, `dense_operations_of`."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from synaptile.conversion.graph import Node
from synaptile.foundation.errors import GraphError
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.vocabulary import Access, Action

N = TypeVar("N", bound=Node)


class Rules(Generic[N]):
    """What a part of a kind of node does. A subclass states its kinds, ``class SynapseRules(Rules[Synapse], of=(Synapse,))``.

    The spiking network does `actions` and `accesses`; one dense pass does `dense` and the accesses of that side, for each of
    `activations` where a spike would cause them.
    """

    known: ClassVar[dict[type[Node], Rules[Any]]] = {}

    def __init_subclass__(cls, of: tuple[type[Node], ...]) -> None:
        """Register the rules of these kinds."""
        Rules.known.update(dict.fromkeys(of, cls()))

    def actions(self, part: Part, node: N) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return ()

    def accesses(self, part: Part, node: N) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return ()

    def dense(self, node: N) -> tuple[Action, ...]:
        """Operations of a whole node in one dense pass of one image."""
        return ()

    def activations(self, part: Part, node: N) -> int:
        """Events of the first input in one dense pass, in which each of its elements is one."""
        return 0

    def arrivals(self, part: Part, node: N) -> int:
        """Elements of the first input that reach a part in one dense pass."""
        return self.activations(part, node)


def rules_of(node: Node) -> Rules[Any]:
    """The rules of a node's kind. Raises GraphError for a kind that has none."""
    rules = Rules.known.get(type(node))
    if rules is None:
        raise GraphError(
            f"node {node.name!r} is of kind {node.kind!r}, for which simulator/actions has no rules: docs/extend.md lists "
            "the files that a kind of node touches"
        )
    return rules


def actions_of(part: Part) -> tuple[Action, ...]:
    """Operations that a part issues; none where it has no tokens."""
    return rules_of(part.node).actions(part, part.node) if part.tokens else ()


def accesses_of(part: Part) -> tuple[Access, ...]:
    """Words that a part reads and writes; none where it has no tokens."""
    return rules_of(part.node).accesses(part, part.node) if part.tokens else ()


def activations_of(part: Part) -> int:
    """Events of a part's first input in one dense pass, in which each of its elements is one."""
    return rules_of(part.node).activations(part, part.node)


def arrivals_of(part: Part) -> int:
    """Elements of its first input that reach a part in one dense pass."""
    return rules_of(part.node).arrivals(part, part.node)


def dense_operations_of(node: Node) -> tuple[Action, ...]:
    """Operations of a whole node in one dense pass of one image."""
    return rules_of(node).dense(node)
