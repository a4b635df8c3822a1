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

import numpy as np

from conversion.graph import (
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
from foundation.errors import ConservationError
from mapper.program import CoreProgram, Int64
from simulator.activity import OPS, OperationTable
from simulator.function_operations import function_operations
from simulator.lengths import program_counts

Entry = tuple[str, str, int]
"""Role, operation, count an image and step."""
Key = tuple[int, int, str, str]
"""Core, node, role, operation."""
_PLACE = {op: place for place, op in enumerate(OPS)}


class Ledger:
    """Counts by (core, node, role, op) and step, int64, summed over images."""

    def __init__(self, program: CoreProgram, steps: int, images: int, lengths: Int64 | None = None) -> None:
        self.program, self.steps, self.images, self.lengths = program, steps, images, lengths
        self._rows: dict[Key, Int64] = {}

    def add(self, part: int, role: str, op: str, counts: Int64) -> None:
        """Add operations of one part, (steps,) int64."""
        if counts.any():
            key = (int(self.program.parts.core[part]), int(self.program.parts.node[part]), role, op)
            if key in self._rows:
                self._rows[key] += counts
            else:
                self._rows[key] = counts.astype(np.int64)

    def table(self) -> OperationTable:
        """Recorded and fixed operations together, sorted by core, node, role and operation."""
        fixed = {key: counts for key, counts in self._fixed().items() if counts[0] or (counts[1] and self.steps > 1)}
        keys = sorted(fixed.keys() | self._rows.keys(), key=lambda key: (*key[:3], _PLACE[key[3]]))
        roles = tuple(sorted({key[2] for key in keys}))
        index = {role: i for i, role in enumerate(roles)}
        columns = np.array([(core, node, index[role], _PLACE[op]) for core, node, role, op in keys], np.int32).reshape(-1, 4)
        core, node, role, op = (np.ascontiguousarray(column) for column in columns.T)
        each = np.array([fixed.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2)
        count = np.repeat(each[:, 1:], self.steps, axis=1)
        count[:, 0] = each[:, 0]
        for row, key in enumerate(keys):
            if key in self._rows:
                count[row] += self._rows[key]
        return OperationTable(core, node, role, op, count, roles)

    def _fixed(self) -> dict[Key, tuple[int, int]]:
        """Operations that follow from the program's shape, all images: at the first step, and at each later one."""
        fixed: dict[Key, tuple[int, int]] = {}
        for program, images in program_counts(self.program, self.lengths, self.images):
            for key, (first, later) in _fixed_counts(program).items():
                before = fixed.get(key, (0, 0))
                fixed[key] = (before[0] + first * images, before[1] + later * images)
        return fixed


def _fixed_counts(program: CoreProgram) -> dict[Key, tuple[int, int]]:
    """Operations of one image, at the first step and at each later one."""
    parts, fixed = program.parts, dict[Key, tuple[int, int]]()
    kinds: dict[tuple[int, int, bool], list[tuple[str, str, int, int]]] = {}
    cores, nodes, owners = parts.core.tolist(), parts.node.tolist(), parts.owner.tolist()

    def add(core: int, node: int, role: str, op: str, first: int, later: int) -> None:
        before = fixed.get((core, node, role, op), (0, 0))
        fixed[core, node, role, op] = (before[0] + first, before[1] + later)

    for part, (core, node, owner, elements) in enumerate(zip(cores, nodes, owners, _all_elements(program), strict=True)):
        kind = (node, elements, owner == part)  # parts of a node with as many elements issue the same
        if kind not in kinds:
            kinds[kind] = [(role, op, count, count) for role, op, count in fixed_operations(program, part)]
            kinds[kind] += [(role, op, count, 0) for role, op, count in once_operations(program, part)]
            kinds[kind] += [(role, op, 0, count) for role, op, count in second_pass_operations(program, part)]
        for role, op, first, later in kinds[kind]:
            add(core, node, role, op, first, later)
        if owner != part:
            sums = elements * (2 if _shifts(program) else 1)
            add(cores[owner], node, "partial sums", "add", sums, sums)
    return fixed


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


def _all_elements(program: CoreProgram) -> list[int]:
    """`_elements` of every part."""
    parts, nodes = program.parts, [program.graph.nodes[name] for name in program.node_names]
    keys = np.array([node.shape[2] if node.is_map else 1 for node in nodes], np.int64)
    tokens, units = parts.token_stop.astype(np.int64) - parts.token_start, parts.out_stop.astype(np.int64) - parts.out_start
    return [int(elements) for elements in tokens * units * keys[parts.node]]


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
