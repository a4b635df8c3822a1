"""Reports: tables for the terminal and figures, made from energy reports, activities and core programs."""

from report.chip_tables import chip_list, print_chip
from report.core_tables import does_not_fit_table, fullest_cores_table, placement_table, program_table, utilisation_table
from report.figures import memory_map, ratio_figure
from report.published import PAPER_TABLE_1, PaperRow
from report.summary import print_report
from report.tables import (
    accuracy_per_step,
    density_table,
    group_table,
    heaviest_table,
    ladder_table,
    table1,
    unpriced_table,
)

__all__ = [
    "PAPER_TABLE_1",
    "PaperRow",
    "accuracy_per_step",
    "chip_list",
    "density_table",
    "does_not_fit_table",
    "fullest_cores_table",
    "group_table",
    "heaviest_table",
    "ladder_table",
    "memory_map",
    "placement_table",
    "print_chip",
    "print_report",
    "program_table",
    "ratio_figure",
    "table1",
    "unpriced_table",
    "utilisation_table",
]
