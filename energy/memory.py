"""Memory accesses: what every part reads and writes, step by step, in accesses of 64 bits, by the rules of `simulator.actions`.

A row of R words of b bits takes ceil(R b / 64) accesses. Words are as wide as the chip stores them, whatever number format
arithmetic is billed at. The ANN is the same network dense, one pass of one image, the same dataflow on the same cores: every
activation is an event, and there are one set of accumulators, no membranes and no sums over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from synaptile.energy.bill import Tally
from synaptile.energy.memory_prices import EC, STATE, WEIGHT, accesses
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.events import SpikeCounts, events_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import accesses_of, actions_of, activations_of
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Side, Trigger, Word
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.lengths import by_length

Accumulates = dict[tuple[int, int, str], Int64]
"""Accumulates by (core, node, role), shape (steps,)."""


def snn_accesses(activity: Activity, reuse: int, *, weights_in_ac: bool) -> Tally:
    """Every access of a run, summed over its images.

    A weight row that is fetched stays for `reuse` tokens. `weights_in_ac`: the price of an accumulate holds its memory, so a
    synapse's event adds none. Raises ConservationError where the spikes that reach a core do not make its accumulates.
    """
    tally, met = Tally(activity.program.node_names, activity.steps), Accumulates()
    for run in by_length(activity):
        counts, last_step = SpikeCounts(run, run.images), run.program.graph.source.last_step
        for part in parts_of(run.program):
            actions, chosen = actions_of(part), _of_side(part, Side.SPIKING)
            events = _events(run, part, counts, (*actions, *chosen))
            _add_accumulates(met, part, actions, events)
            for access in chosen:
                if weights_in_ac and access.trigger is not Trigger.STEP and access.roles[0].word is not Word.STATE:
                    continue
                if access.trigger is Trigger.STEP:
                    rows: Int64 | int = run.images * _groups(part, access, reuse) * access.rows
                else:
                    rows = access.rows * _met_rows(events[access.trigger], part, access, reuse)
                _add(tally, run.program.chip, part, access, rows * access.rhythm.beats(run.steps, last_step))
    _check(activity, met)
    return tally


def ann_accesses(program: CoreProgram, reuse: int) -> Tally:
    """Every access of one dense pass of one image."""
    tally = Tally(program.node_names, 1)
    for mapped in parts_of(program):
        part = replace(mapped, accumulators=1)
        for access in _of_side(part, Side.DENSE):
            rows = access.rows * _groups(part, access, reuse)
            if access.trigger is not Trigger.STEP:
                rows *= activations_of(part) // (part.tokens if access.shared else 1)
            _add(tally, program.chip, part, access, rows * access.rhythm.beats(1))
    return tally


def _of_side(part: Part, side: Side) -> list[Access]:
    return [access for access in accesses_of(part) if access.side in (Side.BOTH, side)]


def _groups(part: Part, access: Access, reuse: int) -> int:
    """How often the rows of an access are fetched: once for `reuse` tokens where they are shared."""
    return -(-part.tokens // reuse) if access.shared else 1


def _met_rows(events: Int64, part: Part, access: Access, reuse: int) -> Int64:
    """Rows that events fetch or update at each step, over all images, shape (steps,)."""
    return fetched_rows(events, part.rows, reuse) if access.shared else np.asarray(events.sum(axis=(0, 2)))


def fetched_rows(events: Int64, fan_in: int, reuse: int) -> Int64:
    """Weight rows that a tile fetches at each step, over all images, shape (steps,), int64.

    `events` has shape (images, steps, tokens). One fetch per event where `reuse` is 1. Where a row serves `reuse` tokens it is
    fetched once if any of them needs it: recorded counts do not say which tokens share rows, so this is the expectation for
    tokens that fire independently, fan_in (1 - prod(1 - e / fan_in)), rounded per tile and step. Tokens that fire alike need
    fewer rows.
    """
    if reuse == 1:
        return np.asarray(events.sum(axis=(0, 2)))
    silent = 1.0 - events / fan_in
    starts = np.arange(0, events.shape[2], reuse)
    needed = fan_in * (1.0 - np.multiply.reduceat(silent, starts, axis=2))
    rows: Int64 = np.rint(needed.sum(axis=(0, 2))).astype(np.int64)
    return rows


def _add(tally: Tally, chip: Chip, part: Part, access: Access, rows: Int64) -> None:
    for role in access.roles:
        op, bits = _width(chip, part.kind, role.word)
        tally.add(part.core, part.node_index, role, op, rows * accesses(access.words, bits))


def _width(chip: Chip, kind: CoreKind, word: Word | None) -> tuple[str, int]:
    """Which memory an access goes to (op of the bill), and the bits of its words."""
    core, ec = chip.synapse_core, chip.ec_core
    if word is Word.WEIGHT:
        return WEIGHT, core.weight_bits
    if word is Word.ACCUMULATOR:
        return STATE, core.accumulator_bits
    if kind is CoreKind.SYNAPSE:
        return STATE, core.membrane_bits
    # The mapper never makes an EC core on a chip that has none.
    assert ec is not None
    return EC, ec.state_bits


def _events(run: Activity, part: Part, counts: SpikeCounts, of: tuple[Action | Access, ...]) -> Mapping[Trigger, Int64]:
    try:
        return events_of(run.program, part, counts, of)
    except InputError as error:
        raise ConservationError(
            f"spikes were recorded in channel groups that do not part where {part.node.name!r} is cut: {error}"
        ) from error


def _add_accumulates(met: Accumulates, part: Part, actions: tuple[Action, ...], events: Mapping[Trigger, Int64]) -> None:
    for action in actions:
        if action.op is Op.AC:
            by_step = events[action.trigger].sum(axis=(0, 2)) * action.count
            key = (part.core, part.node_index, action.role.value)
            met[key] = met.get(key, 0) + by_step * action.rhythm.beats(len(by_step))


def _check(activity: Activity, met: Accumulates) -> None:
    """Events that reached each core times the row they met = accumulates that execution counted there."""
    table = activity.operations
    issued: Accumulates = {}
    for row in np.flatnonzero(table.op == OPS.index(Op.AC)):
        issued[int(table.core[row]), int(table.node[row]), table.roles[table.role[row]]] = table.count[row]
    zero = np.zeros(activity.steps, np.int64)
    for key in sorted({*issued, *met}):
        billed, counted = met.get(key, zero), issued.get(key, zero)
        if (billed != counted).any():
            step = int(np.flatnonzero(billed != counted)[0])
            raise ConservationError(
                f"{key[2]!r} of node {activity.program.node_names[key[1]]!r} on core {key[0]}, step {step + 1}: "
                f"recorded spikes meet {billed[step]:,} weights or sums, execution counted {counted[step]:,} accumulates"
            )
