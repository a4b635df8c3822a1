"""Is what cannot be scheduled refused, by name, value and remedy?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synaptile.foundation.errors import ChipError, InputError, ScheduleError
from synaptile.hwmodels import Chip
from synaptile.mapper import footprint
from synaptile.simulator import Activity, schedule
from synaptile.simulator.schedule import simulate


def on(activity: Activity, chip: Chip) -> Activity:
    """The run as if it had been mapped to this chip."""
    return replace(activity, program=replace(activity.program, chip=chip))


@pytest.mark.parametrize("images", [0, -1, 4, True, 1.5])
def test_images_that_were_not_recorded_are_refused(activity: Activity, images: Any) -> None:
    with pytest.raises(InputError, match="the run recorded 3: ask for 1 to 3"):
        schedule(activity, images=images)


def test_another_synchronisation_is_refused(activity: Activity) -> None:
    with pytest.raises(InputError, match="'sometimes', must be one of dataflow, barrier"):
        schedule(activity, synchronisation="sometimes")


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("section", "figure"),
    [
        ("synapse_core", "lanes_per_cycle"),
        ("synapse_core", "neuron_updates_per_cycle"),
        ("ec_core", "multipliers_per_cycle"),
        ("ec_core", "special_functions_per_cycle"),
        ("ec_core", "neuron_updates_per_cycle"),
        ("noc", "link_flits_per_cycle"),
        ("noc", "flit_bits"),
        ("noc", "cycles_per_hop"),
    ],
)
def test_a_rate_at_which_nothing_ends_is_refused(activity: Activity, chip: Chip, section: str, figure: str, value: float) -> None:
    broken = replace(chip, **{section: replace(getattr(chip, section), **{figure: value})})
    with pytest.raises(ChipError, match=f"{section}.{figure} is {value}"):
        schedule(on(activity, broken))


@pytest.mark.parametrize("figures", [{"clock_mhz": 0.0}, {"barrier_ns": float("nan")}, {"barrier_ns": -1.0}])
def test_a_clock_that_stands_still_is_refused(activity: Activity, chip: Chip, figures: dict[str, float]) -> None:
    with pytest.raises(ChipError, match=next(iter(figures))):
        schedule(on(activity, replace(chip, **figures)))  # type: ignore[arg-type]


def test_jobs_without_a_unit_are_refused(activity: Activity, chip: Chip) -> None:
    with pytest.raises(ChipError, match="no EC cores"):
        schedule(on(activity, replace(chip, ec_core=None)))


def test_a_board_whose_chips_cannot_talk_is_refused(activity: Activity, chip: Chip) -> None:
    tiles = replace(chip.mesh, width=1, height=1)
    apart = replace(chip, mesh=tiles, noc=replace(chip.noc, chip_crossing_cycles=None))
    program = replace(activity.program, chip=apart, board=(chip.mesh.width, chip.mesh.height))
    with pytest.raises(ChipError, match=r"noc\.chip_crossing_cycles"):
        schedule(replace(activity, program=program))


def test_jobs_that_wait_for_one_another_are_reported(activity: Activity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "DOUBLE_BUFFERS", 0)
    anew = replace(activity, program=replace(activity.program))  # that holds no tables yet, and leaves none behind
    with pytest.raises(ScheduleError) as caught:
        schedule(anew)
    message = str(caught.value)
    assert "can never finish" in message and "wait for one another on" in message
    assert message.count("  - core ") == 10
    assert "waits for room at 'blocks.0.attn.qkv'" in message and "waits for the end of" in message


def test_progress_is_told_up_to_the_last_job(activity: Activity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "LEAST_JOBS", 1)
    told: list[tuple[int, int]] = []
    timeline = schedule(activity, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (timeline.jobs.core.size,) * 2
    assert len(told) > 5 and [done for done, _ in told] == sorted(done for done, _ in told)
