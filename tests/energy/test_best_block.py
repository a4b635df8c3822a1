"""Is each side's best block the one that costs it least of all that find room, and is nothing else changed?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synaptile.energy import EnergyReport, price
from synaptile.energy.best import with_blocks
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind
from tests.energy.test_dataflow import ROOMY, TOKENS, machine, run

WORDS = 12


def with_words(chip: Chip, words: int = WORDS) -> Chip:
    """The machine with so many registers in a lane."""
    assert chip.ec_core is not None and chip.ec_core.registers is not None and chip.synapse_core.registers is not None
    synapse, ec = (replace(core.registers, words=words) for core in (chip.synapse_core, chip.ec_core) if core.registers)
    return replace(chip, synapse_core=replace(chip.synapse_core, registers=synapse), ec_core=replace(chip.ec_core, registers=ec))


def memory_pj(report: EnergyReport, side: str, kind: CoreKind) -> float:
    """What the rung adds on cores of a kind."""
    added = report.additions["memory"]
    bill = added.snn if side == "snn" else added.ann
    return float(bill.energy_by(report.activity.program.cores.kind[bill.core].astype("int32"), len(CoreKind))[kind].sum())


@pytest.mark.parametrize("order", ["step_major", "layer_major"])
def test_no_block_that_finds_room_costs_less(order: Any) -> None:
    """Every block from 1 on, priced in full on both kinds of core."""
    chip = with_words(machine(order, 1, 3 if order == "layer_major" else 1))
    activity = run(chip)
    best = price(activity, chip).best
    assert best is not None and not best.notes and len(best.choices) == 4
    for choice in best.choices:
        kind, batch = CoreKind[choice.kind.upper()], chip.synapse_core.dataflow.time_batch
        room = WORDS // (2 * batch) if choice.side == "snn" else WORDS
        assert choice.most == min(TOKENS, room)
        reports = {b: price(activity, with_blocks(chip, {kind: b})) for b in range(1, choice.most + 1)}
        full = {block: memory_pj(report, choice.side, kind) for block, report in reports.items()}
        assert full[choice.block] == pytest.approx(min(full.values()), rel=1e-12)
        for block, cost in choice.tried.items():
            assert cost - choice.tried[1] == pytest.approx(full[block] - full[1], rel=1e-9, abs=1e-6), (
                "only what blocks share moves"
            )


def test_the_best_ladder_is_that_of_the_chosen_blocks() -> None:
    chip = with_words(machine(block=2, batch=3))
    activity = run(chip)
    report = price(activity, chip)
    assert report.best is not None
    for side in ("snn", "ann"):
        blocks = {CoreKind[one.kind.upper()]: one.block for one in report.best.choices if one.side == side}
        other = price(activity, with_blocks(chip, blocks))
        for rung in report.best_ladder():
            assert getattr(rung, f"{side}_pj") == pytest.approx(getattr(other.rung(rung.name), f"{side}_pj"), rel=1e-12)
    assert [rung.name for rung in report.best_ladder()] == ["memory", "noc"]
    same = {rung.name: rung for rung in report.ladder()}
    assert all(rung.ann_pj < same[rung.name].ann_pj for rung in report.best_ladder())


def test_sums_in_memory_share_a_row_as_far_as_the_fullest_core_has_room() -> None:
    activity = run(ROOMY)
    best = price(activity, ROOMY).best
    assert best is not None
    most = {(one.side, one.kind): one.most for one in best.choices}
    assert most["snn", "ec"] == most["ann", "ec"] == 1, "products keep their sums among the state of their core"
    assert most["ann", "synapse"] >= most["snn", "synapse"] >= 1
    core, cores, parts = ROOMY.synapse_core, activity.program.cores, activity.program.parts
    spiking = [n for n, name in enumerate(activity.program.node_names) if activity.program.graph.nodes[name].kind == "synapse"]
    for core_index in (index for index in range(cores.kind.size) if cores.kind[index] == CoreKind.SYNAPSE):
        own = [p for p in range(parts.node.size) if parts.core[p] == core_index and parts.node[p] in spiking]
        outputs = sum(int(parts.out_stop[p] - parts.out_start[p]) for p in own)
        more = (most["snn", "synapse"] - 1) * 2 * core.accumulators * core.accumulator_bits * outputs
        assert cores.state_bits_used[core_index] + more <= core.state_memory_bits


def test_a_run_that_kept_no_spikes_says_what_its_best_rests_on() -> None:
    chip = with_words(machine(block=1, batch=1))
    forgotten, some = price(run(chip, keep=0), chip).best, price(run(chip, keep=1), chip).best
    assert forgotten is not None and some is not None
    assert "kept no spikes" in forgotten.notes[0] and "those of 1 images" in some.notes[0]
    assert {one.block for one in forgotten.choices if one.side == "snn"} == {1}
