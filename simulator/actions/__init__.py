"""The rulebook: what a part of a node does, one file per kind of node.

Ledger, schedule, recounts and energy are sums over these rules. What kernels count as they run is held against them.
"""

from synaptile.simulator.actions import convolution, embedding, expectation, neurons, product, readout, streams, synapse, trained

__all__ = ["convolution", "embedding", "expectation", "neurons", "product", "readout", "streams", "synapse", "trained"]
