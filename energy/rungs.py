"""The upper rungs of the energy ladder: memory, NoC and static energy, each added to the rung below, SNN and ANN alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from synaptile.energy.accountings import TITLES, Comparison
from synaptile.energy.ann import dense_passes, scheduled_passes, tally_passes
from synaptile.energy.best import Best, Sides, each_sides_best
from synaptile.energy.bill import Bill, joined
from synaptile.energy.conservation import check_billed_flits, check_phases, check_timeline
from synaptile.energy.flits import ann_flits, noc_prices, scheduled_flits, snn_flits
from synaptile.energy.inside import Inside
from synaptile.energy.memory import ann_accesses, snn_accesses
from synaptile.energy.memory_prices import memory_prices
from synaptile.energy.performance import Performance, performance_of
from synaptile.energy.scheduled_memory import check_scheduled_memory
from synaptile.energy.static import ann_static, snn_static, static_prices
from synaptile.energy.switching import control_bill
from synaptile.hwmodels import Chip
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.dense import dense_timeline
from synaptile.simulator.schedule.timeline import Timeline

NO_PARTS = "needs a mapped program: this one places no part on a core"
NO_SCHEDULE = "needs a schedule"


@dataclass
class Rungs:
    """Rungs above `executed`: `additions` hold what each adds, `cumulative` all up to it.

    `missing` says of a rung that cannot be stated why, `find_best` searches what each side costs with a token block of its
    own choice, `performance` what time both take.
    """

    additions: dict[str, Comparison] = field(default_factory=dict)
    cumulative: dict[str, Comparison] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    find_best: Callable[[], Best] | None = None
    performance: Performance | None = None

    def add(self, name: str, below: Comparison, snn: Bill, ann: Bill) -> Comparison:
        """Put one rung on another."""
        self.additions[name] = Comparison(name, TITLES[name], snn, ann)
        self.cumulative[name] = Comparison(name, TITLES[name], joined([below.snn, snn]), joined([below.ann, ann]))
        return self.cumulative[name]


def upper_rungs(activity: Activity, chip: Chip, executed: Comparison, *, timeline: Timeline | None, inside: Inside) -> Rungs:
    """Rungs memory, noc and static as far as they can be stated, at the prices of `chip`.

    Raises InputError for a schedule of another run or chip, ConservationError where schedule, run and bill disagree.
    """
    rungs = Rungs()
    if not len(activity.program.parts.node):
        rungs.missing.update(dict.fromkeys(("memory", "noc", "static"), NO_PARTS))
        return rungs
    if timeline is not None:
        check_timeline(timeline, activity, chip)
    images = activity.images
    memory = memory_prices(chip)
    passes = dense_passes(activity)
    snn = snn_accesses(activity, chip, inside)
    dense = tally_passes(passes, lambda program: ann_accesses(program, chip, inside))
    below = rungs.add("memory", executed, snn.bill(memory, images), dense.bill(memory, passes.images))
    if timeline is not None:
        check_phases(rungs.additions["memory"].snn, timeline)
        check_scheduled_memory(rungs.additions["memory"].snn, timeline, chip, inside)
    sides = Sides(snn, dense, passes)
    rungs.find_best = partial(each_sides_best, activity, chip, rungs.additions["memory"], sides, inside=inside)
    flits = _flits(activity, chip, timeline)
    if isinstance(flits, str):
        rungs.missing.update(noc=flits, static=NO_SCHEDULE)
        return rungs
    if timeline is not None:
        passes = scheduled_passes(timeline, passes.images)
    below = rungs.add("noc", below, flits, tally_passes(passes, ann_flits).bill(noc_prices(chip), passes.images))
    if timeline is None:
        rungs.missing["static"] = NO_SCHEDULE
        return rungs
    passing = dense_timeline(timeline.program, timeline.images)
    rungs.performance = performance_of(timeline, passing)
    prices, (tally, sampled), (one_pass, of_pass) = (
        static_prices(chip),
        snn_static(timeline),
        ann_static(timeline.program, passing),
    )
    all_passes = tally_passes(passes, lambda _: one_pass)
    snn_bill = tally.bill(prices, images, sampled)
    ann_bill = all_passes.bill(prices, passes.images, {op: passes.images * count for op, count in of_pass.items()})
    rungs.add("static", below, _with_control(snn_bill, executed.snn, chip), _with_control(ann_bill, executed.ann, chip))
    return rungs


def _with_control(static: Bill, executed: Bill, chip: Chip) -> Bill:
    control = control_bill(executed, chip)
    return static if control is None else joined([control, static])


def _flits(activity: Activity, chip: Chip, timeline: Timeline | None) -> Bill | str:
    """The SNN's flits: the schedule's messages, else derived from recorded spikes, else why that cannot be done."""
    prices = noc_prices(chip)
    if timeline is None:
        tally = snn_flits(activity)
        return tally if isinstance(tally, str) else tally.bill(prices, activity.images)
    bill = scheduled_flits(timeline).bill(prices, activity.images, dict.fromkeys(prices, timeline.images))
    check_billed_flits(bill, timeline)
    return bill
