"""A part as the rulebook sees it: its node, its core and its extents."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import Convolution2d, Neurons, Node, ProductUnit
from synaptile.foundation.derived import derived, shared
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreKind, CoreProgram


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a node: tokens ``token_start:token_stop``, outputs ``start:stop`` (heads of a map), input rows.

    `index` counts the program's parts, `place` those of the node, `node_index` its nodes. `senders` are the parts that send it
    partial sums, `accumulators` those that each output has on a synapse core. `exponent`: neurons find their threshold by the
    exponent of the membrane; `folded`: of each input, whether its spikes of both signs share a scale that is folded away.
    """

    index: int
    place: int
    node: Node
    node_index: int
    core: int
    kind: CoreKind
    token_start: int
    token_stop: int
    start: int
    stop: int
    row_start: int
    row_stop: int
    owner: int
    senders: int
    accumulators: int
    exponent: bool = False
    folded: tuple[bool, bool] = (False, False)

    @property
    def tokens(self) -> int:
        """Tokens of the part; none where a sentence ends before it."""
        return self.token_stop - self.token_start

    @property
    def outputs(self) -> int:
        """Outputs, or heads of a map."""
        return self.stop - self.start

    @property
    def rows(self) -> int:
        """Input rows that it reads."""
        return self.row_stop - self.row_start

    @property
    def owned(self) -> bool:
        """Whether it holds its outputs' neurons, and sends no partial sums."""
        return self.owner == self.index

    @property
    def seen(self) -> Hashable:
        """What rules see of it: parts of one program that are seen alike do and access the same, and so share rows alike."""
        where = (self.token_start, self.start) if isinstance(self.node, Convolution2d) else ()
        extents = (self.tokens, self.outputs, self.rows, self.owned, self.senders, self.accumulators)
        return (self.node.name, self.kind, *extents, self.exponent, self.folded, *where)

    @property
    def lines(self) -> int:
        """Rows of its stream, over all tokens: one per token, or per token and head of a map."""
        return self.tokens * (self.outputs if self.node.is_map else 1)

    @property
    def width(self) -> int:
        """Elements of a row of its stream."""
        return self.node.shape[2] if self.node.is_map else self.outputs

    @property
    def elements(self) -> int:
        """Elements of its stream, one image and step."""
        return self.lines * self.width


@shared(lambda program: (program.chip.units, program.chip.synapse_core.accumulators))
def parts_of(program: CoreProgram) -> tuple[Part, ...]:
    """Every part of a program, in the order of its table."""
    parts, nodes = program.parts, [program.graph.nodes[name] for name in program.node_names]
    kinds = [CoreKind(kind) for kind in program.cores.kind.tolist()]
    own = np.arange(parts.node.size)
    senders = np.bincount(parts.owner[parts.owner != own], minlength=own.size)
    place = np.zeros(own.size, np.int64)
    for name in program.node_names:
        chosen = program.parts_of(name)
        place[chosen] = np.arange(chosen.size)
    extents = (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop, parts.in_start, parts.in_stop, parts.owner)
    columns = (column.tolist() for column in (own, place, parts.node, parts.core, *extents, senders))
    sets, units = program.chip.synapse_core.accumulators, program.chip.units
    exponent, folds = units.compare == "exponent", units.theta_combine == "folded"
    folded = [_folded(program, node) if folds else (False, False) for node in nodes]
    kept = [1 if shared and not isinstance(node, ProductUnit) else sets for node, (shared, _) in zip(nodes, folded, strict=True)]
    return tuple(
        Part(
            *(i, at, nodes[node], node, core, kinds[core], t0, t1, o0, o1, r0, r1, owner, sending),
            kept[node],
            exponent,
            folded[node],
        )
        for i, at, node, core, t0, t1, o0, o1, r0, r1, owner, sending in zip(*columns, strict=True)
    )


@derived
def parts_by_look(program: CoreProgram) -> tuple[tuple[Part, ...], ...]:
    """The parts of a program, those together that rules see alike: of many cores there are few kinds."""
    found: dict[Hashable, list[Part]] = {}
    for part in parts_of(program):
        found.setdefault(part.seen, []).append(part)
    return tuple(map(tuple, found.values()))


def cores_of(parts: Sequence[Part]) -> Int64:
    """Where parts lie, shape (parts,)."""
    return np.array([part.core for part in parts], np.int64)


def _folded(program: CoreProgram, node: Node) -> tuple[bool, bool]:
    """Of each of two inputs, whether spikes of both signs have one scale."""
    sites = [program.graph.nodes[port.node] for port in node.inputs[:2]]
    shared = [isinstance(site, Neurons) and site.theta1 == site.theta2 for site in sites] + [False, False]
    return shared[0], shared[1]


def whole(node: Node) -> Part:
    """A node in one part, with one accumulator per output: what it does wherever it lies, and in a dense pass."""
    return Part(-1, 0, node, -1, -1, CoreKind.EC, 0, node.tokens, 0, node.width, 0, node.rows, -1, 0, 1)
