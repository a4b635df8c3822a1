"""Sizing: the smallest chip of a family that meets a target, what binds it, and what more of anything would bring."""

from synaptile.sizing.request import SizeRequest
from synaptile.sizing.run import size

__all__ = ["SizeRequest", "size"]
