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
    height: Count
    synapse_cores_per_tile: Count
    ec_cores_per_tile: CountOrNone
    max_chips: Count


class SynapseCoreSchema(Strict):
    """Section `synapse_core`."""

    weight_memory_bits: Count
    state_memory_bits: Count
    weight_bits: Count
    accumulator_bits: Count
    membrane_bits: Count
    max_neurons: Count
    max_axons: Count
    lanes_per_cycle: Count
    neuron_updates_per_cycle: Real
    graded_spikes: Literal["shift", "replicate", "binary"]
    token_sharing: bool
    weight_bank_bits: Count | None = None
    state_bank_bits: Count | None = None
    memory_in_ac: Literal[True] | None = None


class ECCoreSchema(Strict):
    """Section `ec_core`."""

    state_memory_bits: Count
    state_bits: Count
    multipliers_per_cycle: Count
    special_functions_per_cycle: Real
    neuron_updates_per_cycle: Real
    max_neurons: Count
    state_bank_bits: Count | None = None


class NoCSchema(Strict):
    """Section `noc`."""

    flit_bits: Count
    cycles_per_hop: Count
    link_flits_per_cycle: Real
    multicast: bool
    energy_pj_per_flit_hop: Real
    spike_header_bits: Count
    word_bits: Count
    input_queue_flits: Count
    chip_crossing_cycles: Count | None = None
    chip_crossing_pj_per_flit: Real | None = None


class LeakageSchema(Strict):
    """Section `leakage`."""

    synapse_core_uw: Real
    ec_core_uw: Real | None = None
    router_uw: Real


class OffChipSchema(Strict):
    """Section `off_chip`."""

    dram_pj_per_64bit: Real


class AreaSchema(Strict):
    """Section `area`."""

    sram_um2_per_bit: Real
    sram_array_efficiency: Fraction
    accumulate_lane_um2: Real
    multiplier_um2: Real
    special_function_um2: Real
    router_um2: Real
    logic_overhead: Real
    reticle_mm2: Real


class FormatsSchema(Strict):
    """Energy of one operation in each number format, pJ."""

    fp32: Real | None = None
    fp16: Real | None = None
    int8: Real | None = None


class OperationsSchema(Strict):
    """Section `operation_pj`: the operations that cores issue, and updates of a neuron as a whole.

    The latter are for chips that publish nothing finer: with a spike sent (active) and without (inactive).
    """

    ac: FormatsSchema | None = None
    mac: FormatsSchema | None = None
    add: FormatsSchema | None = None
    mul: FormatsSchema | None = None
    compare: FormatsSchema | None = None
    div: FormatsSchema | None = None
    rsqrt: FormatsSchema | None = None
    exp: FormatsSchema | None = None
    erf: FormatsSchema | None = None
    tanh: FormatsSchema | None = None
    sigmoid: FormatsSchema | None = None
    neuron_update_active: FormatsSchema | None = None
    neuron_update_inactive: FormatsSchema | None = None


class ExpansionSchema(Strict):
    """Primitive operations that one special function takes."""

    mac: Count | None = None
    add: Count | None = None
    mul: Count | None = None
    compare: Count | None = None


class SpecialFunctionsSchema(Strict):
    """Section `special_functions`."""

    div: ExpansionSchema | None = None
    rsqrt: ExpansionSchema | None = None
    exp: ExpansionSchema | None = None
    erf: ExpansionSchema | None = None
    tanh: ExpansionSchema | None = None
    sigmoid: ExpansionSchema | None = None


class ChipSchema(Strict):
    """A whole chip file, after `extends` has been resolved."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    description: Annotated[str, Field(min_length=1)]
    lacks: list[Annotated[str, Field(min_length=1)]]
    process_nm: Real
    voltage_v: Real
    clock_mhz: Real
    mesh: MeshSchema
    synapse_core: SynapseCoreSchema
    ec_core: ECCoreSchema | None = None
    noc: NoCSchema
    synchronisation: Literal["barrier", "dataflow"]
    barrier_ns: Real | None = None
    leakage: LeakageSchema
    off_chip: OffChipSchema
    area: AreaSchema | None = None
    operation_pj: OperationsSchema | None = None
    special_functions: SpecialFunctionsSchema | None = None
