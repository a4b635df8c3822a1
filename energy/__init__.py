"""Energy: an Activity and a chip -> a bill of the SNN beside the ANN, every figure with its source."""

from synaptile.energy.accountings import ACCOUNTINGS, LADDER, Comparison, eq30_energy_pj
from synaptile.energy.ann import ann_macs, dense_operations
from synaptile.energy.bill import Bill, Line
from synaptile.energy.break_even import PUBLISHED_BREAK_EVEN, BreakEven, break_even
from synaptile.energy.breakdown import SPLITS, CoreUse, GroupEnergy, Split, kind_of, site_kind
from synaptile.energy.energy_report import EnergyReport, Rung
from synaptile.energy.horowitz import NUMBER_FORMATS
from synaptile.energy.prices import HOROWITZ, EnergyTable, Price, table_for
from synaptile.energy.pricing import price
from synaptile.energy.table3 import ComplexityRow, table3

__all__ = [
    "ACCOUNTINGS",
    "HOROWITZ",
    "LADDER",
    "NUMBER_FORMATS",
    "PUBLISHED_BREAK_EVEN",
    "SPLITS",
    "Bill",
    "BreakEven",
    "Comparison",
    "ComplexityRow",
    "CoreUse",
    "EnergyReport",
    "EnergyTable",
    "GroupEnergy",
    "Line",
    "Price",
    "Rung",
    "Split",
    "ann_macs",
    "break_even",
    "dense_operations",
    "eq30_energy_pj",
    "kind_of",
    "price",
    "site_kind",
    "table3",
    "table_for",
]
