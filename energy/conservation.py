"""What must hold before and after pricing. A breach is a defect in Synaptile, so a ConservationError."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Convolution2d, ProductUnit
from synaptile.conversion.graph.windows import fan_out
from synaptile.energy.bill import Bill
from synaptile.foundation.errors import ConservationError
from synaptile.simulator.activity import OPS, Activity


def check_activity(activity: Activity) -> None:
    """Raise ConservationError unless the run's counts are complete, inside their bounds and of one shape.

    Bounds: a site emits at most one spike a neuron and step, so a Linear accumulates at most its dense MACs a step and image, in
    whole fan-outs; a convolution, the fan-outs of all neurons in front of it; a product
    has three terms, so at most three times its dense MACs.
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
                limit = int(fan_out(node).sum())  # borders reach fewer outputs than a dense pass, pooled windows more than once
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


def check_bill(bill: Bill, activity: Activity) -> None:
    """Raise ConservationError unless the bill holds every operation of the run, per op and per node at each step."""
    issued = activity.operations
    for index, op in enumerate(OPS):
        counted = issued.count[issued.op == index].sum(axis=0)
        column = bill.ops.index(op) if op in bill.ops else None
        billed = bill.count[bill.op == column].sum(axis=0)
        _equal(f"operation {op!r}", billed.tolist(), counted.tolist())
    for index, node in enumerate(activity.program.node_names):
        _equal(
            f"node {node!r}",
            bill.count[bill.node == index].sum(axis=0).tolist(),
            issued.count[issued.node == index].sum(axis=0).tolist(),
        )


def _equal(what: str, billed: list[int], counted: list[int]) -> None:
    if billed != counted:
        step = next((i for i, pair in enumerate(zip(billed, counted, strict=False)) if pair[0] != pair[1]), 0)
        raise ConservationError(
            f"{what}: the bill holds {billed[step] if step < len(billed) else 0:,} at step {step + 1}, "
            f"execution counted {counted[step]:,}"
        )
