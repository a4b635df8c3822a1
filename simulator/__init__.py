"""Execution of mapped spiking networks, event by event, and the dense reference beside it."""

from simulator.activity import OPS, Accounting, Activity, OperationTable, SpikeRecord
from simulator.dense import Reference, reference
from simulator.execute import execute

__all__ = ["OPS", "Accounting", "Activity", "OperationTable", "Reference", "SpikeRecord", "execute", "reference"]
