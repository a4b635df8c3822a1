"""The three named accountings of one run, each a bill of the SNN beside a bill of the ANN.

===========  ============================================================================================================
eq30         the paper's Eq. 30: accumulates of Linears and products (three terms, with S(t-1)), no MACs; ANN: dense MACs
released     the same with the published code's counting (S(t) in place of S(t-1), the head's real input), hence Table 1
executed     every operation that the mapped cores issued; ANN: every operation of one dense pass
===========  ============================================================================================================

The ratio at step t divides what the SNN spent in steps 1..t by one pass of the ANN, both in one number format. Sentences count at
their own length on both sides: the ANN is not billed for padding either.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.ann import dense_operations, dense_passes
from synaptile.energy.bill import Bill
from synaptile.energy.prices import HOROWITZ, EnergyTable
from synaptile.foundation.errors import InputError
from synaptile.simulator.actions.vocabulary import Op, Role
from synaptile.simulator.activity import Activity

ACCOUNTINGS = ("eq30", "released", "executed")
"""Names of the accountings, in the order of the tables."""

LADDER = ("eq30", "executed", "memory", "noc", "static")
"""Rungs of the energy ladder, from compute as published to everything counted; from `executed` on each holds the one before."""

TITLES = {
    "eq30": "Linears and products as the paper counts them (Eq. 30)",
    "released": "Linears and products as the published code counts them (Table 1)",
    "executed": "every accumulate, MAC and special function that the cores issued",
    "memory": "and every word of weights, membranes, accumulators and EC state read or written",
    "noc": "and every flit over every link of the mesh",
    "static": "and leakage, clocks and control as far as the chip states them, over the simulated time, and pixels from DRAM",
}
"""Name of an accounting or rung -> what it counts."""


@dataclass(frozen=True)
class Comparison:
    """One accounting: the SNN's bill (shape (rows, steps)) beside the ANN's (one pass, one image)."""

    name: str
    title: str
    snn: Bill
    ann: Bill

    @property
    def bills(self) -> tuple[Bill, Bill]:
        """Both bills, the SNN's first."""
        return self.snn, self.ann

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Operations without a price on either side."""
        return tuple(dict.fromkeys((*self.snn.unpriced, *self.ann.unpriced)))

    @property
    def snn_pj(self) -> NDArray[np.float64]:
        """Energy of the SNN per image, steps 1..t, shape (steps,). Leaves unpriced operations out."""
        return self.snn.cumulative().energy_pj()

    @property
    def ann_pj(self) -> float:
        """Energy of one dense pass of one image. Leaves unpriced operations out."""
        return float(self.ann.energy_pj()[0])

    def ratios(self) -> NDArray[np.float64]:
        """E_SNN / E_ANN at each step, cumulative, shape (steps,).

        Raises InputError where an operation is unpriced (the ratio would leave it out) or the ANN does nothing.
        """
        if self.unpriced:
            raise InputError(
                f"accounting {self.name!r} has operations without a price ({', '.join(self.unpriced)}), so no ratio: "
                "price them in the chip file (operation_pj or special_functions) or in the energy table"
            )
        if self.ann_pj <= 0:
            raise InputError(
                f"accounting {self.name!r} has an ANN of {self.ann_pj} pJ to divide by: the graph holds no dense operation"
            )
        return self.snn_pj / self.ann_pj


def eq30_energy_pj(macs: float, acs: float, number_format: str = "fp32", table: EnergyTable = HOROWITZ) -> float:
    """MACs * E_MAC + ACs * E_AC in pJ (paper, Eq. 30). Raises InputError where the table does not price both."""
    e_mac, e_ac = table.price("mac", number_format), table.price("ac", number_format)
    if e_mac.pj is None or e_ac.pj is None:
        raise InputError(f"energy table {table.name!r} does not price mac and ac in {number_format}: add both figures")
    return macs * e_mac.pj + acs * e_ac.pj


def compare(activity: Activity, number_format: str, published: EnergyTable, table: EnergyTable) -> dict[str, Comparison]:
    """Bill a run under each accounting.

    `published` prices eq30 and released (by default the literature's pair, whatever the chip), `table` prices what was executed.
    """
    nodes, passes = activity.program.node_names, dense_passes(activity)
    by_op = published.prices(number_format)
    macs: Counter[str] = Counter()
    for program, times in passes.programs:
        macs.update({name: times * count for name, count in program.graph.ann_macs.items()})
    rows_of_pass = [(name, Role.DENSE_PASS.value, Op.MAC.value, [count]) for name, count in macs.items()]
    dense = Bill.of_rows(nodes, by_op, rows_of_pass, steps=1, images=passes.images)
    found: dict[str, Comparison] = {}
    for name, counts in (("eq30", activity.accounting.eq30), ("released", activity.accounting.released)):
        acs = counts.sum(axis=2)
        rows = [(node, Role.ACCUMULATE.value, Op.AC.value, acs[i].tolist()) for i, node in enumerate(activity.accounting.nodes)]
        snn = Bill.of_rows(nodes, by_op, rows, steps=activity.steps, images=activity.images)
        found[name] = Comparison(name, TITLES[name], snn, dense)
    found["executed"] = Comparison(
        "executed", TITLES["executed"], _issued(activity, table, number_format), _whole_pass(activity, table, number_format)
    )
    return found


def _issued(activity: Activity, table: EnergyTable, number_format: str) -> Bill:
    issued = activity.operations
    return Bill(
        activity.program.node_names,
        issued.roles,
        tuple(table.prices(number_format)),
        table.prices(number_format),
        issued.core,
        issued.node,
        issued.role,
        issued.op,
        issued.count,
        activity.images,
    )


def _whole_pass(activity: Activity, table: EnergyTable, number_format: str) -> Bill:
    passes = dense_passes(activity)
    found: Counter[tuple[str, str, str]] = Counter()
    for program, times in passes.programs:
        for node, operations in dense_operations(program.graph).items():
            found.update({(node, role, op): times * count for (role, op), count in operations.items()})
    rows = [(*key, [count]) for key, count in found.items()]
    return Bill.of_rows(activity.program.node_names, table.prices(number_format), rows, steps=1, images=passes.images)
