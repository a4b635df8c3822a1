"""Sizing: the smallest chip of a family that meets a target, what binds it, and what more of anything would bring."""

from synaptile.studies.sizing.request import SizeRequest
from synaptile.studies.sizing.run import size

__all__ = ["SizeRequest", "size"]
