"""The schema of a chip file: which keys there are, of which type and range. Nothing unknown passes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_COUNT = 2**48
MAX_REAL = 1e15
"""Largest figures accepted: sums over a board of them stay exact in 64 bits."""


class Strict(BaseModel):
    """Base of all sections: unknown keys refused, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Figure(Strict):
    """A number and where it comes from: exactly one of `source` and `assumed`."""

    source: Annotated[str, Field(min_length=1)] | None = None
    assumed: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Figure:
        if (self.source is None) == (self.assumed is None):
            raise ValueError("origin_neither" if self.source is None else "origin_both")
        return self

    @property
    def origin(self) -> str:
        """Where the figure comes from, in one line."""
        return self.source if self.source is not None else f"assumed: {self.assumed}"


class Count(Figure):
    """A positive integer."""

    value: Annotated[int, Field(gt=0, le=MAX_COUNT)]


class CountOrNone(Figure):
    """An integer that may be zero."""

    value: Annotated[int, Field(ge=0, le=MAX_COUNT)]


class Real(Figure):
    """A positive real number."""

    value: Annotated[float, Field(gt=0, le=MAX_REAL)]


class Fraction(Figure):
    """A real number above 0, at most 1."""

    value: Annotated[float, Field(gt=0, le=1)]


class MeshSchema(Strict):
    """Section `mesh`."""

    width: Count
    """Tiles in a row of one chip."""
    height: Count
    """Tiles in a column of one chip."""
    synapse_cores_per_tile: Count
    """Synapse cores beside each router."""
    ec_cores_per_tile: CountOrNone
    """EC cores beside each router; 0 on a chip without them."""
    max_chips: Count
    """Chips that a board may hold; 1 for a chip that stands alone."""


class SynapseCoreSchema(Strict):
    """Section `synapse_core`."""

    weight_memory_bits: Count
    """Weights and biases that a core holds."""
    state_memory_bits: Count
    """Membranes and accumulators that a core holds."""
    weight_bits: Count
    """Width of a stored weight."""
    accumulator_bits: Count
    """Width of an accumulator."""
    membrane_bits: Count
    """Width of a membrane."""
    max_neurons: Count
    """Output channels a core holds; (token, channel) pairs where token_sharing is false."""
    max_axons: Count
    """Input rows a core holds; (token, channel) pairs where token_sharing is false."""
    lanes_per_cycle: Count
    """Accumulations issued a cycle."""
    neuron_updates_per_cycle: Real
    """Neurons updated a cycle; below 1 where an update takes several cycles."""
    graded_spikes: Literal["shift", "replicate", "binary"]
    """shift: one copy of each weight, shifted by k; replicate: 2n copies (paper, Eq. 26-29); binary: no graded spikes."""
    token_sharing: bool
    """Whether a channel's weights and neurons serve all tokens in turn; else each token takes a copy."""
    weight_bank_bits: Count | None = None
    """The SRAM bank that one access of a weight opens; the whole memory where absent."""
    state_bank_bits: Count | None = None
    """The SRAM bank that one access of state opens; the whole memory where absent."""
    memory_in_ac: Literal[True] | None = None
    """Present where operation_pj.ac already contains reading the weight and updating the accumulator."""


class ECCoreSchema(Strict):
    """Section `ec_core`."""

    state_memory_bits: Count
    """Running sums, last outputs, membranes and weights of dense layers that a core holds."""
    state_bits: Count
    """Width of one word of them."""
    multipliers_per_cycle: Count
    """MACs or additions issued a cycle."""
    special_functions_per_cycle: Real
    """Divisions, reciprocal roots, exp, erf, tanh, sigmoid a cycle."""
    neuron_updates_per_cycle: Real
    """Neurons updated a cycle."""
    max_neurons: Count
    """(token, channel) pairs a core holds."""
    state_bank_bits: Count | None = None
    """The SRAM bank that one access opens; the whole memory where absent."""


class NoCSchema(Strict):
    """Section `noc`."""

    flit_bits: Count
    """Width of a link."""
    cycles_per_hop: Count
    """From one router to the next."""
    link_flits_per_cycle: Real
    """What a link carries."""
    multicast: bool
    """Whether routers copy a flit along a tree; else each receiver is sent its own."""
    energy_pj_per_flit_hop: Real
    """Router and wire together."""
    spike_header_bits: Count
    """Address of a spike; 1 + log2(n) bits of payload come on top."""
    word_bits: Count
    """A real value on the network."""
    input_queue_flits: Count
    """Room of a router input; queues are not bounded, longer ones are reported."""
    chip_crossing_cycles: Count | None = None
    """From chip to chip; needed on boards."""
    chip_crossing_pj_per_flit: Real | None = None
    """From chip to chip; needed on boards."""


