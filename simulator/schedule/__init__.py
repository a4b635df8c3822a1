"""Replay a recorded Activity on a chip in cycles: jobs, messages, links, stalls, the critical path, and what would relieve it."""

from synaptile.simulator.schedule.relief import Relief, relief
from synaptile.simulator.schedule.schedule import schedule
from synaptile.simulator.schedule.timeline import Timeline

__all__ = ["Relief", "Timeline", "relief", "schedule"]
