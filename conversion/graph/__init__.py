"""The SpikingGraph and its node types. Needs neither torch nor timm."""

from conversion.graph.graph import SpikingGraph, layer_of
from conversion.graph.kinds import NODE_TYPES
from conversion.graph.leaky import (
    BinaryNeurons,
    CubaLIFNeurons,
    IFNeurons,
    LeakyNeurons,
    LIFNeurons,
    MembraneReadOut,
    SpikeSource,
)
from conversion.graph.nodes import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Neurons,
    Node,
    PatchEmbedding,
    Port,
    PresentedSource,
    ProductUnit,
    ReadOut,
    Source,
    STBIFNeurons,
    Synapse,
    TokenMean,
    TokenSelect,
)
from conversion.graph.storage import load_graph, save_graph
from conversion.graph.text import TokenEmbedding, TokenSource, at_length, takes_text
from conversion.graph.windows import Convolution2d

__all__ = [
    "NODE_TYPES",
    "Add",
    "BinaryNeurons",
    "Concatenate",
    "ConstantStream",
    "Convolution2d",
    "CubaLIFNeurons",
    "ECUnit",
    "IFNeurons",
    "ImageSource",
    "LIFNeurons",
    "LeakyNeurons",
    "MTNeurons",
    "MembraneReadOut",
    "Neurons",
    "Node",
    "PatchEmbedding",
    "Port",
    "PresentedSource",
    "ProductUnit",
    "ReadOut",
    "STBIFNeurons",
    "Source",
    "SpikeSource",
    "SpikingGraph",
    "Synapse",
    "TokenEmbedding",
    "TokenMean",
    "TokenSelect",
    "TokenSource",
    "at_length",
    "layer_of",
    "load_graph",
    "save_graph",
    "takes_text",
]