class LeakageSchema(Strict):
    """Section `leakage`."""

    synapse_core_uw: Real
    """Static power of one synapse core, its memories included."""
    ec_core_uw: Real | None = None
    """Static power of one EC core, its memories included; absent without EC cores."""
    router_uw: Real
    """Static power of one router."""


class OffChipSchema(Strict):
    """Section `off_chip`."""

    dram_pj_per_64bit: Real
    """An access of 64 bits; pixels come from there."""


class AreaSchema(Strict):
    """Section `area`."""

    sram_um2_per_bit: Real
    """One cell."""
    sram_array_efficiency: Fraction
    """Share of cells in the area of a macro."""
    accumulate_lane_um2: Real
    """One accumulate lane."""
    multiplier_um2: Real
    """One multiplier with its adder."""
    special_function_um2: Real
    """One special-function unit."""
    router_um2: Real
    """A whole router."""
    logic_overhead: Real
    """What control, registers and wiring multiply the area of bare arithmetic by."""
    reticle_mm2: Real
    """What one lithography exposure covers."""


class FormatsSchema(Strict):
    """Energy of one operation in each number format, pJ."""

    fp32: Real | None = None
    """One operation in fp32."""
    fp16: Real | None = None
    """One operation in fp16."""
    int8: Real | None = None
    """One operation in int8."""


class OperationsSchema(Strict):
    """Section `operation_pj`: the operations that cores issue, and updates of a neuron as a whole.

    The latter are for chips that publish nothing finer: with a spike sent (active) and without (inactive).
    """

    ac: FormatsSchema | None = None
    """One accumulate caused by one spike at one destination."""
    mac: FormatsSchema | None = None
    """One multiply-accumulate."""
    add: FormatsSchema | None = None
    """Every other addition."""
    mul: FormatsSchema | None = None
    """One multiplication."""
    compare: FormatsSchema | None = None
    """One comparison."""
    div: FormatsSchema | None = None
    """One division."""
    rsqrt: FormatsSchema | None = None
    """One reciprocal square root."""
    exp: FormatsSchema | None = None
    """One exponential."""
    erf: FormatsSchema | None = None
    """One error function."""
    tanh: FormatsSchema | None = None
    """One hyperbolic tangent."""
    sigmoid: FormatsSchema | None = None
    """One sigmoid."""
    neuron_update_active: FormatsSchema | None = None
    """Updating a neuron that sends a spike."""
    neuron_update_inactive: FormatsSchema | None = None
    """Updating a neuron that sends none."""


class ExpansionSchema(Strict):
    """Primitive operations that one special function takes."""

    mac: Count | None = None
    """MACs in it."""
    add: Count | None = None
    """Additions in it."""
    mul: Count | None = None
    """Multiplications in it."""
    compare: Count | None = None
    """Comparisons in it."""


class SpecialFunctionsSchema(Strict):
    """Section `special_functions`."""

    div: ExpansionSchema | None = None
    """What a division takes."""
    rsqrt: ExpansionSchema | None = None
    """What a reciprocal square root takes."""
    exp: ExpansionSchema | None = None
    """What an exponential takes."""
    erf: ExpansionSchema | None = None
    """What an error function takes."""
    tanh: ExpansionSchema | None = None
    """What a hyperbolic tangent takes."""
    sigmoid: ExpansionSchema | None = None
    """What a sigmoid takes."""


class ChipSchema(Strict):
    """A whole chip file, after `extends` has been resolved."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    """What reports call the chip; never inherited."""
    description: Annotated[str, Field(min_length=1)]
    """One or two sentences."""
    lacks: list[Annotated[str, Field(min_length=1)]]
    """What the chip is missing for a spiking transformer, a sentence each."""
    process_nm: Real
    """Technology node."""
    voltage_v: Real
    """Supply."""
    clock_mhz: Real
    """Clock of cores and network."""
    mesh: MeshSchema
    """Tiles, cores and boards."""
    synapse_core: SynapseCoreSchema
    """Cores that accumulate."""
    ec_core: ECCoreSchema | None = None
    """Cores that multiply; absent on a chip without them."""
    noc: NoCSchema
    """The mesh network."""
    synchronisation: Literal["barrier", "dataflow"]
    """barrier: all cores wait between steps; dataflow: each goes on when its inputs are complete."""
    barrier_ns: Real | None = None
    """How long a barrier takes; only where synchronisation is barrier."""
    leakage: LeakageSchema
    """Static power."""
    off_chip: OffChipSchema
    """What lies outside."""
    area: AreaSchema | None = None
    """Figures for a statement of die area."""
    operation_pj: OperationsSchema | None = None
    """Energies of operations in place of Horowitz's."""
    weights: Literal["resident", "streamed"] | None = None
    """resident (where absent): all weights stay on the chip; streamed: phase after phase brings its own from DRAM."""
    special_functions: SpecialFunctionsSchema | None = None
    """Expansions of special functions in place of the documented ones."""
