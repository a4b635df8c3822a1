"""Is a run scheduled on another chip as if it had been executed there?"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import Chip
from synaptile.simulator import Activity, Timeline, execute, schedule
from synaptile.simulator.rebase import first_steps
from synaptile.simulator.storage import load_activity, save_activity
from tests.schedule.conftest import run_on


def same(first: Timeline, second: Timeline) -> None:
    for table in ("jobs", "messages", "links", "cores"):
        for field in fields(getattr(first, table)):
            np.testing.assert_array_equal(getattr(getattr(first, table), field.name), getattr(getattr(second, table), field.name))
    assert first.critical_path == second.critical_path and first.bottleneck == second.bottleneck


def test_another_chip_gives_the_schedule_of_a_run_on_it(activity: Activity, other_chip: Chip) -> None:
    moved, there = schedule(activity, other_chip, images=2), schedule(run_on(other_chip), images=2)
    assert moved.remapped and not there.remapped
    assert moved.program.chip == other_chip and moved.program.parts.node.size != activity.program.parts.node.size
    same(moved, there)
    assert any("mapped anew to chip 'other'" in note and "counted anew" in note for note in moved.notes)
    assert any("2 of 3 images" in note for note in moved.notes), "what could not be checked is said"


def test_all_images_kept_are_checked_against_the_run(chip: Chip, other_chip: Chip) -> None:
    whole = run_on(chip, images=2, keep_spikes=5)
    moved = schedule(whole, other_chip)
    assert not any("cannot check" in note for note in moved.notes)
    record = whole.spikes["blocks.0.attn.k"]
    assert record.masks is not None
    masks = record.masks.copy()
    masks[1, 0, 2, 0] ^= 0b10000000
    damaged = replace(whole, spikes=dict(whole.spikes) | {"blocks.0.attn.k": replace(record, masks=masks)})
    with pytest.raises(ConservationError, match=r"blocks\.0\.attn\.k"):
        schedule(damaged, other_chip)


def test_a_chip_of_the_same_cuts_keeps_the_counts(activity: Activity, chip: Chip) -> None:
    faster = replace(chip, name="faster", synapse_core=replace(chip.synapse_core, lanes_per_cycle=64))
    moved = schedule(activity, faster, images=3)
    assert moved.remapped and any("the same parts" in note for note in moved.notes)
    here = schedule(activity, images=3)
    assert moved.jobs.operations.sum() == here.jobs.operations.sum()
    assert moved.makespan_cycles < here.makespan_cycles


def test_the_chip_of_the_run_is_not_mapped_again(activity: Activity, chip: Chip) -> None:
    assert not schedule(activity, chip).remapped
    assert not schedule(activity, replace(chip, description="the same in other words")).remapped


def test_images_whose_spikes_were_not_kept_cannot_move(activity: Activity, other_chip: Chip) -> None:
    with pytest.raises(InputError, match=r"kept the spikes of 2 images, 3 are asked for.*keep_spikes=3"):
        schedule(activity, other_chip, images=3)
    without = {site: replace(record, masks=None) for site, record in activity.spikes.items()}
    with pytest.raises(InputError, match="kept the spikes of 0 images"):
        schedule(replace(activity, spikes=without), other_chip)


def test_kept_spikes_are_those_counted(activity: Activity) -> None:
    for site, record in activity.spikes.items():
        shape = activity.program.graph.nodes[site].shape
        assert record.masks is not None
        assert record.masks.shape == (3, 2, *shape[:-1], -(-shape[-1] // 8)) and record.masks.dtype == np.uint8
        fired = np.unpackbits(record.masks, axis=-1, count=shape[-1])
        if len(shape) == 3:
            counted = fired.sum(axis=-1).transpose(0, 1, 3, 2)
        else:
            counted = np.add.reduceat(fired.astype(int), record.bounds[:-1], axis=-1)
        np.testing.assert_array_equal(counted, record.events[:, :2])


@pytest.mark.parametrize("images_at_once", [1, 2])
def test_what_is_kept_does_not_depend_on_batches(activity: Activity, images_at_once: int) -> None:
    batch = np.random.default_rng(1).standard_normal((3, 3, 1, 5)).astype(np.float32)
    again = execute(activity.program, batch, 3, "int8", keep_spikes=2, images_at_once=images_at_once)
    for site, record in activity.spikes.items():
        np.testing.assert_array_equal(again.spikes[site].masks, record.masks)


def test_by_default_one_image_is_kept_and_none_on_request(activity: Activity) -> None:
    batch = np.random.default_rng(1).standard_normal((2, 3, 1, 5)).astype(np.float32)
    for record in execute(activity.program, batch, 1).spikes.values():
        assert record.masks is not None and record.masks.shape[1] == 1
    assert all(record.masks is None for record in execute(activity.program, batch, 1, keep_spikes=0).spikes.values())
    with pytest.raises(InputError, match="keep_spikes is -1"):
        execute(activity.program, batch, 1, keep_spikes=-1)


def test_kept_spikes_survive_the_disk(activity: Activity, tmp_path: Path) -> None:
    chip = replace(activity.program.chip, barrier_ns=0.0)  # a file holds no barrier of a chip that works by dataflow
    activity = replace(activity, program=replace(activity.program, chip=chip))
    save_activity(activity, tmp_path)
    loaded = load_activity(tmp_path)
    for site, record in activity.spikes.items():
        np.testing.assert_array_equal(loaded.spikes[site].masks, record.masks)
    same(schedule(loaded, images=2), schedule(activity, images=2))
    without = {site: replace(record, masks=None) for site, record in activity.spikes.items()}
    save_activity(replace(activity, spikes=without), tmp_path)
    assert all(record.masks is None for record in load_activity(tmp_path).spikes.values())


def test_what_a_run_holds_for_chips_mapped_alike_changes_no_schedule(activity: Activity) -> None:
    def on(lanes: int, run: Activity, images: int) -> Timeline:
        chip = run.program.chip
        chip = replace(chip, synapse_core=replace(chip.synapse_core, lanes_per_cycle=lanes))
        return schedule(replace(run, program=replace(run.program, chip=chip)), images=images)

    def fresh() -> Activity:
        return replace(activity, operations=replace(activity.operations))

    shared = fresh()
    for lanes, images in ((4, 1), (16, 1), (16, 2), (4, 2)):
        same(on(lanes, shared, images), on(lanes, fresh(), images))
    few = first_steps(activity, 2)
    same(on(16, few, 1), on(16, first_steps(fresh(), 2), 1))
