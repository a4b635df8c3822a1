"""SpikeZIP-TF (You et al., ICML 2024): a transformer with quantised activations to a spiking network that settles on it.

The quantised network (QANN) is a graph whose neuron sites carry step sizes: `conversion.ann.ann_forward` runs it, and a spiking
run of the same graph settles on the same integers.
"""

from synaptile.conversion.spikezip.calibrate import SpikeZIP, calibrate_spikezip
from synaptile.conversion.spikezip.files import load_qann, save_qann
from synaptile.conversion.spikezip.qann import qann_levels
from synaptile.conversion.spikezip.structure import quantised_structure, with_steps

__all__ = ["SpikeZIP", "calibrate_spikezip", "load_qann", "qann_levels", "quantised_structure", "save_qann", "with_steps"]
