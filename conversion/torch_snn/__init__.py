"""Networks trained as spiking in PyTorch, with SpikingJelly's neurons, as SpikingGraphs. Needs torch."""

from synaptile.conversion.torch_snn.convert import from_torch_snn
from synaptile.conversion.torch_snn.load import load_torch_snn

__all__ = ["from_torch_snn", "load_torch_snn"]
