"""The dense reference: the spiking network in plain NumPy, without cores, events or kernels."""

from synaptile.simulator.dense.reference import Reference, reference

__all__ = ["Reference", "reference"]
