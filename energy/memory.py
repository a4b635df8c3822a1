"""Memory accesses: what every part reads and writes, step by step, by the rules of `simulator.actions` and the chip's dataflow.

A row of R words of b bits takes ceil(R b / width) accesses, 64 bits wide unless the chip says otherwise. Words are as wide as
the chip stores them, whatever number format arithmetic is billed at. The ANN is the same network dense, one pass of one image, in
the same dataflow on the same cores: every activation is an event, and there are one set of accumulators, no membranes and no sums
over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons
from synaptile.energy.bill import NO_CORE, Tally
from synaptile.energy.memory_prices import DRAM_BIT, REGISTER, MemoryName, accesses, port
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.dataflow import CoreFlow, by_dataflow, core_flow
from synaptile.simulator.actions.events import SpikeCounts, events_of, region_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import accesses_of, actions_of, activations_of
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Role, Side, Trigger, Word
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.kernels.fetches import count_fetches
from synaptile.simulator.lengths import by_length
from synaptile.simulator.schedule.transfers import fits_buffer, phase_weight_bits, stored_bits, stored_outputs

Accumulates = dict[tuple[int, int, str], Int64]
"""Accumulates by (core, node, role), shape (steps,)."""


def snn_accesses(activity: Activity, chip: Chip, reuse: int, *, weights_in_ac: bool) -> Tally:
    """Every access of a run, summed over its images, to the memories and in the dataflow of `chip`.

    A weight row that is fetched stays for `reuse` tokens. `weights_in_ac`: the price of an accumulate holds its memory, so a
    synapse's event adds none. Raises ConservationError where the spikes that reach a core do not make its accumulates, InputError
    where tokens or steps share rows and the run kept no spikes to tell which.
    """
    tally, met = Tally(activity.program.node_names, activity.steps), Accumulates()
    for run in by_length(activity):
        counts, last_step = SpikeCounts(run, run.images), run.program.graph.source.last_step
        cores = {kind: core_flow(chip, kind) for kind in _kinds(run.program)}
        for part in parts_of(run.program):
            core = cores[part.kind]
            actions, selected = actions_of(part), _of_side(part, Side.SPIKING, core)
            events = _events(run, part, counts, (*actions, *selected))
            _add_accumulates(met, part, actions, events)
            for access in selected:
                if weights_in_ac and access.trigger is not Trigger.STEP and access.roles[0].word is not Word.STATE:
                    continue
                beats = access.rhythm.beats(run.steps, last_step)
                if access.trigger is Trigger.STEP:
                    beats = _first_of_batch(beats, access, core)
                    rows: Int64 | int = run.images * _blocks(part, access, core, reuse) * access.rows
                else:
                    rows = access.rows * _met_rows(run, part, access, events[access.trigger], core, reuse)
                _add(tally, chip, part, access, rows * beats, _event_bits(run, part, access))
    _check(activity, met)
    _add_phases(tally, activity, chip)
    return tally


def ann_accesses(program: CoreProgram, chip: Chip, reuse: int) -> Tally:
    """Every access of one dense pass of one image."""
    tally = Tally(program.node_names, 1)
    cores = {kind: core_flow(chip, kind) for kind in _kinds(program)}
    for mapped in parts_of(program):
        part, core = replace(mapped, accumulators=1), cores[mapped.kind]
        for access in _of_side(part, Side.DENSE, core):
            blocks = _blocks(part, access, core, reuse)
            rows = access.rows * blocks
            if access.trigger is not Trigger.STEP:
                rows *= activations_of(part) // (1 if access.reuse is Reuse.EACH else part.tokens)
            _add(tally, chip, part, access, rows * access.rhythm.beats(1), chip.noc.word_bits)
    _add_dense_phases(tally, program, chip)
    return tally


def _kinds(program: CoreProgram) -> list[CoreKind]:
    return [CoreKind(kind) for kind in np.unique(program.cores.kind)]


def _of_side(part: Part, side: Side, core: CoreFlow) -> list[Access]:
    accesses = tuple(access for access in accesses_of(part) if access.side in (Side.BOTH, side))
    return [access for access in by_dataflow(part, accesses, core) if access.side in (Side.BOTH, side)]


def _blocks(part: Part, access: Access, core: CoreFlow, reuse: int) -> int:
    """How often clocked rows that tokens share are read: once for each block; 1 where `rows` says it all."""
    return 1 if access.reuse is Reuse.EACH else -(-part.tokens // _tokens_sharing(access, core, reuse))


def _tokens_sharing(access: Access, core: CoreFlow, reuse: int) -> int:
    """Tokens that a fetched row serves: a block of the dataflow, or for weights what the caller asked for in its place."""
    asked = access.roles[0] in (Role.WEIGHT_ROWS, Role.DENSE_WEIGHT_ROWS)
    return reuse if asked and core.flow.token_block == 1 else core.flow.token_block


def _first_of_batch(beats: NDArray[np.bool_], access: Access, core: CoreFlow) -> NDArray[np.bool_]:
    """Of what a batch of steps shares, the first."""
    if access.reuse is not Reuse.BATCH:
        return beats
    first: NDArray[np.bool_] = np.arange(beats.size) % core.flow.time_batch == 0
    return beats & first


def _met_rows(run: Activity, part: Part, access: Access, events: Int64, core: CoreFlow, reuse: int) -> Int64:
    """Rows that events fetch or update at each step, over all images, shape (steps,)."""
    block = core.flow.token_block
    batch = core.flow.time_batch if access.reuse is Reuse.BATCH else 1
    if access.reuse is Reuse.EACH or (block == batch == 1 and _tokens_sharing(access, core, reuse) == 1):
        return np.asarray(events.sum(axis=(0, 2)))
    if block == batch == 1:
        return fetched_rows(events, part.rows, reuse)
    return shared_fetches(run, part, block, batch)


def shared_fetches(run: Activity, part: Part, block: int, batch: int) -> Int64:
    """Rows of its first input that a part fetches at each step for blocks of tokens and batches of steps, shape (steps,).

    Counted from the masks of who fired, exactly for the images whose spikes the run kept; where these are not all, the count is
    scaled to all. Raises InputError where none were kept.
    """
    site = part.node.inputs[0].node
    masks = run.spikes[site].masks
    if masks is None or not masks.shape[1]:
        raise InputError(
            f"tokens or steps share the weight rows of {part.node.name!r} on chip {run.program.chip.name!r}, and the run kept no "
            f"spikes of {site!r} to tell which: run again with execute(..., keep_spikes=1) or more (--keep-spikes)"
        )
    first, last, start, stop = region_of(run.program, part, 0)
    node = run.program.graph.nodes[site]
    if node.is_map:
        fired = masks[:, :, start:stop, first:last]
        start, stop = 0, node.shape[2]
    else:
        fired = masks[:, :, None, first:last]
    steps, kept = masks.shape[:2]
    packed = np.ascontiguousarray(fired).reshape(steps, kept * fired.shape[2], last - first, masks.shape[-1])
    counted = count_fetches(packed, start, stop, block, batch).sum(axis=1)
    return np.asarray(np.rint(counted * (run.images / kept)), np.int64)


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


def _add(tally: Tally, chip: Chip, part: Part, access: Access, rows: Int64, event_bits: int) -> None:
    for role in access.roles:
        if role.word is Word.REGISTER:
            tally.add(part.core, part.node_index, role, REGISTER[part.kind], rows * access.words)
            continue
        memory, bits = _memory(chip, part.kind, role.word)
        of = port(chip, memory)
        op = of.write if role.writes else of.read
        if role.word is Word.EVENT:  # one behind the other: several may share an access
            tally.add(part.core, part.node_index, role, op, -(-rows * event_bits // of.width_bits))
        else:
            tally.add(part.core, part.node_index, role, op, rows * accesses(access.words, bits, of.width_bits))


def _memory(chip: Chip, kind: CoreKind, word: Word | None) -> tuple[MemoryName, int]:
    """Which memory an access goes to, and the bits of its words."""
    core, ec = chip.synapse_core, chip.ec_core
    if word is Word.EVENT:
        return "event_buffer", 0
    if word is Word.WEIGHT:
        return "weight", core.weight_bits
    if word is Word.ACCUMULATOR:
        return "state", core.accumulator_bits
    if kind is CoreKind.SYNAPSE:
        return "state", core.membrane_bits
    # The mapper never makes an EC core on a chip that has none.
    assert ec is not None
    return "ec_state", ec.state_bits


def _event_bits(run: Activity, part: Part, access: Access) -> int:
    """Bits of a spike that waits in front of a part, as the network sends it."""
    if access.roles[0].word is not Word.EVENT:
        return 0
    site = run.program.graph.nodes[part.node.inputs[int(access.trigger is Trigger.SECOND_INPUT)].node]
    return run.program.chip.noc.spike_header_bits + (ceil(log2(site.values)) if isinstance(site, Neurons) else 0)


def _add_phases(tally: Tally, activity: Activity, chip: Chip) -> None:
    """What a run moves between phases: weights, each image its share of a full load, and outputs that later phases read."""
    program = activity.program
    if program.phases == 1:
        return
    first = np.arange(activity.steps) == 0
    loaded = -(-int(phase_weight_bits(program).sum()) * activity.images // chip.images_per_load)
    tally.add(NO_CORE, tally.chip, Role.WEIGHTS_IN, DRAM_BIT, first * loaded)
    stored = stored_outputs(program)
    bits = stored_bits(program, stored, SpikeCounts(activity, activity.images))
    buffered = fits_buffer(chip, stored, bits.sum(axis=1))
    for at, part in enumerate(stored.part.tolist()):
        _add_stored(tally, (program, chip), part, bits[:, :, at].sum(axis=0), int(stored.read[at].sum()), buffered=buffered)


def _add_dense_phases(tally: Tally, program: CoreProgram, chip: Chip) -> None:
    """The same for one image of the dense network, whose outputs are words."""
    if program.phases == 1:
        return
    images = chip.images_per_load
    tally.add(NO_CORE, tally.chip, Role.WEIGHTS_IN, DRAM_BIT, -(-int(phase_weight_bits(program).sum()) // images))
    stored, parts = stored_outputs(program), parts_of(program)
    bits = np.array([[parts[part].elements * program.chip.noc.word_bits for part in stored.part]], np.int64)
    buffered = fits_buffer(chip, stored, bits)
    for at, part in enumerate(stored.part.tolist()):
        _add_stored(tally, (program, chip), part, bits[:, at], int(stored.read[at].sum()), buffered=buffered)


def _add_stored(tally: Tally, on: tuple[CoreProgram, Chip], part: int, bits: Int64, reads: int, *, buffered: bool) -> None:
    program, chip = on
    node, core = int(program.parts.node[part]), int(program.parts.core[part])
    if not buffered:
        tally.add(core, node, Role.STORED_WRITE, DRAM_BIT, bits)
        tally.add(core, node, Role.STORED_READ, DRAM_BIT, bits * reads)
        return
    of = port(chip, "buffer")
    count = -(-bits // of.width_bits)
    tally.add(core, node, Role.STORED_WRITE, of.write, count)
    tally.add(core, node, Role.STORED_READ, of.read, count * reads)


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
