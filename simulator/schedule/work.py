"""What every job issues and how long that takes, from the spikes that a run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from synaptile.conversion.graph import DiscreteNeurons
from synaptile.foundation.errors import ChipError, ConservationError
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.events import SpikeCounts, events_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Action, Op, Pass, Role, Trigger
from synaptile.simulator.schedule.plan import StepJobs
from synaptile.simulator.schedule.rates import Rates, cycles, unit_rates
from synaptile.simulator.schedule.timeline import UNITS

HELD_JOBS = 1_000_000
"""Jobs whose work stays with a run for its next schedule, at most: some 40 bytes each."""
_HELD = f"held {__name__}"
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
    """Work of one part: `units` and `operations` by (image, step, job of the part), or broadcasting to that.

    `roles` holds what spikes cause and no cut changes.
    """

    units: dict[int, Int64] = field(default_factory=dict)
    operations: Int64 = field(default_factory=lambda: np.zeros((1, 1, 1), np.int64))
    roles: dict[Role, Int64] = field(default_factory=dict)

    def add(self, action: Action, unit: int | None, count: Int64) -> None:
        """Add operations; `unit` is None where another operation's pass through the unit includes them."""
        self.operations = self.operations + count
        if unit is not None:
            self.units[unit] = self.units.get(unit, 0) + count
        if action.trigger is not Trigger.STEP and not action.role.cut:
            self.roles[action.role] = self.roles.get(action.role, 0) + count


class Issued(NamedTuple):
    """What jobs issue at any rates of the chip; see `Work`. `units` (parts,): the operations of each unit of a part, by job."""

    operations: Int64
    spikes: Int32
    units: tuple[dict[int, Int64], ...]
    issued: dict[tuple[int, int], Int64]
    recorded: dict[tuple[int, str], Int64]
    fired: dict[int, Int64]


def work_of(program: CoreProgram, jobs: StepJobs, counts: SpikeCounts, steps: int, images: int) -> Work:
    """Derive the work of `images` images; operations are summed over all that `counts` covers."""
    rates, what = unit_rates(program), _issued_once(program, jobs, counts, steps, images)
    duration = np.zeros(what.operations.shape, np.int64)
    unit_busy = np.zeros((program.cores.kind.size, len(UNITS)), np.int64)
    for part, units in zip(parts_of(program), what.units, strict=True):
        rows = jobs.row_of[jobs.first[part.index] : jobs.first[part.index + 1]]
        took = [cycles(count, _rate(program, rates[part.kind], unit, part.node_index)) for unit, count in units.items()]
        for unit, of_unit in zip(units, took, strict=True):
            unit_busy[part.core, unit] += np.broadcast_to(of_unit, (images, steps, rows.size)).sum()
        if took:
            duration[:, :, rows] = reduce(np.maximum, took)
    flat = (images * steps, jobs.size)
    return Work(
        duration.reshape(flat),
        what.operations.reshape(flat),
        what.spikes.reshape(flat),
        unit_busy,
        counts.images,
        dict(what.issued),
        dict(what.recorded),
        dict(what.fired),
    )


def _issued_once(program: CoreProgram, jobs: StepJobs, counts: SpikeCounts, steps: int, images: int) -> Issued:
    """As `_issued`. The last answer of a run stays with it, unless large: chips that are mapped alike share it."""
    of = (program.parts, counts.activity.spikes)  # held below, so that no other objects take their place
    key = (*map(id, of), program.chip.units, program.chip.synapse_core.accumulators, counts.images, steps, images)
    held = vars(counts.activity.operations)
    before = held.get(_HELD)
    if before is not None and before[0] == key:
        found: Issued = before[2]
        return found
    issued = _issued(program, jobs, counts, steps, images)
    if issued.operations.size <= HELD_JOBS:
        held[_HELD] = (key, of, issued)
    return issued


