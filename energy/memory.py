"""Memory accesses: what every part reads and writes, step by step, by the rules of `simulator.actions` and the chip's dataflow.

A row of R words of b bits takes ceil(R b / width) accesses, 64 bits wide unless the chip says otherwise. Words are as wide as
the chip stores them, whatever number format arithmetic is billed at. The ANN is the same network dense, one pass of one image, in
the same dataflow on the same cores: every activation is an event, and there are one set of accumulators, no membranes and no sums
over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import ceil, log2

import numpy as np

from synaptile.conversion.graph import Neurons
from synaptile.energy.bill import NO_CORE
from synaptile.energy.inside import Inside
from synaptile.energy.memory_prices import DRAM_BIT, REGISTER, accesses, port
from synaptile.energy.tally import Tally
from synaptile.foundation.derived import shared
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.hwmodels.alike import CLOCK, LINKS, RATES, figures_but
from synaptile.hwmodels.banks import MemoryName
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.dataflow import CoreFlow, by_dataflow, core_flow
from synaptile.simulator.actions.events import SpikeCounts, inputs_met
from synaptile.simulator.actions.fetches import Sharing, node_fetches, shared_nodes, sharing_of
from synaptile.simulator.actions.part import Part, cores_of, parts_by_look, parts_of
from synaptile.simulator.actions.rules import accesses_of, actions_of, activations_of, arrivals_of
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Role, Side, Trigger, Word
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.lengths import by_length
from synaptile.simulator.schedule.remap import images_kept
from synaptile.simulator.schedule.transfers import fits_buffer, phase_weight_bits, stored_bits, stored_outputs

Parts = tuple[Part, ...]
"""Parts that rules see alike: one of them stands for all."""


def access_key(chip: Chip) -> str:
    """Of the figures of a chip, those that its accesses follow from: rates only as how many passes read a waiting event."""
    passes = "synapse_core.lanes_per_cycle", "ec_core.multipliers_per_cycle"
    buffered = chip.memories.event_buffer is not None
    return figures_but(chip, *CLOCK, *LINKS, *(rate for rate in RATES if not (buffered and rate in passes)))


@shared(lambda activity, chip, inside: (access_key(activity.program.chip), access_key(chip), inside))
def snn_accesses(activity: Activity, chip: Chip, inside: Inside) -> Tally:
    """Every access of a run, summed over its images, to the memories and in the dataflow of `chip`.

    What prices hold already (`inside`) is left out. Raises ConservationError where
    the spikes that reach a core do not make its accumulates, InputError where tokens or steps share rows otherwise than in the
    dataflow that was executed for and the run kept no spikes to tell which.
    """
    tally, met = (Tally(activity.program.node_names, activity.steps) for _ in range(2))
    exact = not fetches_are_scaled(activity, chip)  # a scaled count is rounded
    for run in by_length(activity):
        counts = SpikeCounts(run, run.images)
        for parts in parts_by_look(run.program):
            actions, selected = actions_of(parts[0]), _selected(chip, parts[0], Side.SPIKING, inside)
            events = _summed(run, parts, counts, (*actions, *selected))
            _add_accumulates(met, parts, actions, events)
            for access in selected:
                rows = _rows(run, chip, parts, access, events)
                if exact and access.trigger is Trigger.FIRST_INPUT and access.reuse is not Reuse.EACH:
                    _check_fetches(parts, access, rows, events[access.trigger])
                _add(tally, chip, parts, access, rows, event_bits(run.program, parts[0], access))
    _check(activity, met)
    _add_phases(tally, activity, chip)
    return tally


@shared(lambda program, chip, inside: (access_key(program.chip), access_key(chip), inside))
def ann_accesses(program: CoreProgram, chip: Chip, inside: Inside) -> Tally:
    """Every access of one dense pass of one image."""
    tally = _dense(program, chip, inside)
    _add_dense_phases(tally, program, chip)
    return tally


def snn_shared(activity: Activity, chip: Chip, *, inside: Inside) -> Tally:
    """Those of `snn_accesses` that depend on how many tokens share a row."""
    tally = Tally(activity.program.node_names, activity.steps)
    for run in by_length(activity):
        counts = SpikeCounts(run, run.images)
        for parts in parts_by_look(run.program):
            for access in filter(by_block, _selected(chip, parts[0], Side.SPIKING, inside)):
                unshared = sharing_of(chip, parts[0]) is None or access.reuse is Reuse.EACH
                events = _summed(run, parts, counts, (access,)) if unshared else {}
                rows = _rows(run, chip, parts, access, events)
                _add(tally, chip, parts, access, rows, event_bits(run.program, parts[0], access))
    return tally


def ann_shared(program: CoreProgram, chip: Chip, inside: Inside) -> Tally:
    """Those of `ann_accesses` that depend on how many tokens share a row."""
    return _dense(program, chip, inside, by_block)


def by_block(access: Access) -> bool:
    """Whether a block of tokens decides how often an access happens: shared rows, and events that each block reads again."""
    return access.reuse is not Reuse.EACH or (Role.EVENT_READ in access.roles and access.trigger is Trigger.SECOND_INPUT)


def of_side(part: Part, side: Side, core: CoreFlow) -> list[Access]:
    """Accesses of a part in one of the two networks, as the dataflow of its core makes them."""
    own = part if side is Side.SPIKING else replace(part, accumulators=1)
    accesses = tuple(access for access in accesses_of(own) if access.side in (Side.BOTH, side))
    return [access for access in by_dataflow(own, accesses, core) if access.side in (Side.BOTH, side)]


def _selected(chip: Chip, part: Part, side: Side, inside: Inside) -> list[Access]:
    """What a part accesses in one of the two networks and no price holds already."""
    return [one for one in of_side(part, side, core_flow(chip, part.kind)) if not inside.holds(part, one, side)]


def _rows(run: Activity, chip: Chip, parts: Parts, access: Access, events: Mapping[Trigger, Int64]) -> Int64:
    """Rows that parts read or write at each step, over all images, shape (parts, steps)."""
    part = parts[0]
    beats = access.rhythm.beats(run.steps, run.program.graph.source.last_step)
    if access.trigger is Trigger.STEP:
        batch = core_flow(chip, part.kind).flow.time_batch
        if access.reuse is Reuse.BATCH:
            beats = beats & (np.arange(run.steps) % batch == 0)
        rows = run.images * _blocks(chip, part, access) * access.rows * beats
        return np.tile(rows, (len(parts), 1))
    sharing = None if access.reuse is Reuse.EACH else sharing_of(chip, part)
    met = events[access.trigger] if sharing is None else shared_fetches(run, parts, sharing)
    return access.rows * met * beats


def _dense(program: CoreProgram, chip: Chip, inside: Inside, chosen: Callable[[Access], bool] | None = None) -> Tally:
    """Accesses of one dense pass of one image, as far as they are `chosen`."""
    tally = Tally(program.node_names, 1)
    for parts in parts_by_look(program):
        for access in filter(chosen, _selected(chip, parts[0], Side.DENSE, inside)):
            rows = access.rows * _blocks(chip, parts[0], access)
            if access.trigger is not Trigger.STEP:
                met = arrivals_of(parts[0]) if access.trigger is Trigger.ARRIVED else activations_of(parts[0])
                rows *= met // (1 if access.reuse is Reuse.EACH else parts[0].tokens)
            beats = np.broadcast_to(rows * access.rhythm.beats(1), (len(parts), 1))
            _add(tally, chip, parts, access, beats, chip.noc.word_bits)
    return tally


def _blocks(chip: Chip, part: Part, access: Access) -> int:
    """How often rows that tokens share are read at least: once for each block; 1 where `rows` says it all."""
    return 1 if access.reuse is Reuse.EACH else -(-part.tokens // core_flow(chip, part.kind).flow.token_block)


def shared_fetches(run: Activity, parts: Parts, sharing: Sharing) -> Int64:
    """Rows of their first input that parts of a node fetch at each step, over all images, shape (parts, steps).

    As execution tallied them; in another dataflow than was executed for, counted from the masks of who fired, exactly for the
    images whose spikes the run kept and scaled where these are not all. Raises InputError where none were kept.
    """
    name, places = parts[0].node.name, [part.place for part in parts]
    tallied = run.fetches.get(name)
    if tallied is not None and sharing == (tallied.block, tallied.batch):
        return np.asarray(tallied.rows[:, :, places].sum(axis=1, dtype=np.int64).T)
    return _counted_fetches(run, name, sharing)[:, places].T


@shared(lambda run, *of: of)
def _counted_fetches(run: Activity, name: str, sharing: Sharing) -> Int64:
    """`shared_fetches` of all parts of a node from the spikes that were kept, shape (steps, parts)."""
    node = run.program.graph.nodes[name]
    rows = np.zeros((run.steps, run.program.parts_of(name).size), np.int64)
    for number in inputs_met(node, 0):
        site = node.inputs[number].node
        masks = run.spikes[site].masks
        if masks is None or not masks.shape[1]:
            raise InputError(
                f"{sharing.block} tokens x {sharing.batch} steps share the rows of {name!r}; the run was executed for "
                f"another dataflow and kept no spikes of {site!r} to count them: map to that chip and run again, or run again "
                "with execute(..., keep_spikes=1) or more (--keep-spikes)"
            )
        counted = node_fetches(run.program, name, number, masks, sharing).sum(axis=1)
        rows += np.rint(counted * (run.images / masks.shape[1])).astype(np.int64)
    return rows


def fetches_are_scaled(activity: Activity, chip: Chip) -> bool:
    """Whether row fetches on `chip` are those of the images whose spikes were kept, scaled to all."""
    if images_kept(activity) >= activity.images:
        return False
    tallied = {name: (fetched.block, fetched.batch) for name, fetched in activity.fetches.items()}
    return any(tallied.get(name) != sharing for name, sharing in shared_nodes(activity.program, chip).items())


def add_accesses(tally: Tally, chip: Chip, part: Part, row: tuple[tuple[Role, ...], int], rows: Int64, waiting_bits: int) -> None:
    """Count `rows` rows at each step; `row`: for which roles, of how many words; `waiting_bits` those of an event."""
    for role, op, count in _lines(chip, part, row, rows, waiting_bits):
        tally.add(part.core, part.node_index, role, op, count)


def _add(tally: Tally, chip: Chip, parts: Parts, access: Access, rows: Int64, waiting_bits: int) -> None:
    """As `add_accesses`, for parts that rules see alike: `rows` has shape (parts, steps)."""
    cores = cores_of(parts)
    for role, op, counts in _lines(chip, parts[0], (access.roles, access.words), rows, waiting_bits):
        tally.add_rows(cores, parts[0].node_index, role, op, counts)


def _lines(
    chip: Chip, part: Part, row: tuple[tuple[Role, ...], int], rows: Int64, waiting_bits: int
) -> Iterator[tuple[Role, str, Int64]]:
    """Role, op and counts, shaped as `rows`."""
    roles, words = row
    for role in roles:
        if role.word is Word.REGISTER:
            yield role, REGISTER[part.kind], rows * words
            continue
        memory, bits = _memory(chip, part.kind, role.word)
        of = port(chip, memory)
        op = of.write if role.writes else of.read
        if role.word is Word.EVENT:  # one behind the other: several may share an access
            yield role, op, -(-rows * waiting_bits // of.width_bits)
        else:
            yield role, op, rows * accesses(words, bits, of.width_bits)


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


def event_bits(program: CoreProgram, part: Part, access: Access) -> int:
    """Bits of a spike that waits in front of a part, as the network sends it."""
    if access.roles[0].word is not Word.EVENT:
        return 0
    site = program.graph.nodes[part.node.inputs[int(access.trigger is Trigger.SECOND_INPUT)].node]
    return program.chip.noc.spike_header_bits + (ceil(log2(site.values)) if isinstance(site, Neurons) else 0)


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


def _summed(run: Activity, parts: Parts, counts: SpikeCounts, of: tuple[Action | Access, ...]) -> dict[Trigger, Int64]:
    """Events of each trigger, over all images and tokens, shape (parts, steps)."""
    triggers = dict.fromkeys(action.trigger for action in of if action.trigger is not Trigger.STEP)
    try:
        return {trigger: counts.totals(run.program, parts, trigger) for trigger in triggers}
    except InputError as error:
        raise ConservationError(
            f"spikes were recorded in channel groups that do not part where {parts[0].node.name!r} is cut: {error}"
        ) from error


def _add_accumulates(met: Tally, parts: Parts, actions: tuple[Action, ...], events: Mapping[Trigger, Int64]) -> None:
    for action in actions:
        if action.op is Op.AC:
            by_step = events[action.trigger] * action.count
            met.add_rows(
                cores_of(parts), parts[0].node_index, action.role, Op.AC, by_step * action.rhythm.beats(by_step.shape[1])
            )


def _check_fetches(parts: Parts, access: Access, rows: Int64, events: Int64) -> None:
    """No more rows are fetched through any step than events arrived by then, and some where any did."""
    fetched, arrived = np.cumsum(rows // access.rows, axis=1), np.cumsum(events, axis=1)
    wrong = ((fetched > arrived) | ((fetched == 0) != (arrived == 0))).any(axis=1)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ConservationError(
            f"part {parts[at].index} of {parts[at].node.name!r} fetched {fetched[at].tolist()} rows through each step, "
            f"{arrived[at].tolist()} events had arrived there"
        )


def _check(activity: Activity, met: Tally) -> None:
    """Events that reached each core times the row they met = accumulates that execution counted there."""
    table, issued = activity.operations, Tally(activity.program.node_names, activity.steps)
    for number, role in enumerate(table.roles):
        rows = np.flatnonzero((table.op == OPS.index(Op.AC)) & (table.role == number))
        issued.add_rows(table.core[rows], table.node[rows], Role(role), Op.AC, table.count[rows])
    over = Tally(activity.program.node_names, activity.steps)
    over.extend(met)
    over.extend(issued, -1)
    if wrong := [key for key, count in over.counts.items() if count.any()] if over.any() else []:
        core, node, role, _ = key = min(wrong, key=lambda key: (key[0], key[1], key[2]))
        step, zero = int(np.flatnonzero(over.counts[key])[0]), np.zeros(activity.steps, np.int64)
        billed, counted = (int(tally.counts.get(key, zero)[step]) for tally in (met, issued))
        raise ConservationError(
            f"{role!r} of node {activity.program.node_names[node]!r} on core {core}, step {step + 1}: "
            f"recorded spikes meet {billed:,} weights or sums, execution counted {counted:,} accumulates"
        )
