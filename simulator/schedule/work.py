"""What every job issues and how long that takes, from the spikes that a run recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from synaptile.conversion.graph import Convolution2d, Neurons, Node, ProductUnit, STBIFNeurons, Synapse
from synaptile.foundation.errors import ChipError, ConservationError
from synaptile.mapper.program import CoreKind, CoreProgram, Int32, Int64
from synaptile.simulator.operations import fixed_operations, once_operations, second_pass_operations
from synaptile.simulator.schedule.plan import StepJobs
from synaptile.simulator.schedule.rates import Rates, cycles, unit_rates
from synaptile.simulator.schedule.spike_counts import SpikeCounts
from synaptile.simulator.schedule.timeline import UNITS

SPECIAL_FUNCTIONS = frozenset(("exp", "erf", "tanh", "sigmoid", "div", "rsqrt"))

ACCUMULATE, MULTIPLY, SPECIAL, NEURON = range(len(UNITS))


@dataclass(frozen=True)
class Work:
    """Work of the jobs of a stream of images. The first three have shape (images * steps, jobs); see `timeline.JobTable`.

    `unit_busy` has shape (cores, units), cycles. `issued` holds operations by (core, node) and, after it, by (node, role) of what
    depends on spikes, each of shape (steps,) and summed over `images` images, scheduled or not; `fired` spikes by node.
    """

    duration: Int64
    operations: Int64
    spikes: Int32
    unit_busy: Int64
    images: int
    issued: dict[tuple[int, int], Int64]
    recorded: dict[tuple[int, str], Int64]
    fired: dict[int, Int64]


@dataclass
class PartWork:
    """Work of one part: `units` and `operations` by (image, step, job of the part), or broadcasting to that."""

    units: dict[int, Int64] = field(default_factory=dict)
    operations: Int64 = field(default_factory=lambda: np.zeros((1, 1, 1), np.int64))
    roles: dict[str, Int64] = field(default_factory=dict)

    def add(self, role: str, unit: int | None, count: Int64, *, recorded: bool = False) -> None:
        """Add operations; `unit` is None where another operation's pass through the unit includes them."""
        self.operations = self.operations + count
        if unit is not None:
            self.units[unit] = self.units.get(unit, np.zeros((1, 1, 1), np.int64)) + count
        if recorded:
            self.roles[role] = self.roles.get(role, np.zeros((1, 1, 1), np.int64)) + count


def work_of(program: CoreProgram, jobs: StepJobs, counts: SpikeCounts, steps: int, images: int) -> Work:
    """Derive the work of `images` images; operations are summed over all that `counts` covers."""
    parts, rates = program.parts, unit_rates(program)
    shape = (images, steps, jobs.size)
    duration, operations = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    spikes = np.zeros(shape, np.int32)
    unit_busy = np.zeros((program.cores.kind.size, len(UNITS)), np.int64)
    issued: dict[tuple[int, int], Int64] = {}
    recorded: dict[tuple[int, str], Int64] = {}
    fired: dict[int, Int64] = {}
    for part in range(parts.node.size):
        node, core = int(parts.node[part]), int(parts.core[part])
        rows = jobs.row_of[jobs.first[part] : jobs.first[part + 1]]
        full = (counts.images, steps, rows.size)
        work = part_work(program, counts, part, steps)
        total = np.broadcast_to(work.operations, full)
        operations[:, :, rows] = total[:images]
        issued[core, node] = issued.get((core, node), 0) + total.sum(axis=(0, 2))
        for role, count in work.roles.items():
            recorded[node, role] = recorded.get((node, role), 0) + np.broadcast_to(count, full).sum(axis=(0, 2))
        if "soft reset" in work.roles:
            sent = np.broadcast_to(work.roles["soft reset"], full)
            spikes[:, :, rows] = sent[:images]
            fired[node] = fired.get(node, 0) + sent.sum(axis=(0, 2))
        kind = CoreKind(int(program.cores.kind[core]))
        for unit, count in work.units.items():
            rate = _rate(program, rates[kind], unit, node)
            took = cycles(np.broadcast_to(count, full)[:images], rate)
            unit_busy[core, unit] += took.sum()
            duration[:, :, rows] = np.maximum(duration[:, :, rows], took)
    flat = (images * steps, jobs.size)
    return Work(
        duration.reshape(flat),
        operations.reshape(flat),
        spikes.reshape(flat),
        unit_busy,
        counts.images,
        issued,
        recorded,
        fired,
    )


def add_totals(work: Work, other: Work) -> None:
    """Add what another part of the run issued and fired to the totals of `work`, whose jobs stay as they are."""
    for mine, theirs in ((work.issued, other.issued), (work.recorded, other.recorded), (work.fired, other.fired)):
        totals: dict[Any, Int64] = mine
        for key, count in theirs.items():
            totals[key] = totals[key] + count if key in totals else count


