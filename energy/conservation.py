"""What must hold before and after pricing, also of a schedule. A breach is a defect in Synaptile, so a ConservationError."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Convolution2d, ProductUnit
from synaptile.conversion.graph.windows import fan_out
from synaptile.energy.bill import Bill
from synaptile.energy.flits import BY_DIRECTION, CROSSING, HOP, INJECTION, priced_ops
from synaptile.energy.memory_prices import DRAM_BIT
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.sums import sum_by
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.activity import OPS, Activity
from synaptile.simulator.schedule.timeline import LinkKind, Timeline


def check_activity(activity: Activity) -> None:
    """Raise ConservationError unless the run's counts are complete, inside their bounds and of one shape.

    Bounds: a site emits at most one spike per neuron and step, so a Linear accumulates at most its dense MACs per step and image,
    in whole fan-outs; a convolution, the fan-outs of all neurons in front of it; a product has three terms, so at most three
    times its dense MACs.
    """
    _check_operations(activity)
    accounting, graph = activity.accounting, activity.program.graph
    macs = graph.ann_macs
    if accounting.nodes != tuple(macs):
        raise ConservationError(
            f"the accounting names {len(accounting.nodes)} nodes, the graph {graph.name!r} has {len(macs)} Linears and products "
            "in another order or of other names"
        )
    if accounting.ann_macs.tolist() != list(macs.values()):
        raise ConservationError(f"the accounting's dense MACs differ from those of the graph {graph.name!r}")
    expected = (len(macs), activity.steps, activity.images)
    for name, counts in (("eq30", accounting.eq30), ("released", accounting.released)):
        if counts.shape != expected or not np.issubdtype(counts.dtype, np.integer):
            raise ConservationError(
                f"accounting {name!r} is {counts.dtype} of shape {counts.shape}, needs integers of shape {expected}"
            )
        for i, (node_name, dense) in enumerate(macs.items()):
            node = graph.nodes[node_name]
            product = isinstance(node, ProductUnit)
            limit = 3 * dense if product else dense
            if isinstance(node, Convolution2d):
                # Borders reach fewer outputs than a dense pass, pooled windows more than once.
                limit = len(node.inputs) * int(fan_out(node).sum())
            low, high = int(counts[i].min(initial=0)), int(counts[i].max(initial=0))
            if low < 0 or high > limit:
                raise ConservationError(
                    f"accounting {name!r} counts {low}..{high} ACs a step at {node_name!r}, bounds 0..{limit}"
                )
            whole = not (product or isinstance(node, Convolution2d))
            if whole and (counts[i] % node.width).any():
                raise ConservationError(f"accounting {name!r} at {node_name!r} is no multiple of the fan-out {node.width}")


def _check_operations(activity: Activity) -> None:
    table, program = activity.operations, activity.program
    rows = len(table.op)
    if table.count.shape != (rows, activity.steps) or not np.issubdtype(table.count.dtype, np.integer):
        raise ConservationError(
            f"operation counts are {table.count.dtype} of shape {table.count.shape}, "
            f"need integers of shape {(rows, activity.steps)}"
        )
    if (table.count < 0).any():
        raise ConservationError(f"operation counts go down to {int(table.count.min())}: counts start at 0")
    limits = {"core": len(program.cores.kind), "node": len(program.node_names), "role": len(table.roles), "op": len(OPS)}
    for name, limit in limits.items():
        column = getattr(table, name)
        if column.shape != (rows,) or (rows and not 0 <= column.min() <= column.max() < limit):
            raise ConservationError(f"operation column {name!r} must hold {rows} indices below {limit}")
    if unknown := [role for role in table.roles if role not in set(Role)]:
        raise ConservationError(f"operations have the role {unknown[0]!r}, which simulator/actions/vocabulary.py does not know")


def check_bill(bill: Bill, activity: Activity) -> None:
    """Raise ConservationError unless the bill holds every operation of the run, per op and per node at each step."""
    issued = activity.operations
    of_op = np.array([OPS.index(op) if op in OPS else len(OPS) for op in (name.partition(" ")[0] for name in bill.ops)], np.int64)
    for what, names, on_bill, executed in (  # an op of the bill is named by its width too
        ("operation", OPS, of_op[bill.op], issued.op),
        ("node", activity.program.node_names, bill.node, issued.node),
    ):
        billed, counted = _summed(on_bill, bill.count, len(names)), _summed(executed, issued.count, len(names))
        if (billed != counted).any():
            at, step = np.argwhere(billed != counted)[0].tolist()
            raise ConservationError(
                f"{what} {names[at]!r}: the bill holds {billed[at, step]:,} at step {step + 1}, "
                f"execution counted {counted[at, step]:,}"
            )


def _summed(place: Int64 | Int32, count: Int64, places: int) -> Int64:
    """Counts (rows, steps) summed by place, shape (places, steps); what stands beyond the last place is left out."""
    sums = np.zeros((places + 1, count.shape[1]), np.int64)
    np.add.at(sums, place, count)
    return sums[:places]


def check_timeline(timeline: Timeline, activity: Activity, chip: Chip) -> None:
    """Refuse a schedule of another run or chip (InputError), and one that lost or doubled work (ConservationError)."""
    scheduled, mapped_to = timeline.activity, timeline.program.chip
    if mapped_to.digest != chip.digest:
        raise InputError(f"the schedule is on {mapped_to.name}, prices are asked for {chip.name}: schedule on that chip")
    same = scheduled is activity or (
        scheduled.program.graph.digest == activity.program.graph.digest
        and (scheduled.steps, scheduled.images) == (activity.steps, activity.images)
        and np.array_equal(scheduled.operations.count, activity.operations.count)
    )
    if not same:
        raise InputError("the schedule replays another run than the one that is priced: schedule this activity")
    _check_jobs(timeline, activity)
    _check_flits(timeline)


def check_billed_flits(bill: Bill, timeline: Timeline) -> None:
    """Raise ConservationError unless the bill holds every flit and link that the schedule's messages crossed."""
    messages = timeline.messages
    flits, billed = messages.flits.astype(np.int64), dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))
    crossings = int((flits * messages.crossings).sum())
    crossed = {(HOP, *BY_DIRECTION): int((flits * messages.hops).sum()) - crossings, (CROSSING,): crossings}
    if INJECTION in priced_ops(timeline.program.chip):
        crossed[INJECTION,] = int(flits.sum())
    for ops, count in crossed.items():
        if (held := sum(billed.get(op, 0) for op in ops)) != count:
            raise ConservationError(f"{ops[0]!r}: the bill holds {held:,}, the schedule's messages crossed {count:,}")


