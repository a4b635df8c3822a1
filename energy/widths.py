"""The width at which each operation is done, on a chip that states number formats by kind of core and role.

An accumulate is an addition of the accumulator, whatever the weight's width; a multiplication is as wide as its factors, what a
MAC adds to as wide as the sum. A graded spike on a core that shifts costs a shift of the weight, an op of its own in the bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Node, ProductUnit, SpikingGraph
from synaptile.energy.bill import Bill
from synaptile.energy.prices import EnergyTable, Price
from synaptile.hwmodels import Chip
from synaptile.hwmodels.formats import BITS, ECFormats, Format, SynapseFormats, is_integer
from synaptile.mapper.footprint import home_of
from synaptile.mapper.program import CoreKind
from synaptile.simulator.actions.vocabulary import Op, Role

SHIFT = "shift"
"""Op of the bill: shifting a weight for a graded spike."""


class Width(NamedTuple):
    """Formats of an operation: of the factors that it multiplies, and of the sum that it adds to."""

    multiplied: Format
    added: Format

    def label(self, op: str) -> str:
        """What bills call an operation of this width."""
        if op in (Op.AC, Op.ADD, Op.COMPARE):
            return f"{op} {self.added}"
        if op in (Op.MUL, SHIFT) or self.multiplied == self.added:
            return f"{op} {self.multiplied}"
        return f"{op} {self.multiplied}/{self.added}"


_ACCUMULATED = frozenset({Role.SYNAPSE_ROWS, Role.PARTIAL_SUMS, Role.POOLING})
_OF_PRODUCTS = frozenset({Role.FIRST_PASS, Role.SECOND_PASS, Role.OPERAND_SUMS, Role.FIRST_PRODUCT, Role.SECOND_PRODUCT})


def stated(chip: Chip) -> bool:
    """Whether a chip states number formats."""
    return chip.synapse_core.formats is not None


def summary(chip: Chip) -> str:
    """The formats of a chip in a few words, for titles and tables."""
    own = chip.synapse_core.formats
    assert own is not None
    text = f"{own.weights} weights, {own.accumulators} sums"
    if chip.ec_core is None or chip.ec_core.formats is None:
        return text
    ec = ec_widths(chip.ec_core.formats)
    return f"{text}, EC {ec.arithmetic if ec.arithmetic == ec.sums else f'{ec.arithmetic}/{ec.sums}'}, products {ec.products}"


def published_format(weights: Format) -> str:
    """The number format of the published pair E_MAC, E_AC (eq30, released) that stands nearest to weights of a format."""
    return "int8" if is_integer(weights) else "fp16" if BITS[weights] == 16 else "fp32"


class ECWidths(NamedTuple):
    """Formats of an EC core, those that follow others resolved."""

    arithmetic: Format
    sums: Format
    products: Format
    combine: Format


def ec_widths(formats: ECFormats) -> ECWidths:
    """Formats of an EC core, resolved."""
    sums = formats.sums or formats.arithmetic
    products = formats.products or sums
    return ECWidths(formats.arithmetic, sums, products, formats.combine or products)


def width_of(chip: Chip, graph: SpikingGraph, node: Node, role: Role) -> Width:
    """At which width a node's operations of a role are done, spiking or in a dense pass."""
    own = chip.synapse_core.formats
    assert own is not None
    if home_of(graph, node) is CoreKind.SYNAPSE:
        return _on_synapse_core(own, role)
    if chip.ec_core is None or chip.ec_core.formats is None:  # the ANN beside a chip without multipliers
        return Width(_activations(own), own.accumulators)
    ec = ec_widths(chip.ec_core.formats)
    if isinstance(node, ProductUnit):
        if role in _OF_PRODUCTS:
            return Width(ec.products, ec.products)
        if role is Role.THETA_COMBINE:
            return Width(ec.combine, ec.products)
        if role is Role.DENSE_PRODUCT:
            return Width(_activations(own), ec.products)
    return Width(ec.arithmetic, ec.sums)


