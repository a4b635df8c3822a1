"""The ledger of operations: what each part of each core issued, by role and operation, step by step.

Operations that depend on events are added as they are recorded; the others follow from the part's extents and happen every step
(the front end's multiplies once an image). Roles, an image and a step, for a part of E elements:

* synapse: "synapse rows" (recorded); "bias" E add (where injected once: at the first step); "partial sums", one add a non-owner's
  accumulator, on the owner's core; "theta combine" on cores that shift: theta1*pos - theta2*neg, E mul + E mac.
* MT site: "integrate" E add; "threshold compare" E * (1 + ceil(log2(n + 1))) compare (sign, then binary search over n
  levels); "soft reset", an add a spike (recorded).
* ST-BIF site: "integrate" E add (thresholds stand at the step, so nothing is divided); "threshold compare" 4 E compare (membrane
  and tracer, up and down); "soft reset" and "tracer", an add a spike each (recorded).
* IF, LIF and CubaLIF site: "integrate" E add (constant gains ride in the weights, v_leak in the bias), "threshold compare" E
  compare, "soft reset", an add a spike whether it resets to a value or by subtraction (recorded); "leak" E mul, two of a CubaLIF
  neuron, whose current is another "integrate" E add.
* convolution: as a synapse; an accumulate is a spike at an output that it reaches, borders and pooling counted exactly.
* EC unit: "EC accumulate" E add (S += x); "mean" E mul (S times 1/t); "function", see `function_operations`; "expectation"
  E mul (t F) + E add (minus the last). By the law of sums: no "mean", and "expectation" is the E add alone.
* product: both passes (recorded); "operand sums", an add a spike; "theta combine" as above, for each pass that ran; "S_K
  accumulate" 2 E add; "expectation" 2 E mul + E add. By the law of sums: "pass sum" E add, from the second step on.
* dense head: "dense head" fan_in * E mac, "bias" E add. Patch embedding: "front end" fan_in * E mac and "bias" E add, once
  an image.
* add: "residual add" E add an addend beyond the first. Token mean: "pooling". "read-out" E add + E mul (law of sums: E add, and
  E mul where scaled); "normalise" E mac + 1 rsqrt + E mul where the read-out is divided by its norm.
* token embedding: "embedding" E add, word plus position, once a sentence.

A sentence counts at its own length: tokens that pad it in a batch, and keys that they would be, issue nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    CubaLIFNeurons,
    ECUnit,
    LeakyNeurons,
    LIFNeurons,
    MTNeurons,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import ConservationError
from synaptile.mapper.program import CoreProgram, Int32, Int64
from synaptile.simulator.activity import OPS, OperationTable
from synaptile.simulator.function_operations import function_operations
from synaptile.simulator.lengths import program_counts

Entry = tuple[str, str, int]
"""Role, operation, count an image and step."""
_PLACE = {op: place for place, op in enumerate(OPS)}


class Counts(NamedTuple):
    """Counts of operations, a row each: `core`, `node`, `role` (places in `roles`), `op` (places in OPS), (rows,) int64.

    `issued` (rows, columns) int64: of each step, or of the first and of each later one.
    """

    core: Int64
    node: Int64
    role: Int64
    op: Int64
    issued: Int64
    roles: tuple[str, ...]


class Ledger:
    """Counts by (core, node, role, op) and step, int64, summed over images."""

    def __init__(self, program: CoreProgram, steps: int, images: int, lengths: Int64 | None = None) -> None:
        self.program, self.steps, self.images, self.lengths = program, steps, images, lengths
        self._counts: dict[tuple[str, str], Int64] = {}

    def add(self, parts: int | Int32 | Int64, role: str, op: str, counts: Int64) -> None:
        """Add operations of one part, (steps,) int64, or of different parts, (steps, parts)."""
        if (role, op) not in self._counts:
            self._counts[role, op] = np.zeros((len(self.program.parts.core), self.steps), np.int64)
        self._counts[role, op][parts] += counts.T

    def table(self) -> OperationTable:
        """Recorded and fixed operations together, sorted by core, node, role and operation."""
        found = [self._recorded()]
        for program, images in program_counts(self.program, self.lengths, self.images):
            fixed = _fixed_counts(program)
            steps = np.concatenate([fixed.issued[:, :1], np.repeat(fixed.issued[:, 1:], self.steps - 1, axis=1)], axis=1)
            found.append(fixed._replace(issued=steps * images))
        merged = _merged(found)
        core, node, role, op = (column.astype(np.int32) for column in (merged.core, merged.node, merged.role, merged.op))
        return OperationTable(core, node, role, op, merged.issued, merged.roles)

    def _recorded(self) -> Counts:
        parts, kinds = self.program.parts, len(self._counts)
        roles = tuple(sorted({role for role, _ in self._counts}))
        places = np.array([(roles.index(role), _PLACE[op]) for role, op in self._counts], np.int64).reshape(-1, 2)
        role, op = np.repeat(places, len(parts.core), axis=0).T
        core, node = (np.tile(column.astype(np.int64), kinds) for column in (parts.core, parts.node))
        count = np.concatenate(list(self._counts.values())) if kinds else np.zeros((0, self.steps), np.int64)
        return Counts(core, node, role, op, count, roles)


def _merged(found: Sequence[Counts]) -> Counts:
    """All counts, those of one operation added up, without rows that are zero at every step, sorted."""
    every = tuple(sorted({role for counts in found for role in counts.roles}))
    place = {role: i for i, role in enumerate(every)}
    lists = [np.array([place[role] for role in counts.roles], np.int64)[counts.role] for counts in found]
    keys = np.stack(
        [
            np.concatenate([counts.core for counts in found]),
            np.concatenate([counts.node for counts in found]),
            np.concatenate(lists),
            np.concatenate([counts.op for counts in found]),
        ]
    )
    count = np.concatenate([counts.issued for counts in found])
    kept = count.any(axis=1)
    keys, count = keys[:, kept], count[kept]
    order = np.lexsort(keys[::-1])
    keys, count = keys[:, order], count[order]
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(order)), bool), (np.diff(keys) != 0).any(axis=0)]))
    core, node, role, op = keys[:, first]
    present, role = np.unique(role, return_inverse=True)
    summed = np.add.reduceat(count, first) if len(first) else count
    return Counts(core, node, role, op, summed, tuple(every[i] for i in present))


@derived
def _fixed_counts(program: CoreProgram) -> Counts:
    """Operations of one image, at the first step and at each later one; a row may come more than once."""
    parts, elements = program.parts, _all_elements(program)
    own = parts.owner == np.arange(len(parts.owner))
    kinds, kind_of = np.unique(np.stack([parts.node, elements, own]), axis=1, return_inverse=True)
    ordered = np.argsort(kind_of, kind="stable")
    members = np.split(ordered, np.cumsum(np.bincount(kind_of, minlength=kinds.shape[1]))[:-1])
    rows: list[tuple[Int64, int, str, str, int, int]] = []
    for same in members:  # parts of a node with as many elements issue the same
        part, cores = int(same[0]), parts.core[same].astype(np.int64)
        node = int(parts.node[part])
        rows += [(cores, node, role, op, count, count) for role, op, count in fixed_operations(program, part)]
        rows += [(cores, node, role, op, count, 0) for role, op, count in once_operations(program, part)]
        rows += [(cores, node, role, op, 0, count) for role, op, count in second_pass_operations(program, part)]
        if not own[part]:
            sums = int(elements[part]) * (2 if _shifts(program) else 1)
            owners = parts.core[parts.owner[same]].astype(np.int64)
            rows.append((owners, node, "partial sums", "add", sums, sums))
    roles = tuple(sorted({row[2] for row in rows}))
    place = {role: i for i, role in enumerate(roles)}
    sizes = [len(row[0]) for row in rows]
    columns = np.array([(node, place[role], _PLACE[op], first, later) for _, node, role, op, first, later in rows], np.int64)
    node, role, op, first, later = np.repeat(columns.reshape(-1, 5), sizes, axis=0).T
    cores = np.concatenate([row[0] for row in rows]) if rows else np.zeros(0, np.int64)
    return Counts(cores, node, role, op, np.stack([first, later], axis=1), roles)


def fixed_operations(program: CoreProgram, part: int) -> list[Entry]:
    """Operations that a part issues every step, one image."""
    node = program.graph.nodes[program.node_names[int(program.parts.node[part])]]
    e = _elements(program, part)
    combine: list[Entry] = [("theta combine", "mul", e), ("theta combine", "mac", e)]
    match node:
        case Synapse(spiking=True) | Convolution2d():
            if int(program.parts.owner[part]) != part:
                return []
            every = [("bias", "add", e)] if node.injection == "every" else []
            return every + (combine if _shifts(program) else [])
        case Synapse():
            every = [("bias", "add", e)] if node.injection == "every" else []
            return [("dense head", "mac", node.fan_in * e), *every]
        case STBIFNeurons():
            return [("integrate", "add", e), ("threshold compare", "compare", 4 * e)]
        case LeakyNeurons():
            terms = 2 if isinstance(node, CubaLIFNeurons) else 1
            leak: list[Entry] = [("leak", "mul", terms * e)] if isinstance(node, LIFNeurons | CubaLIFNeurons) else []
            return [("integrate", "add", terms * e), ("threshold compare", "compare", e), *leak]
        case MTNeurons():
            return [("integrate", "add", e), ("threshold compare", "compare", e * (1 + math.ceil(math.log2(node.n + 1))))]
        case ECUnit(law="sum"):
            increments: list[Entry] = [("EC accumulate", "add", e), ("expectation", "add", e)]
            return increments + _function(node, e)
        case ECUnit():
            unit: list[Entry] = [
                ("EC accumulate", "add", e),
                ("mean", "mul", e),
                ("expectation", "mul", e),
                ("expectation", "add", e),
            ]
            return unit + _function(node, e)
        case ProductUnit(law="sum"):
            return combine
        case ProductUnit():
            sums: list[Entry] = [("S_K accumulate", "add", 2 * e), ("expectation", "mul", 2 * e), ("expectation", "add", e)]
            return combine + sums
        case Add():
            return [("residual add", "add", e * (len(node.inputs) - 1))]
        case TokenMean():
            return [("pooling", "add", e * (node.stop - node.start - 1)), ("pooling", "mul", e)]
        case ReadOut():
            scaled = node.law == "mean" or node.scale != 1.0
            unit_length: list[Entry] = [("normalise", "mac", e), ("normalise", "rsqrt", 1), ("normalise", "mul", e)]
            summed: list[Entry] = [("read-out", "add", e), *([("read-out", "mul", e)] if scaled else [])]
            return summed + (unit_length if node.normalised else [])
        case _:
            return []


def once_operations(program: CoreProgram, part: int) -> list[Entry]:
    """Operations that a part issues once an image: the dense front end, and a bias injected once."""
    node = program.graph.nodes[program.node_names[int(program.parts.node[part])]]
    e = _elements(program, part)
    match node:
        case PatchEmbedding():
            return [("front end", "mac", node.fan_in * e), ("bias", "add", e)]
        case TokenEmbedding():
            return [("embedding", "add", e)]
        case Synapse(injection="once") | Convolution2d(injection="once"):
            return [("bias", "add", e)] if int(program.parts.owner[part]) == part else []
        case _:
            return []


def second_pass_operations(program: CoreProgram, part: int) -> list[Entry]:
    """Operations of a product's second pass, which runs from the second step on."""
    node = program.graph.nodes[program.node_names[int(program.parts.node[part])]]
    e = _elements(program, part)
    if not isinstance(node, ProductUnit):
        return []
    sums: list[Entry] = [("pass sum", "add", e)] if node.law == "sum" else []
    return [("theta combine", "mul", e), ("theta combine", "mac", e), *sums]


