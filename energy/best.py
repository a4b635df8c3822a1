"""Each side at its best: the token block, within the room that a chip has for sums, that costs the SNN, and the ANN, least.

A row that is fetched serves a block of tokens. How many there may be, sums decide: registers of a lane hold a sum per token, of
the SNN for each sign and step of its time batch; sums in the state memory of synapse cores find room beside what the network
holds there (of the ANN no membranes). Both sides choose for either kind of core among the chip's own block, powers of two above
it, and the largest. Smaller blocks that divide a larger one never fetch less. All else (order, time batch, NoC, time) stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Convolution2d, Synapse
from synaptile.energy.accountings import Comparison
from synaptile.energy.ann import DensePasses, tally_passes
from synaptile.energy.bill import Bill
from synaptile.energy.inside import Inside
from synaptile.energy.memory import ann_shared, snn_shared
from synaptile.energy.memory_prices import memory_prices
from synaptile.energy.tally import Tally
from synaptile.hwmodels import Chip
from synaptile.mapper.footprint import DOUBLE_BUFFERS
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.dataflow import core_flow
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.remap import images_kept


@dataclass(frozen=True)
class BlockChoice:
    """The token block of one side on one kind of core. `tried` maps blocks to what shared rows cost with them, pJ per image."""

    side: str
    kind: str
    own: int
    most: int
    block: int
    tried: Mapping[int, float]


@dataclass(frozen=True)
class Best:
    """What each side chose, and what the rung `memory` then adds. `notes` say what the choice rests on."""

    choices: tuple[BlockChoice, ...]
    memory: Comparison
    notes: tuple[str, ...]

    @property
    def moved(self) -> bool:
        """Whether a side is cheaper with another block than the chip's own."""
        return any(choice.block != choice.own for choice in self.choices)


class Sides(NamedTuple):
    """The accesses of both sides in the chip's own dataflow: of the run, and of all passes."""

    snn: Tally
    ann: Tally
    passes: DensePasses


def each_sides_best(activity: Activity, chip: Chip, same: Comparison, sides: Sides, *, inside: Inside) -> Best:
    """Choose for both sides. `same` is what the rung `memory` adds in the chip's own dataflow, `sides` its counts."""
    program, prices, notes = activity.program, memory_prices(chip), list[str]()
    kinds = [CoreKind(kind) for kind in np.unique(program.cores.kind)]
    own = _own(chip, kinds)
    most = {side: {kind: _most(program, chip, kind, side) for kind in kinds} for side in ("snn", "ann")}
    if images_kept(activity) == 0 and most["snn"] != own:
        notes.append("the run kept no spikes, so that the SNN could be counted in the chip's own block alone (--keep-spikes)")
        most["snn"] = own
    elif images_kept(activity) < activity.images and most["snn"] != own:
        notes.append(f"fetches of the SNN in another block are those of {images_kept(activity)} images, scaled to all")

    def snn(blocks: Mapping[CoreKind, int]) -> Tally:
        return snn_shared(activity, with_blocks(chip, blocks), inside=inside)

    def ann(blocks: Mapping[CoreKind, int]) -> Tally:
        other = with_blocks(chip, blocks)
        return tally_passes(sides.passes, lambda program: ann_shared(program, other, inside))

    choices, bills = list[BlockChoice](), list[Bill]()
    for side, count, whole, images in (("snn", snn, sides.snn, activity.images), ("ann", ann, sides.ann, sides.passes.images)):
        tried = dict[tuple[int, ...], Tally]()
        for blocks in _candidates(own, most[side]):
            tried[tuple(blocks.values())] = count(blocks)
        energies = {key: _by_kind(tally.bill(prices, images), program) for key, tally in tried.items()}
        best = dict[CoreKind, int]()
        for at, kind in enumerate(kinds):
            of_kind = {key[at]: energy[kind] for key, energy in energies.items()}
            best[kind] = min(of_kind, key=lambda block: (of_kind[block], block))
            choices.append(BlockChoice(side, kind.name.lower(), own[kind], most[side][kind], best[kind], of_kind))
        total = Tally(program.node_names, whole.steps)
        total.extend(whole)
        total.extend(tried[tuple(own.values())], -1)
        chosen = tuple(best.values())
        total.extend(tried[chosen] if chosen in tried else count(best))
        bills.append(total.bill(prices, images))
    return Best(tuple(choices), Comparison(same.name, same.title, *bills), tuple(notes))