def _on_synapse_core(own: SynapseFormats, role: Role) -> Width:
    if role in _ACCUMULATED:
        return Width(own.weights, own.accumulators)
    if role is Role.THETA_COMBINE:
        return Width(own.combine or own.accumulators, own.accumulators)
    if role is Role.DENSE_ROWS:
        return Width(_activations(own), own.accumulators)
    membranes = own.membranes or own.accumulators
    return Width(membranes, membranes)


def _activations(own: SynapseFormats) -> Format:
    """Factors of a dense MAC: activations times weights, in the wider of the two."""
    activations = own.activations or own.weights
    return max(activations, own.weights, key=lambda name: BITS[name])


def widened(bill: Bill, graph: SpikingGraph, chip: Chip, table: EnergyTable) -> Bill:
    """A bill of operations with each at the width of its work: op names then end in it. The counts stay."""
    names = np.array(bill.ops)
    found: dict[tuple[int, int, int], str] = {}
    prices: dict[str, Price] = {}
    keys = np.stack([bill.node, bill.role, bill.op]).astype(np.int64)
    distinct, place = np.unique(keys, axis=1, return_inverse=True)
    for node, role, op in distinct.T.tolist():
        width = width_of(chip, graph, graph.nodes[bill.nodes[node]], Role(bill.roles[role]))
        label = width.label(str(names[op]))
        found[node, role, op] = label
        prices.setdefault(label, table.price_at(str(names[op]), width.multiplied, width.added))
    ops = tuple(dict.fromkeys(found.values()))
    column = np.array([ops.index(label) for label in found.values()], np.int32)[place.reshape(-1)]
    return replace(bill, ops=ops, prices=prices, op=column)


def with_shifts(bill: Bill, graph: SpikingGraph, chip: Chip, table: EnergyTable) -> Bill:
    """The bill of a spiking network and a shift for every accumulate, where cores shift.

    On a synapse core it shifts a weight, on an EC core a word of the other operand's sum.
    """
    own, roles = chip.synapse_core.formats, (Role.SYNAPSE_ROWS, Role.FIRST_PASS, Role.SECOND_PASS)
    if own is None or chip.synapse_core.graded_spikes != "shift":
        return bill
    chosen = [bill.roles.index(role) for role in roles if role in bill.roles]
    graded = np.array([_graded(graph, name) for name in bill.nodes])
    rows = np.flatnonzero(np.isin(bill.role, chosen) & graded[bill.node])
    if not rows.size:
        return bill
    ec = None if chip.ec_core is None else chip.ec_core.formats
    of_products = own.weights if ec is None else ec_widths(ec).products
    labels: Mapping[str, Format] = {f"{SHIFT} {name}": name for name in (own.weights, of_products)}
    ops = tuple(dict.fromkeys((*bill.ops, *labels)))
    synapse = bill.role[rows] == (bill.roles.index(Role.SYNAPSE_ROWS) if Role.SYNAPSE_ROWS in bill.roles else -1)
    shifts = np.where(synapse, ops.index(f"{SHIFT} {own.weights}"), ops.index(f"{SHIFT} {of_products}")).astype(np.int32)
    return replace(
        bill,
        ops=ops,
        prices={**bill.prices, **{label: table.price_at(SHIFT, name, name) for label, name in labels.items()}},
        core=np.concatenate([bill.core, bill.core[rows]]),
        node=np.concatenate([bill.node, bill.node[rows]]),
        role=np.concatenate([bill.role, bill.role[rows]]),
        op=np.concatenate([bill.op, shifts]),
        count=np.concatenate([bill.count, bill.count[rows]]),
    )


def _graded(graph: SpikingGraph, name: str) -> bool:
    """Whether a node reads spikes of more than one size."""
    node = graph.nodes.get(name)
    if node is None:
        return False
    sites = [graph.nodes[port.node] for port in node.inputs]
    return any(getattr(site, "n", 1) > 1 for site in sites)
