"""Reports: results as tables for the terminal, Markdown and notebooks, as figures, pages and files."""

from synaptile.report.break_even import break_even_figure
from synaptile.report.critical_path import critical_nodes, merge_holds
from synaptile.report.embedding import EmbeddingRun, cosine_table, cosines, embedding_figure, embedding_steps_table
from synaptile.report.energy_files import report_csv, report_json, write_report
from synaptile.report.equal import accuracy_per_step
from synaptile.report.figures import memory_map, ratio_figure
from synaptile.report.methods import MethodRun, method_figure, method_steps_table, method_table
from synaptile.report.timeline_export import schedule_figures
from synaptile.report.timeline_figures import core_use_figure, link_heat_map, timeline_figure
from synaptile.report.views.activity import density_table
from synaptile.report.views.break_even import break_even_table
from synaptile.report.views.energy import (
    fullest_cores_table,
    group_table,
    heaviest_table,
    ladder_table,
    split_table,
    unpriced_table,
    utilisation_table,
)
from synaptile.report.views.memory import best_table, levels_table, phases_table
from synaptile.report.views.program import placement_table, program_table
from synaptile.report.views.run import run_document, table1
from synaptile.report.views.timeline import (
    busiest_links_table,
    core_use_table,
    critical_nodes_table,
    critical_path_table,
    schedule_table,
)

__all__ = [
    "EmbeddingRun",
    "MethodRun",
    "accuracy_per_step",
    "best_table",
    "break_even_figure",
    "break_even_table",
    "busiest_links_table",
    "core_use_figure",
    "core_use_table",
    "cosine_table",
    "cosines",
    "critical_nodes",
    "critical_nodes_table",
    "critical_path_table",
    "density_table",
    "embedding_figure",
    "embedding_steps_table",
    "fullest_cores_table",
    "group_table",
    "heaviest_table",
    "ladder_table",
    "levels_table",
    "link_heat_map",
    "memory_map",
    "merge_holds",
    "method_figure",
    "method_steps_table",
    "method_table",
    "phases_table",
    "placement_table",
    "program_table",
    "ratio_figure",
    "report_csv",
    "report_json",
    "run_document",
    "schedule_figures",
    "schedule_table",
    "split_table",
    "table1",
    "timeline_figure",
    "unpriced_table",
    "utilisation_table",
    "write_report",
]
