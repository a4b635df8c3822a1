"""Replay a recorded Activity on a chip in cycles: jobs, messages, links, stalls and the critical path."""

from synaptile.simulator.schedule.schedule import schedule
from synaptile.simulator.schedule.timeline import Timeline

__all__ = ["Timeline", "schedule"]
