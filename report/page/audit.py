"""Every figure of the page opened: lines of op x count x pJ x source, a (node, role, op) each, per step."""

from __future__ import annotations

from typing import Any

from synaptile.conversion.graph import layer_of
from synaptile.energy import Bill, EnergyReport, kind_of
from synaptile.energy.bill import CHIP
from synaptile.energy.prices import Price


def audit_document(report: EnergyReport) -> dict[str, Any]:
    """JSON-able columns of the bills, cores summed.

    `snn` and `ann` map "eq30", "released", "executed" and what each rung above adds to columns `node`, `role`, `price` (indices
    into the lists of those names) and `count` (per step of the SNN, one figure of the ANN). A line's energy is
    count x pj / images; its price has the last two.
    """
    graph = report.activity.program.graph
    nodes = [[name, kind_of(graph.nodes[name]), layer_of(name)] for name in report.activity.program.node_names]
    place = {name: index for index, (name, _, _) in enumerate([*nodes, [CHIP, CHIP, CHIP]])}
    lists = _Lists(place)
    bills = {**{name: report.comparisons[name] for name in ("eq30", "released", "executed")}, **report.additions}
    return {
        "snn": {name: lists.columns(comparison.snn) for name, comparison in bills.items()},
        "ann": {name: lists.columns(comparison.ann) for name, comparison in bills.items()},
        "nodes": [*nodes, [CHIP, CHIP, CHIP]],
        "roles": list(lists.roles),
        "prices": [{"op": op, "pj": pj, "source": source, "images": images} for op, pj, source, images in lists.prices],
    }


class _Lists:
    """Roles and prices that the columns of all bills share, in order of first use."""

    def __init__(self, nodes: dict[str, int]) -> None:
        self.nodes = nodes
        self.roles: dict[str, int] = {}
        self.prices: dict[tuple[str, float | None, str, int], int] = {}

    def columns(self, bill: Bill) -> dict[str, list[Any]]:
        merged = bill.merged_over_cores()
        roles = [self._role(name) for name in merged.roles]
        prices = [self._price(op, merged.prices[op], merged.images_of(op)) for op in merged.ops]
        nodes = [self.nodes[name] for name in merged.nodes]
        kept = merged.count.any(axis=1)
        counts = merged.count[kept]
        return {
            "node": [nodes[i] for i in merged.node[kept]],
            "role": [roles[i] for i in merged.role[kept]],
            "price": [prices[i] for i in merged.op[kept]],
            "count": counts.tolist(),
        }

    def _role(self, name: str) -> int:
        return self.roles.setdefault(name, len(self.roles))

    def _price(self, op: str, price: Price, images: int) -> int:
        return self.prices.setdefault((op, price.pj, price.source, images), len(self.prices))
