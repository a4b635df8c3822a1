"""The SpikingGraph and its node types. Needs neither torch nor timm."""

from conversion.graph.graph import SpikingGraph, layer_of
from conversion.graph.nodes import (
    NODE_TYPES,
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
    ProductUnit,
    ReadOut,
    STBIFNeurons,
    Synapse,
    TokenMean,
    TokenSelect,
)
from conversion.graph.storage import load_graph, save_graph

__all__ = [
    "NODE_TYPES",
    "Add",
    "Concatenate",
    "ConstantStream",
    "ECUnit",
    "ImageSource",
    "MTNeurons",
    "Neurons",
    "Node",
    "PatchEmbedding",
    "Port",
    "ProductUnit",
    "ReadOut",
    "STBIFNeurons",
    "SpikingGraph",
    "Synapse",
    "TokenMean",
    "TokenSelect",
    "layer_of",
    "load_graph",
    "save_graph",
]
