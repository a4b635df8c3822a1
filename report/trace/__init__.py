"""Traces of a timeline: Perfetto, VCD waveforms and Parquet tables with SQL."""

from report.trace.names import core_name, link_names
from report.trace.query import answer_table, query
from report.trace.window import Window
from report.trace.write import TraceFormat, TraceLevel, estimate_size, write_trace

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