def check_phases(bill: Bill, timeline: Timeline) -> None:
    """Raise ConservationError unless the bits between phases are those that the schedule moves, weights those that it loads.

    A load serves `images_per_load` images, scheduled or not. What is handed on is compared where all images were scheduled on the
    program that was executed; a buffer moves whole accesses.
    """
    phases, chip, activity = timeline.phases, timeline.program.chip, timeline.activity
    if phases is None or timeline.remapped:
        return
    loaded = [int(phases.loaded_bits[phases.first_image == first].sum()) for first in np.unique(phases.first_image)]
    owed = -(-loaded[0] * activity.images // chip.images_per_load)
    billed = _billed(bill, Role.WEIGHTS_IN)
    if len(set(loaded)) > 1 or billed != owed:
        raise ConservationError(f"weights in: the bill holds {billed:,} bits, loads of {loaded} bits make {owed:,}")
    if timeline.images != activity.images:
        return
    handed = _billed(bill, Role.STORED_WRITE) + _billed(bill, Role.STORED_READ)
    moved, ops = int(phases.moved_bits.sum()), {bill.ops[op] for op in bill.op[_rows_of(bill, Role.STORED_WRITE)]}
    width = 1 if ops <= {DRAM_BIT} or chip.memories.buffer is None else chip.memories.buffer.width_bits
    if handed * width < moved or (width == 1 and handed != moved):
        raise ConservationError(f"between phases the bill holds {handed:,} x {width} bits, the schedule moves {moved:,}")


def _billed(bill: Bill, role: Role) -> int:
    return int(bill.count[_rows_of(bill, role)].sum())


def _rows_of(bill: Bill, role: Role) -> Int64:
    return np.flatnonzero(bill.role == bill.roles.index(role.value)) if role.value in bill.roles else np.zeros(0, np.int64)


def _check_jobs(timeline: Timeline, activity: Activity) -> None:
    """What jobs issue = what execution counted, per core, node and step; at most that where not all images were streamed.

    A re-mapped program issues other operations on other cores; there the scheduler's own check of its recount stands.
    """
    if timeline.remapped:
        return
    issued, jobs, parts = activity.operations, timeline.jobs, timeline.program.parts
    shape = (len(timeline.program.cores.kind), len(timeline.program.node_names), activity.steps)
    executed = np.zeros(shape, np.int64)
    np.add.at(executed, (issued.core, issued.node), issued.count)
    scheduled = sum_by((jobs.core, parts.node[jobs.part], jobs.step), jobs.operations, shape)
    whole = timeline.images == activity.images
    wrong = scheduled != executed if whole else scheduled > executed
    if wrong.any():
        core, node, step = (int(i[0]) for i in np.nonzero(wrong))
        raise ConservationError(
            f"node {timeline.program.node_names[node]!r} on core {core}, step {step + 1}: the schedule's jobs issue "
            f"{scheduled[core, node, step]:,} operations, execution counted {executed[core, node, step]:,}"
        )


def _check_flits(timeline: Timeline) -> None:
    """Flits times hops of all messages = flits carried by all mesh links; every multicast crosses its whole tree."""
    messages, links, routes = timeline.messages, timeline.links, timeline.program.routes
    sent = int((messages.flits.astype(np.int64) * messages.hops).sum())
    carried = int(links.flits[links.kind == LinkKind.MESH].sum())
    if sent != carried:
        raise ConservationError(f"messages send {sent:,} flits x hops, the schedule's mesh links carried {carried:,} flits")
    multicast = messages.target_core == -1
    astray = np.flatnonzero(multicast & (messages.hops != routes.hops[messages.group]))
    if astray.size:
        i = int(astray[0])
        raise ConservationError(
            f"message {i} crosses {messages.hops[i]} links, its multicast tree {messages.group[i]} has "
            f"{routes.hops[messages.group[i]]}"
        )
