"""Execution of mapped spiking networks, event by event, the dense reference beside it, and the schedule in cycles."""

from synaptile.simulator.activity import OPS, Accounting, Activity, OperationTable, SpikeRecord
from synaptile.simulator.dense import Reference, reference
from synaptile.simulator.execute import execute
from synaptile.simulator.firing import firing_rates
from synaptile.simulator.rebase import counted_on
from synaptile.simulator.schedule import Relief, Timeline, relief, schedule
from synaptile.simulator.synthetic import synthesise

__all__ = [
    "OPS",
    "Accounting",
    "Activity",
    "OperationTable",
    "Reference",
    "Relief",
    "SpikeRecord",
    "Timeline",
    "counted_on",
    "execute",
    "firing_rates",
    "reference",
    "relief",
    "schedule",
    "synthesise",
]
