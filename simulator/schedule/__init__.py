"""Replay a recorded Activity on a chip in cycles: jobs, messages, links, stalls and the critical path."""
