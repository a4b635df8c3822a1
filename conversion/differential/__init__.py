"""Differential coding (DCGS; Huang et al., ICML 2025): spikes that carry the changes of running means."""

from synaptile.conversion.differential.method import Differential
from synaptile.conversion.differential.structure import rescaled

__all__ = ["Differential", "rescaled"]
