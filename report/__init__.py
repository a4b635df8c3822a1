"""Reports: tables for the terminal and figures, made from energy reports, activities and core programs."""

from synaptile.report.break_even import break_even_figure, break_even_table
from synaptile.report.chip_tables import chip_list, print_chip
from synaptile.report.core_tables import (
    does_not_fit_table,
    fullest_cores_table,
    placement_table,
    program_table,
    utilisation_table,
)
from synaptile.report.embedding import EmbeddingRun, cosine_table, cosines, embedding_figure, embedding_steps_table
from synaptile.report.figures import memory_map, ratio_figure
from synaptile.report.methods import MethodRun, method_figure, method_steps_table, method_table
from synaptile.report.summary import print_report
from synaptile.report.tables import (
    accuracy_per_step,
    density_table,
    group_table,
    heaviest_table,
    ladder_table,
    split_table,
    table1,
    unpriced_table,
)
from synaptile.report.timeline_export import timeline_document
from synaptile.report.timeline_figures import core_use_figure, link_heat_map, timeline_figure
from synaptile.report.timeline_tables import (
    busiest_links_table,
    core_use_table,
    critical_nodes_table,
    critical_path_table,
    schedule_table,
)
from synaptile.studies.dataset.published import PAPER_TABLE_1, PaperRow

__all__ = [
    "PAPER_TABLE_1",
    "EmbeddingRun",
    "MethodRun",
    "PaperRow",
    "accuracy_per_step",
    "break_even_figure",
    "break_even_table",
    "busiest_links_table",
    "chip_list",
    "core_use_figure",
    "core_use_table",
    "cosine_table",
    "cosines",
    "critical_nodes_table",
    "critical_path_table",
    "density_table",
    "does_not_fit_table",
    "embedding_figure",
    "embedding_steps_table",
    "fullest_cores_table",
    "group_table",
    "heaviest_table",
    "ladder_table",
    "link_heat_map",
    "memory_map",
    "method_figure",
    "method_steps_table",
    "method_table",
    "placement_table",
    "print_chip",
    "print_report",
    "program_table",
    "ratio_figure",
    "schedule_table",
    "split_table",
    "table1",
    "timeline_document",
    "timeline_figure",
    "unpriced_table",
    "utilisation_table",
]
