"""What a chip's own prices hold already: memory in an accumulate, a MAC, an update of a neuron; and updates billed whole."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import CubaLIFNeurons, Neurons
from synaptile.energy.bill import Bill
from synaptile.energy.prices import EnergyTable, Price
from synaptile.hwmodels import Chip
from synaptile.mapper.footprint import soft_reset
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.vocabulary import Access, Role, Side, Trigger, Word

ACTIVE, INACTIVE = "neuron_update_active", "neuron_update_inactive"
"""Ops of the bill: updating a neuron that sends a spike, and one that sends none."""

_OF_UPDATES = (Role.INTEGRATE, Role.THRESHOLD_COMPARE, Role.LEAK, Role.SOFT_RESET, Role.TRACER)


class Inside(NamedTuple):
    """Whether the price of an accumulate, of a MAC and of a neuron update holds the memory accesses of synapse cores."""

    ac: bool = False
    mac: bool = False
    updates: bool = False

    def holds(self, part: Part, access: Access, side: Side) -> bool:
        """Whether an access is paid for already."""
        if part.kind is not CoreKind.SYNAPSE:
            return False
        word = access.roles[0].word
        if self.updates and (word is Word.STATE if isinstance(part.node, Neurons) else access.trigger is Trigger.STEP):
            return True  # membranes; and currents and biases, which an update takes in
        in_operation = self.ac if side is Side.SPIKING else self.mac
        return in_operation and access.trigger is not Trigger.STEP and word is not Word.STATE


def inside_prices(chip: Chip, ac_format: str, mac_format: str, update_format: str) -> Inside:
    """What the prices of a chip hold at the number formats of accumulates, MACs and neuron updates."""
    own, core = chip.operation_pj, chip.synapse_core
    return Inside(
        ac=core.memory_in_ac and ac_format in own.get("ac", {}),
        mac=core.memory_in_mac and mac_format in own.get("mac", {}),
        updates=all(update_format in own.get(op, {}) for op in (ACTIVE, INACTIVE)),
    )


def with_updates(bill: Bill, program: CoreProgram, table: EnergyTable, number_format: str) -> Bill:
    """The SNN's bill with neurons of synapse cores billed by the update: active per spike sent, inactive for all others.

    All places that a soft reset takes are updated, and active together. Additions, compares and resets of these neurons are what
    an update consists of, so they stand in no line of their own.
    """
    nodes, cores = program.graph.nodes, program.cores.kind
    roles, integrate = np.array(bill.roles, dtype=object)[bill.role], Role.INTEGRATE.value
    on_core = np.array([isinstance(nodes[name], Neurons) for name in program.node_names])[bill.node]
    folded = on_core & (cores[bill.core] == CoreKind.SYNAPSE) & np.isin(roles.astype(str), [role.value for role in _OF_UPDATES])
    if not folded.any():
        return bill
    places = [program.chip.synapse_core.soft_reset_compartments if soft_reset(nodes[name]) else 1 for name in program.node_names]
    updates, spikes = dict[tuple[int, int], np.ndarray](), dict[tuple[int, int], np.ndarray]()
    for row in np.flatnonzero(folded):
        key = int(bill.core[row]), int(bill.node[row])
        if roles[row] == integrate:
            terms = 2 if isinstance(nodes[program.node_names[key[1]]], CubaLIFNeurons) else 1
            updates[key] = updates.get(key, 0) + bill.count[row] // terms * places[key[1]]
        elif roles[row] == Role.SOFT_RESET.value:
            spikes[key] = spikes.get(key, 0) + bill.count[row] * places[key[1]]
    rows = [(key, op, count) for key, all_ in updates.items() for op, count in _split(all_, spikes.get(key, 0 * all_))]
    ops, kept = (*bill.ops, ACTIVE, INACTIVE), ~folded
    role_names = (*bill.roles, Role.NEURON_UPDATE.value)
    prices: dict[str, Price] = {**bill.prices, **{op: table.price(op, number_format) for op in (ACTIVE, INACTIVE)}}

    def column(old: np.ndarray, new: list[int]) -> np.ndarray:
        return np.concatenate([old[kept], np.array(new, np.int32)])

    return replace(
        bill,
        roles=role_names,
        ops=ops,
        prices=prices,
        core=column(bill.core, [key[0] for key, _, _ in rows]),
        node=column(bill.node, [key[1] for key, _, _ in rows]),
        role=column(bill.role, [len(role_names) - 1] * len(rows)),
        op=column(bill.op, [ops.index(op) for _, op, _ in rows]),
        count=np.concatenate([bill.count[kept], np.array([count for _, _, count in rows], np.int64)]),
    )


def _split(updates: np.ndarray, spikes: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return [(ACTIVE, spikes), (INACTIVE, updates - spikes)]
