"""The scheduler written again from docs/decisions/0004-schedule.md: dictionaries, sets and heapq, one thing after another.

It lists every edge between jobs, counts spikes from the packed masks, finds routes itself, and keeps each link's history. Only
the program's tables are shared with what it checks.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ECUnit,
    ImageSource,
    MTNeurons,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    Synapse,
    TokenMean,
    TokenSelect,
)
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.functions import function_operations
from synaptile.simulator.activity import Activity
from tests.schedule.naive_network import NaiveNetwork

DEPTH = 2
SPECIAL = {"exp", "erf", "tanh", "sigmoid", "div", "rsqrt"}


class Job(NamedTuple):
    """In the order in which a core prefers jobs. `token` -1: the operand sums of a product."""

    step: int
    node: int
    token: int
    part: int


@dataclass
class Trip:
    """One message over one link: when its head came, when the link carried it."""

    arrival: int
    start: int
    end: int
    flits: int


@dataclass
class Result:
    start: dict[Job, int] = field(default_factory=dict)
    end: dict[Job, int] = field(default_factory=dict)
    messages: dict[tuple[Job, int, int], tuple[int, int]] = field(default_factory=dict)
    trips: dict[Any, list[Trip]] = field(default_factory=lambda: defaultdict(list))
    inputs: dict[Job, set[Job]] = field(default_factory=lambda: defaultdict(set))
    carried: Any = None


class Naive:
    """One schedule of `images` images from `first`, on the chip and the mapping of the run, or of one phase of it by itself."""

    def __init__(self, activity: Activity, images: int, barrier: bool, *, first: int = 0, phase: int = 0) -> None:
        self.activity, self.images, self.barrier, self.first, self.phase = activity, images, barrier, first, phase
        self.program: CoreProgram = activity.program
        self.graph, self.chip = self.program.graph, self.program.chip
        self.parts = self.program.parts
        self.steps = activity.steps * images
        self.hold = activity.steps if self.chip.layer_major else 1
        self.width = self.program.board[0] * self.chip.mesh.width
        self.fired = {
            name: np.unpackbits(record.masks, axis=-1, count=self.graph.nodes[name].shape[-1])
            for name, record in activity.spikes.items()
            if record.masks is not None
        }
        self.result = Result()
        self.network = self.bounded() if self.chip.noc.flow_control != "unbounded" else None
        self.sending: dict[Job, int] = {}
        self.leaving: dict[int, int] = defaultdict(int)
        self.flows_of: dict[int, list[int]] = defaultdict(list)
        self.flows_to: dict[int, list[int]] = defaultdict(list)
        self.flows = [
            f
            for f in range(self.program.flows.source.size)
            if self.works(int(self.program.flows.source[f])) and self.works(int(self.program.flows.target[f]))
        ]
        for f in self.flows:
            self.flows_of[int(self.program.flows.source[f])].append(f)
            self.flows_to[int(self.program.flows.target[f])].append(f)

    # what a part is

    def works(self, part: int) -> bool:
        """Whether a part is of the phase that is scheduled."""
        return bool(self.program.cores.phase[self.parts.core[part]] == self.phase)

    def node(self, part: int) -> Any:
        return self.graph.nodes[self.program.node_names[int(self.parts.node[part])]]

    def tokens(self, part: int) -> range:
        return range(int(self.parts.token_start[part]), int(self.parts.token_stop[part]))

    def jobs_of(self, part: int, step: int) -> list[Job]:
        node = int(self.parts.node[part])
        first = [-1] if isinstance(self.node(part), ProductUnit) else []
        return [Job(step, node, token, part) for token in [*first, *self.tokens(part)]]

    def spikes(self, site: str, job: Job, token: int, start: int, stop: int) -> int:
        fired = self.fired[site][job.step % self.activity.steps, self.first + job.step // self.activity.steps]
        if self.graph.nodes[site].is_map:
            return int(fired[start:stop, token].sum())
        return int(fired[token, start:stop].sum())

    # who waits for whom

    def receiver(self, f: int, token: int, step: int) -> Job:
        """The job that one token of a flow goes to."""
        flows, part = self.program.flows, int(self.program.flows.target[f])
        node, number = self.node(part), int(flows.input[f])
        index = int(self.parts.node[part])
        if isinstance(node, ProductUnit) and number == 1:
            return Job(step, index, -1, part)
        if isinstance(node, TokenMean):
            return Job(step, index, 0, part)
        if isinstance(node, Concatenate):
            token += sum(self.graph.nodes[port.node].tokens for port in node.inputs[:number])
        if isinstance(node, TokenSelect):
            token -= node.start
        assert token in self.tokens(part)
        return Job(step, index, token, part)

    def needs(self) -> dict[Job, set[Any]]:
        """All that each job waits for, one label each."""
        waits: dict[Job, set[Any]] = {}
        flows = self.program.flows
        for step in range(self.steps):
            for part in filter(self.works, range(self.parts.node.size)):
                for job in self.jobs_of(part, step):
                    waits[job] = set()
                    if step:
                        waits[job].add(("end", job._replace(step=step - 1)))
                        if self.barrier:
                            waits[job].add(("barrier", step))
                    if isinstance(self.node(part), ProductUnit) and job.token >= 0:
                        waits[job].add(("end", job._replace(token=-1)))
        for f in self.flows:
            source, target = int(flows.source[f]), int(flows.target[f])
            tokens = range(int(flows.token_start[f]), int(flows.token_stop[f]))
            on_synapse_core = self.program.cores.kind[self.parts.core[target]] == CoreKind.SYNAPSE
            for first in range(self.hold):  # the steps that share a window: all of them, or those of one number of each image
                line = [(step, token) for step in range(first, self.steps, self.hold) for token in tokens]
                for place, (step, token) in enumerate(line):
                    sender = Job(step, int(self.parts.node[source]), token, source)
                    receiver = self.receiver(f, token, step)
                    waits[receiver].add(("token", f, sender))
                    self.result.inputs[receiver].add(sender)
                    earlier = step - self.hold
                    if on_synapse_core:
                        depth = DEPTH * self.block(target)
                        if place >= depth:
                            before = line[place - depth]
                            waits[sender].add(("room", f, self.receiver(f, before[1], before[0])))
                    elif earlier >= 0 and isinstance(self.node(target), ProductUnit) and flows.input[f] == 1:
                        waits[sender] |= {("room", f, row) for row in self.jobs_of(target, earlier) if row.token >= 0}
                    elif earlier >= 0:
                        waits[sender].add(("room", f, receiver._replace(step=earlier)))
        return waits

    # which ready job a core takes

    def block(self, part: int) -> int:
        """Tokens that the part's core takes together."""
        synapse = self.program.cores.kind[self.parts.core[part]] == CoreKind.SYNAPSE
        core = self.chip.synapse_core if synapse else self.chip.ec_core
        assert core is not None
        return core.dataflow.token_block if self.chip.layer_major else 1

    def preference(self, job: Job) -> tuple[int, ...]:
        """Step by step; in layer-major order image by image, layer by layer, block by block of tokens."""
        if not self.chip.layer_major:
            return job
        block = -1 if job.token < 0 else job.token // self.block(job.part)
        return (job.step // self.hold, job.node, block, job.step, job.token, job.part)

    # how long a job takes

    def duration(self, job: Job) -> int:
        part, node = job.part, self.node(job.part)
        core = int(self.parts.core[part])
        units: dict[str, int] = defaultdict(int)
        channels = int(self.parts.out_stop[part] - self.parts.out_start[part])
        e = channels * (node.shape[2] if node.is_map else 1)
        shifts = self.chip.synapse_core.graded_spikes == "shift"
        later = job.step % self.activity.steps > 0
        match node:
            case Synapse(spiking=True):
                rows = self.spikes(
                    node.inputs[0].node, job, job.token, int(self.parts.in_start[part]), int(self.parts.in_stop[part])
                )
                units["lanes"] = rows * channels
                if self.parts.owner[part] == part:
                    helpers = sum(1 for other in self.parts.owner if other == part) - 1
                    units["lanes"] += e + helpers * (2 if shifts else 1) * e
                    units["updates"] = e if shifts else 0
            case Synapse():
                units["multipliers"] = node.fan_in * e + e
            case MTNeurons():
                units["updates"] = e
            case PatchEmbedding():
                units["multipliers"] = 0 if later else node.fan_in * e + e
            case ECUnit():
                units["multipliers"] = 4 * e
                for op, count in function_operations(node).items():
                    units["special" if op in SPECIAL else "multipliers"] += count * e // node.size
            case ProductUnit():
                units["multipliers"] = self.product_operations(job, node, part, e, later)
            case Add():
                units["multipliers"] = e * (len(node.inputs) - 1)
            case TokenMean():
                units["multipliers"] = e * (node.stop - node.start)
            case ReadOut():
                units["multipliers"] = 2 * e
        if self.program.cores.kind[core] == CoreKind.SYNAPSE:
            rates: dict[str, float] = {
                "lanes": self.chip.synapse_core.lanes_per_cycle,
                "updates": self.chip.synapse_core.neuron_updates_per_cycle,
            }
        else:
            assert self.chip.ec_core is not None
            rates = {
                "multipliers": self.chip.ec_core.multipliers_per_cycle,
                "special": self.chip.ec_core.special_functions_per_cycle,
                "updates": self.chip.ec_core.neuron_updates_per_cycle,
            }
        return max((math.ceil(count / Fraction(str(rates[unit]))) for unit, count in units.items() if count), default=0)

    def product_operations(self, job: Job, node: ProductUnit, part: int, e: int, later: bool) -> int:
        a, b = (port.node for port in node.inputs)
        d = node.head_width
        low, high = int(self.parts.out_start[part]), int(self.parts.out_stop[part])
        if node.form == "sv":
            low, high = low // d, high // d
        of_b = sum(self.spikes(b, job, key, low * d, high * d) for key in range(node.keys))
        if job.token < 0:
            return of_b
        if node.form == "qk":
            of_a, columns = self.spikes(a, job, job.token, low * d, high * d), node.keys
        else:
            of_a, columns = self.spikes(a, job, job.token, low, high), d
        passes = 2 if later else 1
        return of_a * columns + (of_b if later else 0) + of_a + 2 * e * passes + 2 * e + 3 * e

    # messages

    def elements_and_bits(self, f: int, job: Job) -> tuple[int, int]:
        flows, node = self.program.flows, self.node(job.part)
        start, stop = int(flows.start[f]), int(flows.stop[f])
        if isinstance(node, MTNeurons):
            spikes = self.spikes(node.name, job, job.token, start, stop)
            return spikes, self.chip.noc.spike_header_bits + 1 + (node.n - 1).bit_length()
        if flows.input[f] == -1:
            return (stop - start) * (2 if self.chip.synapse_core.graded_spikes == "shift" else 1), self.chip.noc.word_bits
        return (stop - start) * (node.shape[2] if node.is_map else 1), self.chip.noc.word_bits

    def tile(self, core: int) -> tuple[int, int]:
        return int(self.program.cores.x[core]), int(self.program.cores.y[core])

    def hop_cycles(self, here: tuple[int, int], there: tuple[int, int]) -> int:
        mesh = self.chip.mesh
        if (here[0] // mesh.width, here[1] // mesh.height) != (there[0] // mesh.width, there[1] // mesh.height):
            assert self.chip.noc.chip_crossing_cycles is not None
            return self.chip.noc.chip_crossing_cycles
        return self.chip.noc.cycles_per_hop

    def carry(self, link: Any, arrival: int, flits: int) -> int:
        """Take a link for one message; when it starts."""
        trips = self.result.trips[link]
        start = max(arrival, trips[-1].end if trips else 0)
        trips.append(Trip(arrival, start, start + math.ceil(flits / Fraction(str(self.chip.noc.link_flits_per_cycle))), flits))
        return start

    def send(self, job: Job, f_of_core: dict[int, list[int]], now: int) -> tuple[int, dict[int, int]]:
        """Send one message to some cores; when its head left, and when each core has it."""
        elements, bits = self.elements_and_bits(next(iter(f_of_core.values()))[0], job)
        flits = max(1, math.ceil(Fraction(elements * bits, self.chip.noc.flit_bits)))
        core = int(self.parts.core[job.part])
        injected = self.carry(("in", core), now, flits)
        heads = {self.tile(core): injected + 1}
        delivered = {}
        for target in f_of_core:
            x, y = self.tile(core)
            while (x, y) != self.tile(target):
                goal = self.tile(target)
                there = (x + (1 if goal[0] > x else -1), y) if x != goal[0] else (x, y + (1 if goal[1] > y else -1))
                if there not in heads:
                    heads[there] = self.carry(((x, y), there), heads[x, y], flits) + self.hop_cycles((x, y), there)
                x, y = there
        for target in f_of_core:
            self.carry(("out", target), heads[self.tile(target)], flits)
            delivered[target] = self.result.trips["out", target][-1].end
        return injected, delivered

    def bounded(self) -> NaiveNetwork:
        """Decision 21; trees are added as they are met."""
        noc = self.chip.noc
        pace = int(max(noc.link_flits_per_cycle, 1)), int(1 / min(noc.link_flits_per_cycle, 1))
        return NaiveNetwork(
            noc.flow_control, noc.input_queue_flits, noc.packet_flits or 0, {}, _Nowhere(), self, _Sinks(), {}, pace
        )

    def __getitem__(self, queue: Any) -> int:
        """The port of a queue at its router: from above, below, left, right, then cores."""
        if queue[0] == "core":
            return 0
        if queue[0] == "in":
            tile = self.tile(queue[1])
            return 4 + sum(1 for core in range(queue[1]) if self.tile(core) == tile)
        (x, y), (to_x, to_y) = queue
        if x != to_x:
            return 2 if x < to_x else 3
        return 0 if y > to_y else 1

    def hand_over(self, job: Job, f_of_core: dict[int, list[int]], key: Any, now: int) -> None:
        """Queue a message at its core, where queues are bounded."""
        network, core = self.network, int(self.parts.core[job.part])
        assert network is not None
        elements, bits = self.elements_and_bits(next(iter(f_of_core.values()))[0], job)
        root: Any = ("in", core)
        below: dict[Any, list[Any]] = defaultdict(list)
        links = {self.tile(core): root}
        network.latency[root] = 1
        for target in f_of_core:
            x, y = here = self.tile(core)
            while here != self.tile(target):
                goal = self.tile(target)
                there = (x + (1 if goal[0] > x else -1), y) if x != goal[0] else (x, y + (1 if goal[1] > y else -1))
                if there not in links:
                    links[there] = (here, there)
                    network.latency[here, there] = self.hop_cycles(here, there)
                    below[links[here]].append((here, there))
                x, y = here = there
            below[links[here]].append(("out", target))
        network.trees[key] = root, below
        self.result.messages[key] = -1, -1
        self.sending[job] = self.sending.get(job, 0) + 1
        network.send(key, key, max(1, math.ceil(Fraction(elements * bits, self.chip.noc.flit_bits))))

    def move_flits(self, now: int, events: list[Any]) -> None:
        """One cycle of the network with bounded queues."""
        network = self.network
        assert network is not None
        arrived, left = network.step(now)
        for key, (_, core) in arrived:
            job, group, _ = key
            self.result.messages[key] = network.began[key], now + network.pace[1]
            for f in self.flows_of[job.part]:
                flows = self.program.flows
                mine = flows.token_start[f] <= job.token < flows.token_stop[f] and flows.group[f] == group
                if mine and self.parts.core[flows.target[f]] == core:
                    heapq.heappush(events, (now + network.pace[1], 1, (f, job)))
        for job, _, _ in left:
            self.sending[job] -= 1
            if not self.sending[job]:
                heapq.heappush(events, (now + network.pace[1], 3, self.core(job)))

    # time

    def run(self) -> Result:
        waits = self.needs()
        labels: dict[Any, list[Job]] = defaultdict(list)
        rooms: dict[Job, list[tuple[Any, Job]]] = defaultdict(list)
        for job, reasons in waits.items():
            for reason in reasons:
                if reason[0] == "room":
                    rooms[reason[2]].append((reason, job))
                else:
                    labels[reason].append(job)
        ready: dict[int, list[tuple[tuple[int, ...], Job]]] = defaultdict(list)
        running: dict[int, Job] = {}
        left = {step: sum(1 for job in waits if job.step == step) for step in range(self.steps)}
        events: list[tuple[int, int, Any]] = []
        result = self.result

        def met(reason: Any, jobs: list[Job]) -> None:
            for job in jobs:
                waits[job].remove(reason)
                if not waits[job]:
                    heapq.heappush(ready[self.core(job)], (self.preference(job), job))

        for job in sorted(waits):
            if not waits[job]:
                heapq.heappush(ready[self.core(job)], (self.preference(job), job))
        now = 0
        while True:
            while events and events[0][0] == now:
                _, kind, what = heapq.heappop(events)
                if kind == 0:
                    del running[self.core(what)]
                    met(("end", what), labels[("end", what)])
                    self.hand_on(what, now, met, events)
                    left[what.step] -= 1
                    if self.barrier and not left[what.step] and what.step + 1 < self.steps:
                        cycles = math.ceil(Fraction(str(self.chip.barrier_ns)) * Fraction(str(self.chip.clock_mhz)) / 1000)
                        heapq.heappush(events, (now + cycles, 2, what.step + 1))
                elif kind == 1:
                    f, sender = what
                    met(("token", f, sender), labels[("token", f, sender)])
                elif kind == 3:
                    self.leaving[what] -= 1
                else:
                    met(("barrier", what), labels[("barrier", what)])
            picked = {
                core: heapq.heappop(jobs)[1]
                for core, jobs in ready.items()
                if jobs and core not in running and self.leaving[core] < 2
            }
            for core, job in picked.items():
                running[core] = job
                result.start[job], result.end[job] = now, now + self.duration(job)
                heapq.heappush(events, (result.end[job], 0, job))
                for reason, sender in rooms[job]:
                    met(reason, [sender])
            if picked:
                continue
            flits = self.network is not None and any(self.network.queues.values())
            if flits:
                self.move_flits(now, events)
            if not events and not flits:
                break
            now = now + 1 if flits else events[0][0]
        result.carried = self.network.carried if self.network is not None else None
        assert len(result.start) == len(waits), "the naive schedule is stuck"
        return result

    def core(self, job: Job) -> int:
        return int(self.parts.core[job.part])

    def hand_on(self, job: Job, now: int, met: Any, events: list[Any]) -> None:
        flows = self.program.flows
        groups: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for f in self.flows_of[job.part]:
            if not flows.token_start[f] <= job.token < flows.token_stop[f]:
                continue
            if flows.group[f] < 0:
                met(("token", f, job), [self.receiver(f, job.token, job.step)])
            else:
                groups[int(flows.group[f])][int(self.parts.core[flows.target[f]])].append(f)
        for group in sorted(groups):
            cores = dict(sorted(groups[group].items()))
            copies = [(-1, cores)] if self.chip.noc.multicast else [(core, {core: fs}) for core, fs in cores.items()]
            for target_core, receivers in copies:
                if self.network is not None:
                    self.hand_over(job, receivers, (job, group, target_core), now)
                    continue
                injected, delivered = self.send(job, receivers, now)
                self.result.messages[job, group, target_core] = injected, max(delivered.values())
                for core, fs in receivers.items():
                    for f in fs:
                        heapq.heappush(events, (delivered[core], 1, (f, job)))
        if self.sending.get(job):
            self.leaving[self.core(job)] += 1


class _Nowhere:
    def __getitem__(self, link: Any) -> int:
        return -1


class _Sinks:
    def __contains__(self, link: Any) -> bool:
        return bool(link[0] == "out")


def first_image(graph: Any) -> tuple[int, int, int]:
    """Shape of the images that a graph reads."""
    return next(node.image_shape for node in graph.nodes.values() if isinstance(node, ImageSource))
