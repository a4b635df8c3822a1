"""The ANN in cycles: dense passes of a stream of images on the cores of a mapped program, by the same event loop.

A pass is one step in which every activation is sent, as a word. Synapses multiply at the rate of their lanes, neurons take no
time, and there is no barrier, for there are no steps to part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from synaptile.conversion.graph import Synapse
from synaptile.foundation.derived import shared
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels.alike import CLOCK, LINKS, RATES, figures_but
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.actions.part import Part, parts_by_look, parts_of
from synaptile.simulator.actions.rules import dense_operations_of
from synaptile.simulator.schedule.phases import simulate_phases
from synaptile.simulator.schedule.plan import StepJobs, preference
from synaptile.simulator.schedule.rates import cycles, exact_rate, unit_rates
from synaptile.simulator.schedule.simulate import job_ends
from synaptile.simulator.schedule.state import Costs
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.timeline import OPERANDS
from synaptile.simulator.schedule.transfers import plan_of, stored_outputs
from synaptile.simulator.schedule.work import ACCUMULATE, MULTIPLY, SPECIAL


@dataclass(frozen=True)
class DenseTimeline:
    """Dense passes of `images` images, one behind the other. `core_busy` has shape (cores,), cycles over the whole stream.

    `latency_cycles`: from the first image's first job, or load, to its result; `between_cycles`: from the first result to the
    last, over whole loads where weights are streamed; the makespan where there is one image.
    """

    images: int
    latency_cycles: int
    between_cycles: int
    makespan_cycles: int
    core_busy: Int64
    flit_hops: int

    @property
    def interval_cycles(self) -> float:
        """Mean cycles between the results of consecutive images; one image's makespan where there is one."""
        return self.between_cycles / max(1, self.images - 1)


@shared(lambda program, images: (figures_but(program.chip), images))
def dense_timeline(program: CoreProgram, images: int) -> DenseTimeline:
    """Schedule dense passes. Raises ChipError and ScheduleError as `schedule` does."""
    tables = tables_of(program)
    jobs, flits = tables.jobs, _flits(program, tables)
    duration = np.tile(_durations(program, jobs), (images, 1))
    rate = exact_rate(program.chip, "noc.link_flits_per_cycle", program.chip.noc.link_flits_per_cycle)
    busy = cycles(flits, rate).astype(np.int32)
    rank, job_at = preference(program, jobs, 1)
    costs = Costs(duration, np.tile(flits, (images, 1)), np.tile(busy, (images, 1)), -1, 1, rank, job_at, 1)
    begin, ends, per_image = 0, 0, None
    if program.phases == 1:
        end = job_ends(program, tables, costs)
    else:
        stored = stored_outputs(program)
        bits = np.array([parts_of(program)[part].elements for part in stored.part]) * program.chip.noc.word_bits
        plan, _ = plan_of(program, stored, np.tile(bits, (images, 1)).astype(np.int64), 1)
        times, _, phases = simulate_phases(program, tables, costs, plan, None)
        begin, ends = int(phases.image_starts(images)[0]), int(phases.end_cycles.max())
        per_image = phases.interval_cycles()  # images of one load come out together
        end = times.start.reshape(images, jobs.size) + duration
    done = end.max(axis=1)
    makespan = max(int(end.max()), ends)
    between = int(done[-1] - done[0]) if per_image is None else round(per_image * (images - 1))
    hops = (flits.astype(np.int64) * tables.trees.hops[tables.slots.tree]).sum()
    return DenseTimeline(
        images,
        int(done[0]) - begin,
        makespan if images == 1 else between,
        makespan,
        np.bincount(jobs.core, duration.sum(axis=0), program.cores.kind.size).astype(np.int64),
        int(hops),
    )


def _durations(program: CoreProgram, jobs: StepJobs) -> Int64:
    """Cycles of each job of one pass, shape (jobs,)."""
    rates, of_part = unit_rates(program), np.zeros(program.parts.node.size, np.int64)
    for parts, work in _dense_works(program):
        for unit, count in work.items():
            rate = rates[parts[0].kind][unit]
            assert rate is not None  # every kind of core has the units of what is mapped to it
            own = [part.index for part in parts]
            of_part[own] = np.maximum(of_part[own], ceil(count / parts[0].tokens / rate))
    durations = of_part[jobs.part]
    durations[jobs.token == OPERANDS] = 0
    return durations


@shared(lambda program: (program.chip.units, program.chip.synapse_core.accumulators))
def _dense_works(program: CoreProgram) -> list[tuple[tuple[Part, ...], Counter[int]]]:
    """Parts that rules see alike, and the operations of each."""
    return [(parts, dense_work(parts[0])) for parts in parts_by_look(program)]


def dense_work(part: Part) -> Counter[int]:
    """Operations of a part in one dense pass by unit, as fractions: its share of the node's, and sums that it is sent."""
    work: Counter[int] = Counter()
    if not part.tokens:
        return work
    rows = Fraction(part.rows, part.node.fan_in) if isinstance(part.node, Synapse) else 1
    share = Fraction(part.tokens * part.outputs, part.node.tokens * part.node.width) * rows
    plain = ACCUMULATE if part.kind is CoreKind.SYNAPSE else MULTIPLY
    for action in dense_operations_of(part.node):
        work[SPECIAL if action.op.special and plain == MULTIPLY else plain] += action.count * share  # type: ignore[assignment]
    work[plain] += part.senders * part.tokens * part.outputs
    return work


def _flits(program: CoreProgram, tables: Tables) -> Int32:
    """Flits of each message of one pass, shape (messages,): a word per activation, one set of partial sums."""
    noc = program.chip.noc
    flits = np.maximum(1, -(-_words(program) * noc.word_bits // noc.flit_bits)).astype(np.int32)
    return flits[tables.slots.tree]


@shared(lambda program: figures_but(program.chip, *CLOCK, *RATES, *LINKS))
def _words(program: CoreProgram) -> Int64:
    """Words of each message over every tree of the schedule, shape (trees,)."""
    flows, trees = program.flows, tables_of(program).trees
    leaving = np.flatnonzero(flows.group >= 0)
    flow_of_group = leaving[np.unique(flows.group[leaving], return_index=True)[1]]
    words = np.zeros(trees.group.size, np.int64)
    for tree, group in enumerate(trees.group):
        flow = flow_of_group[group]
        source = program.graph.nodes[program.node_names[int(program.parts.node[flows.source[flow]])]]
        each = 1 if flows.input[flow] == PARTIAL_SUMS else elements_per_channel(source)
        words[tree] = each * int(flows.stop[flow] - flows.start[flow])
    return words
