"""Break-even: at which spike rate, and with how much weight reuse, the SNN costs less than the ANN.

A priced run is scaled, all else kept: every site fires a factor more or less often (at most one spike per neuron and step), so
all that events cause scales with the rate of the site behind it, and what happens every step stays. A weight row serves r tokens
at the tau steps of the chip's time batch: tokens that fire at rate p independently fetch it 1 - (1 - p)^(r tau) times per block
and batch; the ANN fetches it once per block. At the measured rate and the chip's own token block the model gives the report's own
ratio. Approximations: spike flits scale with spikes (a message's last flit is not rounded anew), all terms of a product scale
linearly (in eq30 one is quadratic).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, Node
from synaptile.energy.bill import Bill
from synaptile.energy.energy_report import EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose
from synaptile.foundation.types import Float64
from synaptile.simulator.actions.fetches import sharing_of
from synaptile.simulator.actions.part import parts_of, whole
from synaptile.simulator.actions.rules import actions_of
from synaptile.simulator.actions.vocabulary import Driver, Role, Trigger
from synaptile.simulator.activity import SpikeRecord

if TYPE_CHECKING:
    import pyarrow as pa


PUBLISHED_BREAK_EVEN = (0.064, "Yan, Bai and Wong, arXiv:2409.08290: below 6.4 % for 5 to 10 steps, against a quantised network")
"""A published spike rate up to which an SNN wins with memory and data movement counted, and where it stands."""

CAUTION = (
    f"Caution: published analyses put break-even near {100 * PUBLISHED_BREAK_EVEN[0]:g} % with memory and data movement counted "
    f"({PUBLISHED_BREAK_EVEN[1]}); networks converted by ECMT fire at about 45 %. A ratio below 1 on the compute rungs alone "
    "says nothing about a chip."
)
"""What every break-even view must say."""

RUNGS = ("eq30", "executed", "memory", "noc")
"""Rungs that can be scaled: static energy depends on the schedule."""

_BISECTIONS = 60


@dataclass(frozen=True, repr=False)
class BreakEven(Tabular, Shown):
    """Ratio SNN / ANN of one rung through `step` steps, over spike rate and weight reuse.

    `rates` has shape (rates,), spikes per neuron and step over all sites; `reuses` (reuses,), tokens a fetched weight row serves;
    `ratio` (reuses, rates). `measured_rate` and `measured_ratio` are the run's own, at the chip's token block. `rate_at_one`
    (reuses,) is the rate at which the ratio is 1: 0 where the SNN loses without a single spike, `highest_rate` where it always
    wins (every neuron of a site that fires at all fires at every step).
    """

    rung: str
    step: int
    rates: Float64
    reuses: NDArray[np.int64]
    ratio: Float64
    measured_rate: float
    measured_ratio: float
    rate_at_one: Float64
    highest_rate: float

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `ratios`: ratio SNN / ANN of every reuse and rate."""
        choose(table, ("ratios",), "a break-even")
        reuses, rates = self.ratio.shape
        columns = {"reuse": np.repeat(self.reuses, rates), "rate": np.tile(self.rates, reuses), "ratio": self.ratio.reshape(-1)}
        return arrow(columns, {"rung": self.rung, "step": self.step, "measured_rate": self.measured_rate})


def break_even(
    report: EnergyReport,
    rung: str = "memory",
    *,
    rates: Sequence[float] | None = None,
    reuses: Sequence[int] = (1, 4, 16, 64),
    step: int | None = None,
) -> BreakEven:
    """Scale a priced run over spike rate and weight reuse.

    `rates` default to 40 from 0.5 % to 100 %, evenly spread in the logarithm. Raises InputError for a rung that cannot be scaled
    or is missing, rates outside 0..1, reuses below 1, a run without spikes, an unpriced operation.
    """
    at = report.steps if step is None else step
    model = _Model(report, rung, at)
    asked = np.geomspace(0.005, 1.0, 40) if rates is None else np.asarray(rates, np.float64)
    if not len(asked) or (asked < 0).any() or (asked > 1).any():
        raise InputError("spike rates must lie in 0..1 (spikes per neuron and step), at least one of them")
    tokens = np.asarray(reuses, np.int64)
    if not len(tokens) or (tokens < 1).any():
        raise InputError("reuses must be 1 or more tokens a fetched weight row, at least one of them")
    return BreakEven(
        rung,
        at,
        asked,
        tokens,
        np.array([[model.ratio(model.factor(rate), int(r)) for rate in asked] for r in tokens]),
        model.rate(1.0),
        model.measured,
        np.array([model.rate_at_one(int(r)) for r in tokens]),
        model.rate(model.limit),
    )


