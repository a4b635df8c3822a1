"""Memory accesses of the SNN: what every part reads and writes, step by step, in accesses of 64 bits.

A row of R words of b bits takes ceil(R b / 64) accesses. On a core, for R outputs (or a row of R words) and N tokens:

* spiking synapse, an event: "weight rows" 1 row of weights; "accumulator read" and "accumulator write" 1 row each. A token and
  step: "accumulator read-out" and "accumulator clear" a row for each set of accumulators (two where the core shifts);
  "bias read" a row of weights, where the part holds the neurons; "partial sum read" and "write" on the owner's core.
* convolution, a weight row that an event fetches (one kernel element of its channel, the part's output channels of its group side
  by side): "weight rows" and the accumulators as of a synapse, with rows of that many channels; "bias read" a word a channel.
* neurons, a token and step: "membrane read" and "membrane write" a row; ST-BIF neurons "tracer read" and "tracer write" as well,
  CubaLIF neurons "synaptic current read" and "write".
* EC unit of a non-linearity, a row and step: "EC state read" and "write" 2 rows each (running sum, last output); "parameters".
* product, an event of A: "operand row" (a row of S_B), "product accumulator read" and "write" a row each; an event of B from the
  second step on: the same with a column of S_A. Every event: "operand sum read" and "write", one word. A row and step: "EC state
  read" and "write" a row of S_K (by the law of sums: of the step's result, read out and cleared).
* patch embedding, once an image, and dense head, every step: an input "dense weight rows" a row of weights, "dense accumulator
  read" and "write" a row; the patch embedding's "current write" once and "current read" at each later step.
* token embedding, once a sentence: "position read" and "current write" a row a token, "current read" at each later step shown.
* constants: "constant read"; residual add: "residual write" and "read" a row for each addend beyond the first; pooling and
  read-out: "sum read" and "write" a row.

Values between two passes over one row (a LayerNorm's deviations, a product's row in flight before expectation) stay in
registers. Words are as wide as the chip stores them, whatever number format arithmetic is billed at.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    Add,
    ConstantStream,
    Convolution2d,
    CubaLIFNeurons,
    ECUnit,
    Neurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.energy.memory_prices import EC, STATE, WEIGHT, accesses
from synaptile.energy.rows import PartRows, part_rows
from synaptile.energy.spike_counts import spikes_per_token
from synaptile.energy.tally import Tally
from synaptile.foundation.errors import ConservationError
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.mapper.regions import required
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.lengths import by_length

Int64 = NDArray[np.int64]
Met = dict[tuple[int, int, str], Int64]


def snn_accesses(activity: Activity, reuse: int, *, weights_in_ac: bool) -> Tally:
    """Every access of a run, summed over its images.

    A weight row that is fetched stays for `reuse` tokens. `weights_in_ac`: the price of an accumulate holds its memory, so a
    synapse's event adds none. Raises ConservationError where the spikes that reach a core do not make its accumulates.
    """
    tally, met = Tally(activity.program.node_names, activity.steps), Met()
    for run in by_length(activity):
        counter = _Counter(run, reuse, weights_in_ac, tally, met)
        for part in range(len(run.program.parts.node)):
            counter.count(part)
    _check(activity, met)
    return tally


class _Counter:
    def __init__(self, activity: Activity, reuse: int, weights_in_ac: bool, tally: Tally, met: Met) -> None:
        self.activity, self.reuse, self.weights_in_ac = activity, reuse, weights_in_ac
        self.program: CoreProgram = activity.program
        self.tally, self.met = tally, met

    def count(self, part: int) -> None:
        """Accesses of one part."""
        rows = part_rows(self.program, part)
        if not rows.tokens:
            return  # no sentence of this length reaches it
        node, stream = rows.node, rows.tokens * rows.words
        first = np.arange(self.activity.steps) == 0
        match node:
            case Synapse(spiking=True):
                self._synapse(part, rows, node)
            case Convolution2d():
                self._convolution(part, rows, node)
            case Synapse():
                self._dense(rows, node, np.ones_like(first))
            case PatchEmbedding():
                self._dense(rows, node, first)
                self._every_image(rows, ("current write",), EC, first * stream)
                self._every_image(rows, ("current read",), EC, ~first * self._shown() * stream)
            case Neurons():
                op = STATE if self.program.cores.kind[rows.core] == CoreKind.SYNAPSE else EC
                self._every_image(rows, both_ways("membrane"), op, stream)
                if isinstance(node, STBIFNeurons):
                    self._every_image(rows, both_ways("tracer"), op, stream)
                if isinstance(node, CubaLIFNeurons):
                    self._every_image(rows, both_ways("synaptic current"), op, stream)
            case ECUnit():
                self._every_image(rows, both_ways("EC state"), EC, 2 * stream)
                self._every_image(rows, ("parameters",), EC, rows.tokens * parameter_accesses(node, rows))
            case ProductUnit():
                self._product(part, rows, node)
            case TokenEmbedding():
                self._every_image(rows, ("position read", "current write"), EC, first * stream)
                self._every_image(rows, ("current read",), EC, ~first * self._shown() * stream)
            case ConstantStream():
                self._every_image(rows, ("constant read",), EC, (first | (node.injection == "every")) * stream)
            case Add():
                self._every_image(rows, both_ways("residual"), EC, (len(node.inputs) - 1) * stream)
            case TokenMean():
                self._every_image(rows, both_ways("sum"), EC, (node.stop - node.start) * rows.words)
            case ReadOut():
                self._every_image(rows, both_ways("sum"), EC, rows.words)
            case _:
                pass

    def _synapse(self, part: int, rows: PartRows, node: Synapse) -> None:
        core, parts = self.program.chip.synapse_core, self.program.parts
        per_token = self._spikes(part, node, 0)
        events = per_token.sum(axis=(1, 2))
        self._meet(rows, "synapse rows", events * rows.width)
        weights, sums = rows.of(core.weight_bits), rows.of(core.accumulator_bits)
        sets = 2 if core.graded_spikes == "shift" else 1
        if not self.weights_in_ac:
            fan_in = int(parts.in_stop[part] - parts.in_start[part])
            self._events(rows, ("weight rows",), WEIGHT, fetched_rows(per_token, fan_in, self.reuse) * weights)
            self._events(rows, both_ways("accumulator"), STATE, events * sums)
        self._every_image(rows, ("accumulator read-out", "accumulator clear"), STATE, rows.tokens * sets * sums)
        owner = int(parts.owner[part])
        if owner == part:
            read = np.arange(self.activity.steps) == 0 if node.injection == "once" else np.ones(self.activity.steps, np.bool_)
            self._every_image(rows, ("bias read",), WEIGHT, read * rows.tokens * weights)
        else:
            at_owner = replace(rows, core=int(parts.core[owner]))
            self._every_image(at_owner, both_ways("partial sum"), STATE, rows.tokens * sets * sums)

    def _convolution(self, part: int, rows: PartRows, node: Convolution2d) -> None:
        """Each weight row that a spike fetches meets a row of accumulators, channels side by side, at one position."""
        core, parts = self.program.chip.synapse_core, self.program.parts
        own = int(np.searchsorted(self.program.parts_of(node.name), part))
        issued, fetched = self.activity.convolutions[node.name][:, :, own].sum(axis=1).T
        self._meet(rows, "synapse rows", issued)
        plane = node.plane[0] * node.plane[1]
        channels = -(-int(parts.out_stop[part]) // plane) - int(parts.out_start[part]) // plane
        together = min(channels, node.channels // node.groups)
        sets = 2 if core.graded_spikes == "shift" else 1
        if not self.weights_in_ac:
            self._events(rows, ("weight rows",), WEIGHT, fetched * accesses(together, core.weight_bits))
            self._events(rows, both_ways("accumulator"), STATE, fetched * accesses(together, core.accumulator_bits))
        sums = rows.of(core.accumulator_bits)
        self._every_image(rows, ("accumulator read-out", "accumulator clear"), STATE, rows.tokens * sets * sums)
        first = np.arange(self.activity.steps) == 0
        read = first if node.injection == "once" else np.ones_like(first)
        self._every_image(rows, ("bias read",), WEIGHT, read * accesses(channels, core.weight_bits))

    def _dense(self, rows: PartRows, node: PatchEmbedding | Synapse, when: NDArray[np.bool_]) -> None:
        fetches = node.fan_in * -(-rows.tokens // self.reuse)
        self._every_image(rows, ("dense weight rows",), EC, when * fetches * rows.words)
        self._every_image(rows, both_ways("dense accumulator"), EC, when * node.fan_in * rows.tokens * rows.words)

    def _product(self, part: int, rows: PartRows, node: ProductUnit) -> None:
        a = self._spikes(part, node, 0).sum(axis=(1, 2))
        b = self._spikes(part, node, 1).sum(axis=(1, 2))
        second = np.where(np.arange(self.activity.steps) > 0, b, 0)
        columns = node.keys if node.form == "qk" else node.head_width
        self._meet(rows, "A(t) S_B(t)", a * columns)
        self._meet(rows, "S_A(t-1) B(t)", second * rows.tokens)
        met = a * rows.accesses(columns) + second * rows.accesses(rows.tokens)
        self._events(rows, ("operand row", *both_ways("product accumulator")), EC, met)
        self._events(rows, both_ways("operand sum"), EC, a + b)
        self._every_image(rows, both_ways("EC state"), EC, rows.tokens * rows.words)

    def _spikes(self, part: int, node: Node, index: int) -> Int64:
        """Spikes that a part reads of one input, shape (steps, images, tokens)."""
        needed = required(self.program.graph, node, index, self.program.parts, np.array([part]))
        tokens = slice(int(needed.token_start[0]), int(needed.token_stop[0]))
        record = self.activity.spikes[node.inputs[index].node]
        found = spikes_per_token(record, tokens, int(needed.start[0]), int(needed.stop[0]))
        if found is None:
            raise ConservationError(
                f"site {node.inputs[index].node!r} was recorded in channel groups that do not part where {node.name!r} is cut"
            )
        return found

    def _meet(self, rows: PartRows, role: str, accumulates: Int64) -> None:
        key = (rows.core, rows.index, role)
        self.met[key] = self.met.get(key, np.zeros(self.activity.steps, np.int64)) + accumulates

    def _shown(self) -> NDArray[np.bool_]:
        """Steps at which the image is shown, shape (steps,)."""
        last = self.program.graph.source.last_step
        steps: NDArray[np.bool_] = np.arange(self.activity.steps) < (self.activity.steps if last is None else last)
        return steps

    def _every_image(self, rows: PartRows, roles: tuple[str, ...], op: str, count: Int64 | int) -> None:
        """Add what each image causes at each step, shape (steps,), or one figure for every step."""
        for role in roles:
            self.tally.add(rows.core, rows.index, role, op, count * self.activity.images)

    def _events(self, rows: PartRows, roles: tuple[str, ...], op: str, count: Int64) -> None:
        """Add what the events of all images caused together, shape (steps,)."""
        for role in roles:
            self.tally.add(rows.core, rows.index, role, op, count)


def _check(activity: Activity, met: Met) -> None:
    """Events that reached each core times the row they met = accumulates that execution counted there."""
    table = activity.operations
    for role in ("synapse rows", "A(t) S_B(t)", "S_A(t-1) B(t)"):
        issued: Met = {}
        if role in table.roles:
            for row in np.flatnonzero((table.role == table.roles.index(role)) & (table.op == OPS.index("ac"))):
                issued[int(table.core[row]), int(table.node[row]), role] = table.count[row]
        for key in sorted({*issued, *(key for key in met if key[2] == role)}):
            zero = np.zeros(activity.steps, np.int64)
            billed, counted = met.get(key, zero), issued.get(key, zero)
            if (billed != counted).any():
                step = int(np.flatnonzero(billed != counted)[0])
                raise ConservationError(
                    f"{role!r} of node {activity.program.node_names[key[1]]!r} on core {key[0]}, step {step + 1}: "
                    f"recorded spikes meet {billed[step]:,} weights or sums, execution counted {counted[step]:,} accumulates"
                )


def both_ways(what: str) -> tuple[str, str]:
    """Roles of a word that is read and written back."""
    return f"{what} read", f"{what} write"


def parameter_accesses(node: ECUnit, rows: PartRows) -> int:
    """Accesses to the scale and shift of a LayerNorm, or the bias of a softmax, a token."""
    if node.function == "layer_norm":
        return 2 * rows.words
    return rows.words if node.biased else 0


def fetched_rows(per_token: Int64, fan_in: int, reuse: int) -> Int64:
    """Weight rows that a tile fetches at each step, over all images, shape (steps,), int64.

    `per_token` has shape (steps, images, tokens). One fetch an event where `reuse` is 1. Where a row serves `reuse` tokens it is
    fetched once if any of them needs it: recorded counts do not say which tokens share rows, so this is the expectation for
    tokens that fire independently, fan_in (1 - prod(1 - e / fan_in)), rounded a tile and step. Tokens that fire alike need
    fewer rows.
    """
    if reuse == 1:
        single: Int64 = per_token.sum(axis=(1, 2))
        return single
    silent = 1.0 - per_token / fan_in
    starts = np.arange(0, per_token.shape[2], reuse)
    needed = fan_in * (1.0 - np.multiply.reduceat(silent, starts, axis=2))
    rounded: Int64 = np.rint(needed.sum(axis=(1, 2))).astype(np.int64)
    return rounded
