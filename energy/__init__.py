"""Energy: an Activity and a chip -> a bill of the SNN beside the ANN, every figure with its source."""

from energy.accountings import ACCOUNTINGS, LADDER, Comparison, eq30_energy_pj
from energy.ann import ann_macs, dense_operations
from energy.bill import Bill, Line
from energy.break_even import PUBLISHED_BREAK_EVEN, BreakEven, break_even
from energy.cores import CoreUse
from energy.energy_report import EnergyReport, Rung
from energy.groups import GroupEnergy, kind_of, site_kind
from energy.horowitz import NUMBER_FORMATS
from energy.prices import HOROWITZ, EnergyTable, Price, table_for
from energy.pricing import price
from energy.splits import SPLITS, Split
from energy.table3 import ComplexityRow, table3

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