def _function(node: ECUnit, elements: int) -> list[Entry]:
    """A part's share of evaluating F."""
    return [("function", op, _share(count, elements, node)) for op, count in function_operations(node).items()]


def _elements(program: CoreProgram, part: int) -> int:
    """Elements of a part's rectangle of its node's stream, one image."""
    parts = program.parts
    node = program.graph.nodes[program.node_names[int(parts.node[part])]]
    rectangle = int(parts.token_stop[part] - parts.token_start[part]) * int(parts.out_stop[part] - parts.out_start[part])
    return rectangle * (node.shape[2] if node.is_map else 1)


def _all_elements(program: CoreProgram) -> Int64:
    """`_elements` of every part."""
    parts, nodes = program.parts, [program.graph.nodes[name] for name in program.node_names]
    keys = np.array([node.shape[2] if node.is_map else 1 for node in nodes], np.int64)
    tokens, units = parts.token_stop.astype(np.int64) - parts.token_start, parts.out_stop.astype(np.int64) - parts.out_start
    return np.asarray(tokens * units * keys[parts.node])


def _share(count: int, elements: int, node: ECUnit) -> int:
    """A part's share of a node's operations: whole rows (LayerNorm, softmax) or whole elements."""
    share, rest = divmod(count * elements, node.size)
    if rest:
        raise ConservationError(
            f"EC unit {node.name!r}: {count} operations do not divide over a part of {elements} of {node.size}"
        )
    return share


def _shifts(program: CoreProgram) -> bool:
    return program.chip.synapse_core.graded_spikes == "shift"
