"""Number formats of a run, and the whole weights that both the dense reference and the cores use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d, Neurons, SpikingGraph, Synapse
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import NUMERICS, Numeric
from synaptile.hwmodels.formats import BITS
from synaptile.simulator.arithmetic import INT8, Arithmetic
from synaptile.simulator.kernels.quantise import quantise_rows

ACCUMULATOR_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class QuantisedWeight:
    """Whole weights with one scale per output: ``weight ~ scale[:, None] * levels``.

    `levels` has shape (channels, fan_in), int8, int16 or int32, symmetric about 0 (int8: -127..127); `scale` shape (channels,),
    float32; `worst` the largest sum that spikes of all inputs could make.
    """

    levels: NDArray[Any]
    scale: NDArray[np.float32]
    worst: int = 0


def check_numeric(numeric: str) -> Numeric:
    """The number format by name. Raises InputError."""
    for known in NUMERICS:
        if numeric == known:
            return known
    raise InputError(f"number format {numeric!r} does not exist; formats are {', '.join(NUMERICS)}")


def format_of(graph: SpikingGraph, numeric: str | None, default: Numeric) -> Numeric:
    """The number format of a run: networks of whole numbers have int8 alone, others what was asked for. Raises InputError."""
    if not graph.integer:
        return check_numeric(default if numeric is None else numeric)
    if numeric is not None and check_numeric(numeric) != "int8":
        raise InputError(
            f"graph {graph.name!r} works in whole numbers, which {numeric} does not mean: leave numeric out, or int8"
        )
    return "int8"


def check_clock(graph: SpikingGraph, steps: int, arithmetic: Arithmetic) -> None:
    """Refuse what a network that counts in shares of 1/t cannot be run in: too many steps, or EC units of other formats.

    Raises InputError.
    """
    if graph.readout.law != "difference":
        return
    last = 2 ** (np.finfo(real_dtype(arithmetic.numeric)).nmant + 1)
    if steps > last:
        raise InputError(
            f"graph {graph.name!r} multiplies with 1/t, and {arithmetic.numeric} tells steps apart up to {last:,}, not "
            f"{steps:,}: take fewer (agreement with the ANN comes within ten)"
        )
    if arithmetic.halves is not None or arithmetic.words is not None:
        raise InputError(
            f"graph {graph.name!r} is differential, and its EC units run in floats or tables alone, not in "
            f"{arithmetic.told}: run it with numeric float32, float64 or int8"
        )


def stream_dtype(graph: SpikingGraph, numeric: Numeric) -> np.dtype[Any]:
    """The type of streams and state: int64 for whole numbers, whose membranes are held to their own bits."""
    return np.dtype(np.int64) if graph.integer else real_dtype(numeric)


def real_dtype(numeric: Numeric) -> np.dtype[Any]:
    """The floating type of membranes, EC state and real-valued streams: float32 in an int8 run."""
    return np.dtype(np.float64 if numeric == "float64" else np.float32)


def integer_weight(graph: SpikingGraph, node: IntegerConvolution2d) -> NDArray[np.int16]:
    """Weights of a synapse of whole numbers before their exponent, shape as in the graph.

    Raises InputError where sums of all of an output's weights could leave a 32-bit accumulator.
    """
    weight = graph.array(node.name, "weight").astype(np.int16)
    worst = int(np.abs(weight.astype(np.int64)).reshape(len(weight), -1).sum(axis=1).max()) << node.exponent
    if worst > ACCUMULATOR_LIMIT:
        raise InputError(
            f"synapse {node.name!r}: fan-in {node.fan_in} can sum to {worst:,}, over the 32-bit accumulator's "
            f"{ACCUMULATOR_LIMIT:,}: scale its weights, or split the layer"
        )
    return weight


def quantise(graph: SpikingGraph, synapse: Synapse | Convolution2d, arithmetic: Arithmetic = INT8) -> QuantisedWeight:
    """Symmetric whole weights of a spiking synapse (of a convolution, an output channel a row).

    The largest of an output stands at the largest number of the format, at 127 in int8. Raises InputError where the largest
    possible sum of shifted weights would leave the accumulator: in an int8 run, and of a convolution in any format.
    """
    assert arithmetic.weights is not None and arithmetic.accumulators is not None
    bits = BITS[arithmetic.weights]
    weight = graph.array(synapse.name, "weight").astype(np.float32, copy=False)
    weight = np.ascontiguousarray(weight.reshape(len(weight), -1))
    kind = np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32
    levels, scale = np.empty(weight.shape, kind), np.empty(len(weight), np.float32)
    sums = quantise_rows(weight, levels, scale, (1 << (bits - 1)) - 1)
    site = graph.nodes[synapse.inputs[0].node]
    shift = site.n - 1 if isinstance(site, Neurons) else 0
    worst = int(sums.max()) << shift
    if isinstance(synapse, Convolution2d):
        worst *= synapse.pool_kernel[0] * synapse.pool_kernel[1] * len(synapse.inputs)
    limit = arithmetic.limits[1]
    if worst > limit and (arithmetic.numeric == "int8" or isinstance(synapse, Convolution2d)):
        raise InputError(
            f"synapse {synapse.name!r}: fan-in {synapse.fan_in} with spikes up to 2^{shift} can sum to {worst:,}, over the "
            f"{BITS[arithmetic.accumulators]}-bit accumulator's {limit:,}: use fewer thresholds, wider accumulators or float32"
        )
    return QuantisedWeight(levels, scale, worst)
