"""Every kind of node that a graph file may hold."""

from __future__ import annotations

from synaptile.conversion.graph.leaky import CubaLIFNeurons, IFNeurons, LIFNeurons, MembraneReadOut, SpikeSource
from synaptile.conversion.graph.nodes import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    STBIFNeurons,
    Synapse,
    TokenMean,
    TokenSelect,
)
from synaptile.conversion.graph.text import TokenEmbedding, TokenSource
from synaptile.conversion.graph.windows import Convolution2d

NODE_TYPES: dict[str, type[Node]] = {
    cls.kind: cls
    for cls in (
        ImageSource,
        PatchEmbedding,
        ConstantStream,
        Concatenate,
        Add,
        TokenSelect,
        TokenMean,
        ECUnit,
        ProductUnit,
        MTNeurons,
        STBIFNeurons,
        Synapse,
        ReadOut,
        SpikeSource,
        IFNeurons,
        LIFNeurons,
        CubaLIFNeurons,
        Convolution2d,
        MembraneReadOut,
        TokenSource,
        TokenEmbedding,
    )
}
