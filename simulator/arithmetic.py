"""In what a run computes: number formats and function tables, resolved from the run's numeric and its chip."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from synaptile.conversion.graph import Convolution2d, MTNeurons, Neurons, Node, ProductUnit, Source, SpikingGraph, Synapse
from synaptile.foundation.derived import derived
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import Numeric
from synaptile.hwmodels import Chip
from synaptile.hwmodels.formats import Format, Functions, Overflow, is_integer, range_of


@dataclass(frozen=True)
class Arithmetic:
    """What is executed. `weights` and `accumulators`: formats of synapses, None for the floats of the run.

    `halves`: fp16 or bf16 where EC units round each operation to it, `words` where streams are rounded on their way; None for the
    floats of the run. `functions`: which functions are tables. `membranes`: of MT neurons on synapse cores, those on EC cores
    follow `halves`. Sums of products, and membranes of other neurons, are floats of the run.
    """

    numeric: Numeric
    weights: Format | None = None
    accumulators: Format | None = None
    overflow: Overflow = "error"
    membranes: Format | None = None
    halves: Format | None = None
    words: Format | None = None
    functions: Functions = field(default_factory=Functions)

    @property
    def integer(self) -> bool:
        """Whether weights are whole numbers with a scale per output."""
        return self.weights is not None and is_integer(self.weights)

    @property
    def plain(self) -> bool:
        """Whether EC units compute in the floats of the run, without tables."""
        return self.halves is None and not self.functions.tables

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest sum that an integer accumulator holds."""
        assert self.accumulators is not None
        return range_of(self.accumulators)

    @property
    def told(self) -> str:
        """In a few words, for reports."""
        floats = "float64" if self.numeric == "float64" else "fp32"
        parts = [
            f"{self.weights or floats} weights",
            f"{self.accumulators or floats} sums",
            f"EC units in {self.halves or floats}",
        ]
        parts += [f"{self.membranes} membranes"] if self.membranes else []
        parts += [f"{', '.join(self.functions.tables)} as tables"] if self.functions.tables else []
        return ", ".join(parts)


INT8 = Arithmetic("int8", "int8", "int32")
"""int8 weights, 32-bit sums that cannot leave their accumulators, floats elsewhere."""


def bare(numeric: Numeric) -> Arithmetic:
    """What a run of that numeric computes without a chip. Raises InputError for the chip's formats."""
    if numeric == "chip":
        raise InputError("numeric is 'chip': say whose formats, chip=...")
    return INT8 if numeric == "int8" else Arithmetic(numeric)


@derived
def arithmetic_of(chip: Chip, numeric: Numeric) -> Arithmetic:
    """What a run of that numeric executes on a chip; tables are the chip's whatever the numeric.

    Raises InputError where the chip's formats are asked for and it states none.
    """
    if numeric == "int8":
        return replace(INT8, functions=chip.functions)
    if numeric != "chip":
        return Arithmetic(numeric, functions=chip.functions)
    own, ec = chip.synapse_core.formats, chip.ec_core.formats if chip.ec_core is not None else None
    if own is None:
        raise InputError(f"numeric is 'chip', but {chip.name} states no formats: state synapse_core.formats, or name a numeric")
    integer, membranes = is_integer(own.weights), own.membranes or own.accumulators
    return Arithmetic(
        numeric,
        weights=None if own.weights == "fp32" else own.weights,
        accumulators=own.accumulators if integer else None,
        overflow=own.overflow,
        membranes=None if membranes == "fp32" else membranes,
        halves=_half(ec.arithmetic) if ec is not None else None,
        words=_half(chip.noc.word_format) or (_half(ec.arithmetic) if ec is not None else None),
        functions=chip.functions,
    )


def arithmetic_key(chip: Chip, numeric: Numeric) -> str:
    """What of a chip a run's results depend on: empty for a chip without tables, in a numeric that is not its own."""
    if not chip.functions.tables and numeric != "chip":
        return ""
    return digest_of(asdict(arithmetic_of(chip, numeric)))[:16]


def default_numeric(chip: Chip) -> Numeric:
    """What a run takes unless it is told otherwise: the formats of a chip that states any, else float32."""
    return "float32" if chip.synapse_core.formats is None else "chip"


def rounds_stream(node: Node) -> bool:
    """Whether a node's stream is of real values that EC cores make: rounded to the format of words."""
    spiking = isinstance(node, Convolution2d) or (isinstance(node, Synapse) and node.spiking)
    return not (spiking or isinstance(node, Neurons | Source))


def not_executed(chip: Chip, graph: SpikingGraph) -> tuple[str, ...]:
    """Formats that a chip states and a run of a network does not execute: what is computed in fp32 instead."""
    own, ec = chip.synapse_core.formats, chip.ec_core.formats if chip.ec_core is not None else None
    if own is None:
        return ()
    stated = []
    if any(not isinstance(site, MTNeurons | Source) for site in graph.sites):
        stated.append(("membranes that are not of MT neurons", own.membranes or own.accumulators))
    if graph.of_type(MTNeurons):
        stated.append(("factors of theta combine", own.combine or own.accumulators))
    if ec is not None and graph.of_type(ProductUnit):
        stated.append(("sums of products", ec.products or ec.sums or ec.arithmetic))
    return tuple(f"{what} ({name})" for what, name in stated if name != "fp32")


def _half(name: Format | None) -> Format | None:
    return name if name in ("fp16", "bf16") else None
