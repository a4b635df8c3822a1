"""Execution of mapped spiking networks, event by event, the dense reference beside it, and the schedule in cycles."""

from simulator.activity import OPS, Accounting, Activity, OperationTable, SpikeRecord
from simulator.dense import Reference, reference
from simulator.execute import execute
from simulator.schedule import Timeline, schedule
from simulator.synthetic import synthesise

__all__ = [
    "OPS",
    "Accounting",
    "Activity",
    "OperationTable",
    "Reference",
    "SpikeRecord",
    "Timeline",
    "execute",
    "reference",
    "schedule",
    "synthesise",
]
