"""What a chip is once its file has been validated: plain numbers, and where each of them comes from.

Units stand in the names: `_bits`, `_mhz`, `_ns`, `_pj`, `_uw`, `_um2`, `_per_cycle`. Counts are integers, rates that may be
fractions (an update that takes several cycles) are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular

if TYPE_CHECKING:
    import pyarrow as pa

GradedSpikes: TypeAlias = Literal["shift", "replicate", "binary"]
"""How a synapse treats a spike of value sign*2^k: it shifts (one copy of each weight), it holds 2n copies of each weight, one
a threshold (paper, Eq. 26-29), or it knows no graded spikes at all."""

Synchronisation: TypeAlias = Literal["barrier", "dataflow"]
"""How cores agree on time steps: all wait at a barrier, or each goes on when its inputs are complete."""


HOST_EC_SUFFIX = "+host-ec"
"""Ends the name of a chip that was given EC cores which its silicon does not have."""


@dataclass(frozen=True)
class Mesh:
    """The tiles of one chip, `width` by `height`, one router each; a board holds up to `max_chips` such chips."""

    width: int
    height: int
    synapse_cores_per_tile: int
    ec_cores_per_tile: int
    max_chips: int

    @property
    def tiles(self) -> int:
        """Tiles of one chip."""
        return self.width * self.height


@dataclass(frozen=True)
class SynapseCore:
    """A core that accumulates weight rows for spikes and has no multiplier.

    `weight_memory_bits` holds weights and biases of `weight_bits` each; `state_memory_bits` holds membranes and accumulators.
    `max_neurons` counts output channels and `max_axons` input rows where `token_sharing` holds (a channel's neurons are
    time-multiplexed over tokens, each token with a membrane of its own); without it each (token, channel) counts, and a
    weight is stored once a token. `lanes_per_cycle` accumulations and `neuron_updates_per_cycle` updates are issued a cycle.

    The two `_bank_bits` are the size of the SRAM bank that one access opens, None where the chip file gives none (a memory then
    counts as one SRAM). `memory_in_ac` holds where the chip's own energy of an accumulate (operation_pj.ac) already contains
    reading the weight and updating the accumulator.
    """

    weight_memory_bits: int
    state_memory_bits: int
    weight_bits: int
    accumulator_bits: int
    membrane_bits: int
    max_neurons: int
    max_axons: int
    lanes_per_cycle: int
    neuron_updates_per_cycle: float
    graded_spikes: GradedSpikes
    token_sharing: bool
    weight_bank_bits: int | None = None
    state_bank_bits: int | None = None
    memory_in_ac: bool = False


@dataclass(frozen=True)
class ECCore:
    """A core with multipliers: expectation compensation, products, residual adds, the dense front end, a real-valued head.

    `state_memory_bits` holds running sums, last outputs and membranes in words of `state_bits`, and the weights of dense
    layers. Each of its multipliers comes with an adder, so it issues `multipliers_per_cycle` MACs or additions a cycle.
    `state_bank_bits` as in `SynapseCore`.
    """

    state_memory_bits: int
    state_bits: int
    multipliers_per_cycle: int
    special_functions_per_cycle: float
    neuron_updates_per_cycle: float
    max_neurons: int
    state_bank_bits: int | None = None


@dataclass(frozen=True)
class NoC:
    """The mesh network. A spike is `spike_header_bits` of address and 1 + log2(n) bits of payload, a real value `word_bits`.

    The two `chip_crossing` figures are None on a chip that stands alone.
    """

    flit_bits: int
    cycles_per_hop: int
    link_flits_per_cycle: float
    multicast: bool
    energy_pj_per_flit_hop: float
    spike_header_bits: int
    word_bits: int
    input_queue_flits: int
    chip_crossing_cycles: int | None = None
    chip_crossing_pj_per_flit: float | None = None


@dataclass(frozen=True)
class Leakage:
    """Static power of one core or router, its memories included; `ec_core_uw` is 0 where the chip has no EC core."""

    synapse_core_uw: float
    ec_core_uw: float
    router_uw: float


@dataclass(frozen=True)
class OffChip:
    """What lies outside the chip."""

    dram_pj_per_64bit: float


@dataclass(frozen=True)
class Area:
    """Figures for a statement of die area.

    One bit of memory takes ``sram_um2_per_bit / sram_array_efficiency``. Datapath logic (lanes, multipliers, special-function
    units) is multiplied by `logic_overhead` for the control, registers and wiring around it; `router_um2` is a whole router.
    `reticle_mm2` is what one lithography exposure covers.
    """

    sram_um2_per_bit: float
    sram_array_efficiency: float
    accumulate_lane_um2: float
    multiplier_um2: float
    special_function_um2: float
    router_um2: float
    logic_overhead: float
    reticle_mm2: float


@dataclass(frozen=True)
class Chip(Tabular, Shown):
    """A chip with every figure resolved.

    `sources` maps the dotted name of every figure (as in the chip file, "synapse_core.lanes_per_cycle") to where it comes
    from: a publication, or "assumed: why". `digest` is the BLAKE2b of the resolved figures, 32 hex digits: it changes with
    any figure and not with prose. `barrier_ns` is 0 where `synchronisation` is "dataflow".

    `operation_pj` overrides the energy of operations, per number format ("fp32", "fp16", "int8"); `special_functions`
    overrides how many primitive operations (mac, add, mul, compare) one special function takes. Both are empty where the
    chip says nothing. `lacks` names what the chip is missing for a spiking transformer.
    """

    name: str
    description: str
    lacks: tuple[str, ...] = field(hash=False)
    process_nm: float
    voltage_v: float
    clock_mhz: float
    mesh: Mesh
    synapse_core: SynapseCore
    ec_core: ECCore | None
    noc: NoC
    synchronisation: Synchronisation
    barrier_ns: float
    leakage: Leakage
    off_chip: OffChip
    area: Area | None
    operation_pj: Mapping[str, Mapping[str, float]] = field(hash=False)
    special_functions: Mapping[str, Mapping[str, int]] = field(hash=False)
    sources: Mapping[str, str] = field(hash=False)
    digest: str

    @property
    def virtual_host_ec(self) -> bool:
        """True where the EC cores are a stand-in that `with_host_ec` added: the silicon has none."""
        return self.name.endswith(HOST_EC_SUFFIX)

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `figures`: every figure and property with its origin."""
        from synaptile.hwmodels.show import chip_arrow

        return chip_arrow(self, table)