def _issued(program: CoreProgram, jobs: StepJobs, counts: SpikeCounts, steps: int, images: int) -> Issued:
    shape = (images, steps, jobs.size)
    operations, spikes = np.zeros(shape, np.int64), np.zeros(shape, np.int32)
    units: list[dict[int, Int64]] = []
    issued: dict[tuple[int, int], Int64] = {}
    recorded: dict[tuple[int, str], Int64] = {}
    fired: dict[int, Int64] = {}
    for part in parts_of(program):
        node, core = part.node_index, part.core
        rows = jobs.row_of[jobs.first[part.index] : jobs.first[part.index + 1]]
        full = (counts.images, steps, rows.size)
        work = part_work(program, counts, part, steps)
        total = np.broadcast_to(work.operations, full)
        operations[:, :, rows] = total[:images]
        issued[core, node] = issued.get((core, node), 0) + total.sum(axis=(0, 2))
        for role, count in work.roles.items():
            recorded[node, role] = recorded.get((node, role), 0) + np.broadcast_to(count, full).sum(axis=(0, 2))
        gate = isinstance(part.node, DiscreteNeurons) and not part.node.keeps  # sends spikes without a reset
        if Role.SOFT_RESET in work.roles or gate:
            resets = counts.events(program, part, Trigger.SENT) if gate else work.roles[Role.SOFT_RESET]
            sent = np.broadcast_to(resets, full)
            spikes[:, :, rows] = sent[:images]
            fired[node] = fired.get(node, 0) + sent.sum(axis=(0, 2))
        units.append({unit: _of_images(count, images) for unit, count in work.units.items()})
    return Issued(operations, spikes, tuple(units), issued, recorded, fired)


def _of_images(count: Int64, images: int) -> Int64:
    """Operations of the first images, or of each image where all are alike."""
    return count if count.shape[0] == 1 else count[:images].copy()


def add_totals(work: Work, other: Work) -> None:
    """Add what another part of the run issued and fired to the totals of `work`, whose jobs stay as they are."""
    for mine, theirs in ((work.issued, other.issued), (work.recorded, other.recorded), (work.fired, other.fired)):
        totals: dict[Any, Int64] = mine
        for key, count in theirs.items():
            totals[key] = totals[key] + count if key in totals else count


def part_work(program: CoreProgram, counts: SpikeCounts, part: Part, steps: int) -> PartWork:
    """Operations of one part, job by job: what steps cause is divided over its tokens, the rest follows events.

    A product's operand job comes before those of its tokens.
    """
    work, actions = PartWork(), actions_of(part)
    events = events_of(program, part, counts, actions)
    before = any(action.operand_job for action in actions)
    first_job = np.arange(part.tokens + 1) == 0
    for action in actions:
        if action.operand_job:
            by_job = np.multiply.outer(events[action.trigger].sum(axis=2) * action.count, first_job)
        elif before:
            by_token = _by_token(part, action, events)
            by_job = np.concatenate([np.zeros_like(by_token[:, :, :1]), by_token], axis=2)
        else:
            by_job = _by_token(part, action, events)
        work.add(action, unit_of(action, part.kind), by_job * action.rhythm.beats(steps)[:, None])
    return work


def _by_token(part: Part, action: Action, events: Mapping[Trigger, Int64]) -> Int64:
    """Operations by (image, step, token), or broadcasting to that."""
    if action.trigger not in (Trigger.STEP, Trigger.SECOND_INPUT):
        return events[action.trigger] * action.count
    per_token, rest = divmod(action.count, part.tokens)
    if rest:
        raise ConservationError(
            f"{part.node.name!r}, part {part.index}: {action.count} of {action.role.value!r} do not divide over its "
            f"{part.tokens} tokens"
        )
    spread = np.full((1, 1, part.tokens), per_token, np.int64)
    return spread if action.trigger is Trigger.STEP else events[action.trigger].sum(axis=2, keepdims=True) * spread


def unit_of(action: Action, kind: CoreKind) -> int | None:
    """The unit that an operation passes through, None where it is part of another's pass."""
    on_synapse_core = kind is CoreKind.SYNAPSE
    match action.role.passes:
        case Pass.UPDATE:
            return NEURON
        case Pass.WITHIN:
            return None
        case Pass.COMBINE if on_synapse_core:
            return NEURON if action.op is Op.MUL else None
    if on_synapse_core:
        return ACCUMULATE
    return SPECIAL if action.op.special else MULTIPLY


def _rate(program: CoreProgram, rates: Rates, unit: int, node: int) -> Fraction:
    rate = rates[unit]
    if rate is None:
        name = program.node_names[node]
        raise ChipError(f"chip {program.chip.name!r}: node {name!r} needs the unit {UNITS[unit]!r}, which its core does not have")
    return rate