def part_work(program: CoreProgram, counts: SpikeCounts, part: int, steps: int) -> PartWork:
    """Operations of one part, job by job: fixed ones divided over its tokens, others from spikes."""
    parts = program.parts
    node = program.graph.nodes[program.node_names[int(parts.node[part])]]
    kind = CoreKind(int(program.cores.kind[parts.core[part]]))
    tokens = int(parts.token_stop[part] - parts.token_start[part])
    if not tokens:
        return PartWork()  # the sentence ends before it
    rows = np.ones((1, 1, tokens), np.int64)
    if isinstance(node, ProductUnit):
        rows = np.append(np.zeros((1, 1, 1), np.int64), rows, axis=2)
    step = np.arange(steps).reshape(1, -1, 1)
    work = PartWork()
    for entries, when in (
        (fixed_operations(program, part), step >= 0),
        (once_operations(program, part), step == 0),
        (second_pass_operations(program, part), step > 0),
    ):
        for role, op, count in entries:
            share, rest = divmod(count, tokens)
            if rest:
                raise ConservationError(f"{node.name!r}, part {part}: {count} of {role!r} do not divide over {tokens} tokens")
            work.add(role, unit_of(node, kind, role, op), share * when * rows)
    match node:
        case Synapse(spiking=True):
            _add_synapse(program, counts, part, node, work)
        case Convolution2d():
            work.add("synapse rows", ACCUMULATE, counts.of_convolution(program, part, node), recorded=True)
        case ProductUnit():
            _add_product(program, counts, part, node, work, steps)
        case Neurons():
            sent = _of_tokens(program, part, counts.of(node.name, int(parts.out_start[part]), int(parts.out_stop[part])))
            work.add("soft reset", None, sent, recorded=True)
            if isinstance(node, STBIFNeurons):
                work.add("tracer", None, sent, recorded=True)
    return work


def unit_of(node: Node, kind: CoreKind, role: str, op: str) -> int | None:
    """The unit that an operation passes through, None where it rides on another's pass.

    One neuron update integrates, compares and resets one membrane. The two operations of one theta combine on a synapse core
    are one pass through the same unit.
    """
    if isinstance(node, Neurons):
        return NEURON if role == "integrate" else None
    if kind is CoreKind.SYNAPSE:
        if role == "theta combine":
            return NEURON if op == "mul" else None
        return ACCUMULATE
    return SPECIAL if op in SPECIAL_FUNCTIONS else MULTIPLY


def _add_synapse(program: CoreProgram, counts: SpikeCounts, part: int, node: Synapse, work: PartWork) -> None:
    parts, port = program.parts, node.inputs[0]
    outputs = int(parts.out_stop[part] - parts.out_start[part])
    spikes = counts.of(port.node, port.start + int(parts.in_start[part]), port.start + int(parts.in_stop[part]))
    work.add("synapse rows", ACCUMULATE, _of_tokens(program, part, spikes) * outputs, recorded=True)
    senders = int(np.count_nonzero(parts.owner == part)) - 1
    if senders > 0:
        added = senders * accumulators(program) * outputs
        work.add("partial sums", ACCUMULATE, np.full((1, 1, 1), added, np.int64))


def _add_product(program: CoreProgram, counts: SpikeCounts, part: int, node: ProductUnit, work: PartWork, steps: int) -> None:
    parts, (a, b) = program.parts, node.inputs
    heads = np.array((parts.out_start[part], parts.out_stop[part]), np.int64)
    width, columns = node.head_width, node.keys
    if node.form == "sv":
        heads, columns = heads // width, width
    range_a = a.start + heads * (width if node.form == "qk" else 1)
    range_b = b.start + heads * width
    spikes_a = _of_tokens(program, part, counts.of(a.node, int(range_a[0]), int(range_a[1])))
    spikes_b = counts.of(b.node, int(range_b[0]), int(range_b[1])).sum(axis=2, keepdims=True)
    later = (np.arange(steps) > 0).reshape(1, -1, 1)
    second = np.broadcast_to(spikes_b * later, spikes_a.shape)
    none = np.zeros_like(spikes_b)

    def rows_only(count: Int64) -> Int64:
        return np.concatenate([none, count], axis=2)

    work.add("A(t) S_B(t)", MULTIPLY, rows_only(spikes_a * columns), recorded=True)
    work.add("S_A(t-1) B(t)", MULTIPLY, rows_only(second), recorded=True)
    work.add("operand sums", MULTIPLY, np.concatenate([spikes_b, spikes_a], axis=2))


def accumulators(program: CoreProgram) -> int:
    """Accumulators of an output of a synapse core, hence words of a partial sum."""
    return 2 if program.chip.synapse_core.graded_spikes == "shift" else 1


def _of_tokens(program: CoreProgram, part: int, counts: Int64) -> Int64:
    return counts[:, :, int(program.parts.token_start[part]) : int(program.parts.token_stop[part])]


def _rate(program: CoreProgram, rates: Rates, unit: int, node: int) -> Fraction:
    rate = rates[unit]
    if rate is None:
        name = program.node_names[node]
        raise ChipError(f"chip {program.chip.name!r}: node {name!r} needs the unit {UNITS[unit]!r}, which its core does not have")
    return rate