class _Model:
    """One rung's energy as a function of `factor`, by which every site fires more often, and reuse. Arrays: shape (nodes,)."""

    def __init__(self, report: EnergyReport, rung: str, step: int) -> None:
        if rung not in RUNGS:
            raise InputError(f"rung {rung!r} cannot be scaled with the spike rate: use one of {', '.join(RUNGS)}")
        if report.activity.lengths is not None:
            raise InputError("break-even scales images that are alike, this run is of sentences: it has no one number of neurons")
        comparison = report.comparison(rung)
        self.measured = report.ratio(rung, step=step)
        nodes = tuple(report.activity.program.graph.nodes.values())
        self.neurons = np.array([node.size if isinstance(node, Neurons) else 0 for node in nodes], np.int64)
        site_rate = {site: _rate(record, step) for site, record in report.activity.spikes.items()}
        if not any(site_rate.values()):
            raise InputError("the run has no spikes to scale: break-even needs a run in which neurons fire")
        self.node_rate = np.array([_behind(node, site_rate, report) for node in nodes])
        self.tokens = np.array([node.tokens for node in nodes], np.int64)
        self.block, self.batch = np.array([_sharing(node, report) for node in nodes], np.int64).T
        self.fixed, self.events, self.fetches = _parts(comparison.snn, step, len(nodes))
        ann_fixed, ann_events, self.ann_fetches = _parts(comparison.ann, 1, len(nodes))
        self.ann_fixed = ann_fixed + float(ann_events.sum())
        self.limit = 1 / min(rate for rate in site_rate.values() if rate > 0)

    def rate(self, factor: float) -> float:
        """Spikes per neuron and step over all sites; no neuron fires more than once per step."""
        return float((self.neurons * np.minimum(factor * self.node_rate, 1.0)).sum() / self.neurons.sum())

    def factor(self, rate: float) -> float:
        """The factor that gives a mean rate, the limit where even that does not reach it."""
        return _solve(lambda factor: self.rate(factor) < rate, self.limit)

    def ratio(self, factor: float, reuse: int) -> float:
        """SNN over ANN where every site fires `factor` times as often and a weight row serves `reuse` tokens."""
        fired = np.minimum(factor * self.node_rate, 1.0)
        scale = np.divide(fired, self.node_rate, out=np.zeros_like(fired), where=self.node_rate > 0)
        priced = self._needed(self.node_rate, self.block)
        fetched = np.divide(self._needed(fired, reuse), priced, out=np.zeros_like(fired), where=priced > 0)
        snn = self.fixed + float((self.events * scale).sum()) + float((self.fetches * fetched).sum())
        ann = self.ann_fixed + float((self.ann_fetches * (-(-self.tokens // reuse) / -(-self.tokens // self.block))).sum())
        return snn / ann

    def _needed(self, fired: Float64, block: int | NDArray[np.int64]) -> Float64:
        """Fetches of a row per step that blocks of so many tokens, firing independently, make."""
        full, rest = np.divmod(self.tokens, block)
        needed = full * (1 - (1 - fired) ** (block * self.batch)) + (1 - (1 - fired) ** (rest * self.batch))
        return np.asarray(needed / self.batch)

    def rate_at_one(self, reuse: int) -> float:
        """The mean rate at which the ratio, which grows with it, is 1."""
        return self.rate(_solve(lambda factor: self.ratio(factor, reuse) < 1, self.limit))


def _solve(below: Callable[[float], bool], limit: float) -> float:
    """The factor in 0..limit up to which `below` holds, found by bisection; an end of the range where it never or always does."""
    if not below(0.0):
        return 0.0
    if below(limit):
        return limit
    low, high = 0.0, limit
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _rate(record: SpikeRecord, step: int) -> float:
    """Spikes per neuron and step of one site, steps 1..step."""
    events = record.events[:step]
    spikes = int(events.sum(dtype=np.int64))
    return spikes / (record.neurons * step * int(events.shape[1]))


def _behind(node: Node, site_rate: Mapping[str, float], report: EnergyReport) -> float:
    """Rate of the spikes that cause a node's events: its own where it fires, else of the sites that it reads."""
    if node.name in site_rate:
        return site_rate[node.name]
    if all(action.trigger is Trigger.STEP for action in actions_of(whole(node))):
        return 0.0
    sites = [(site_rate[port.node], report.activity.spikes[port.node].neurons) for port in node.inputs if port.node in site_rate]
    neurons = sum(count for _, count in sites)
    return sum(rate * count for rate, count in sites) / neurons if neurons else 0.0


def _sharing(node: Node, report: EnergyReport) -> tuple[int, int]:
    """Tokens and steps that share a row of a node as it was priced, 1 and 1 where each spike fetches its own."""
    program = report.activity.program
    chosen = program.parts_of(node.name)
    return (chosen.size and sharing_of(report.chip, parts_of(program)[int(chosen[0])])) or (1, 1)


def _parts(bill: Bill, step: int, nodes: int) -> tuple[float, Float64, Float64]:
    """Energy through `step` that does not depend on spikes, and per node what events cause and what weight fetches take."""
    drivers = tuple(Driver)
    kinds = np.array([drivers.index(Role(role).driven_by) for role in bill.roles], np.int32)
    group = kinds[bill.role] * (nodes + 1) + bill.node
    energy = bill.energy_by(group.astype(np.int32), 3 * (nodes + 1))[:, :step].sum(axis=1).reshape(3, nodes + 1)
    return float(energy[0].sum()), energy[1, :nodes], energy[2, :nodes]
