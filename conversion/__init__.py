"""ANN to SpikingGraph: the only stage that imports torch and timm, and only inside the functions that need them.

`synaptile.conversion.spikezip.module`, a torch module itself, is imported by such a function.
"""
