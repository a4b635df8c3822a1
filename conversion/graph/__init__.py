"""The SpikingGraph and its node types. Needs neither torch nor timm."""

from synaptile.conversion.graph.front import ImageSource, PatchEmbedding, PresentedSource, TokenEmbedding, TokenSource
from synaptile.conversion.graph.graph import SpikingGraph, layer_of
from synaptile.conversion.graph.leaky import (
    CubaLIFNeurons,
    IFNeurons,
    LeakyNeurons,
    LIFNeurons,
    MembraneReadOut,
    SpikeSource,
    ValueSource,
)
from synaptile.conversion.graph.lengths import at_length, takes_text
from synaptile.conversion.graph.node import NODE_TYPES, BinaryNeurons, Neurons, Node, Port, Source
from synaptile.conversion.graph.real import Gate, Rearrange, Rotation
from synaptile.conversion.graph.storage import load_graph, save_graph
from synaptile.conversion.graph.streams import Add, Concatenate, ConstantStream, ReadOut, TokenMean, TokenSelect
from synaptile.conversion.graph.trained import DiscreteNeurons, Mask, MaxPool2d, Reduce, SpikeAttention
from synaptile.conversion.graph.units import (
    DifferentialNeurons,
    ECFunction,
    ECUnit,
    MTNeurons,
    ProductUnit,
    STBIFNeurons,
    Synapse,
)
from synaptile.conversion.graph.whole import (
    CurrentSource,
    InputCurrent,
    IntegerConvolution2d,
    IntegerNeurons,
    IntegerReadOut,
)
from synaptile.conversion.graph.windows import Convolution2d

__all__ = [
    "NODE_TYPES",
    "Add",
    "BinaryNeurons",
    "Concatenate",
    "ConstantStream",
    "Convolution2d",
    "CubaLIFNeurons",
    "CurrentSource",
    "DifferentialNeurons",
    "DiscreteNeurons",
    "ECFunction",
    "ECUnit",
    "Gate",
    "IFNeurons",
    "ImageSource",
    "InputCurrent",
    "IntegerConvolution2d",
    "IntegerNeurons",
    "IntegerReadOut",
    "LIFNeurons",
    "LeakyNeurons",
    "MTNeurons",
    "Mask",
    "MaxPool2d",
    "MembraneReadOut",
    "Neurons",
    "Node",
    "PatchEmbedding",
    "Port",
    "PresentedSource",
    "ProductUnit",
    "ReadOut",
    "Rearrange",
    "Reduce",
    "Rotation",
    "STBIFNeurons",
    "Source",
    "SpikeAttention",
    "SpikeSource",
    "SpikingGraph",
    "Synapse",
    "TokenEmbedding",
    "TokenMean",
    "TokenSelect",
    "TokenSource",
    "ValueSource",
    "at_length",
    "layer_of",
    "load_graph",
    "save_graph",
    "takes_text",
]
