"""Traces of a timeline: Perfetto, VCD waveforms and Parquet tables with SQL."""

from synaptile.report.trace.names import core_name, link_names
from synaptile.report.trace.query import answer_table, query
from synaptile.report.trace.window import Window
from synaptile.report.trace.write import TraceFormat, TraceLevel, estimate_size, write_trace

__all__ = [
    "TraceFormat",
    "TraceLevel",
    "Window",
    "answer_table",
    "core_name",
    "estimate_size",
    "link_names",
    "query",
    "write_trace",
]