def with_blocks(chip: Chip, blocks: Mapping[CoreKind, int]) -> Chip:
    """The chip with other token blocks, whatever room there is."""
    synapse, ec = chip.synapse_core, chip.ec_core
    if CoreKind.SYNAPSE in blocks:
        synapse = replace(synapse, dataflow=replace(synapse.dataflow, token_block=blocks[CoreKind.SYNAPSE]))
    if ec is not None and CoreKind.EC in blocks:
        ec = replace(ec, dataflow=replace(ec.dataflow, token_block=blocks[CoreKind.EC]))
    return replace(chip, synapse_core=synapse, ec_core=ec)


def _own(chip: Chip, kinds: list[CoreKind]) -> dict[CoreKind, int]:
    return {kind: core_flow(chip, kind).flow.token_block for kind in kinds}


def _candidates(own: Mapping[CoreKind, int], most: Mapping[CoreKind, int]) -> list[dict[CoreKind, int]]:
    """Blocks to try on all kinds of core at once, each kind's last one again where another has more."""
    ladders = {
        kind: sorted({own[kind], most[kind], *(2**power for power in range(32) if own[kind] < 2**power < most[kind])})
        for kind in own
    }
    longest = max(map(len, ladders.values()))
    return [{kind: ladder[min(at, len(ladder) - 1)] for kind, ladder in ladders.items()} for at in range(longest)]


def _most(program: CoreProgram, chip: Chip, kind: CoreKind, side: str) -> int:
    """Tokens whose sums a kind of core has room for, never fewer than its own block, nor more than any part has beyond it."""
    core = chip.synapse_core if kind is CoreKind.SYNAPSE else chip.ec_core
    tokens = max(part.tokens for part in parts_of(program) if part.kind is kind)
    assert core is not None  # the mapper never makes an EC core on a chip that has none
    flow = core.dataflow
    sums = chip.synapse_core.accumulators * flow.time_batch if side == "snn" else 1
    if flow.accumulators == "registers":
        assert core.registers is not None  # hwmodels/consistency.py
        return max(flow.token_block, min(tokens, core.registers.words // sums))
    if kind is CoreKind.EC:
        return flow.token_block
    return max(flow.token_block, min(tokens, _room_in_state(program, chip, sums, with_network=side == "snn")))


def _room_in_state(program: CoreProgram, chip: Chip, sums: int, *, with_network: bool) -> int:
    """Tokens whose sums, so many per token and output, the fullest synapse core has room for in state memory."""
    core, cores = chip.synapse_core, program.cores
    outputs = np.zeros(cores.kind.size, np.int64)
    for part in parts_of(program):
        if part.kind is CoreKind.SYNAPSE and isinstance(part.node, Synapse | Convolution2d):
            outputs[part.core] += part.outputs if core.token_sharing else part.elements
    per_token = DOUBLE_BUFFERS * core.accumulator_bits * sums * outputs
    held = cores.state_bits_used - per_token * core.dataflow.token_block if with_network else np.zeros_like(outputs)
    own = outputs > 0
    return int(((core.state_memory_bits - held[own]) // per_token[own]).min(initial=1 << 30)) if own.any() else 1


def _by_kind(bill: Bill, program: CoreProgram) -> dict[CoreKind, float]:
    """Energy of rows of cores of each kind, pJ per image."""
    energy = bill.energy_by(program.cores.kind[bill.core].astype(np.int32), len(CoreKind)).sum(axis=1)
    return {kind: float(energy[kind]) for kind in CoreKind}
