"""Replay a recorded Activity on a chip in cycles: jobs, messages, links, stalls and the critical path."""

from simulator.schedule.schedule import schedule
from simulator.schedule.timeline import Timeline

__all__ = ["Timeline", "schedule"]
