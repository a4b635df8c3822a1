"""The sections of a chip: which figures there are, of which type and range, and what they mean.

A figure is declared once: here, or in `operations`, `formats`, `power` or `step_times`; a chip file, a `Chip`, its digest, stored
programs, `vary` and the reference page follow. Units stand in the names: `_bits`, `_mhz`, `_ns`, `_pj`, `_uw`, `_um2`,
`_per_cycle`. Counts are integers, rates that may be fractions (an update that takes several cycles) are floats. A field with a
default is one that a chip may do without.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from synaptile.hwmodels.formats import ECFormats, Format, SynapseFormats
from synaptile.hwmodels.sourced import Count, CountOrZero, Cycles, Flag, Rate, Real, RealOrZero, Section, Share, WrittenAs

GradedSpikes: TypeAlias = Literal["shift", "replicate", "binary"]
"""How a synapse treats a spike of value sign*2^k: it shifts (one copy of each weight), it holds 2n copies of each weight, one
per threshold (paper, Eq. 26-29), or it knows no graded spikes at all."""


@dataclass(frozen=True)
class Mesh(Section):
    """The tiles of one chip, `width` by `height`, one router each; a board holds up to `max_chips` such chips."""

    width: Count
    """Tiles in a row of one chip."""
    height: Count
    """Tiles in a column of one chip."""
    synapse_cores_per_tile: Count
    """Synapse cores beside each router."""
    ec_cores_per_tile: CountOrZero
    """EC cores beside each router; 0 on a chip without them."""
    max_chips: Count
    """Chips that a board may hold; 1 for a chip that stands alone."""

    @property
    def tiles(self) -> int:
        """Tiles of one chip."""
        return self.width * self.height


Order: TypeAlias = Literal["step_major", "layer_major"]
"""step_major: all layers do a step, then the next; layer_major: a layer does all steps of a block of tokens, then the next."""

Flavour: TypeAlias = Literal["itrs-lstp", "itrs-lop", "itrs-hp"]
"""Transistors: low standby power, low operating power, high performance. Leakage of the first and the last differ 25,000-fold."""


@dataclass(frozen=True)
class Dataflow(Section):
    """In which order a kind of core works and what shares a fetched row; it never changes a result."""

    order: Order = "step_major"
    """step_major: all layers do a step, then the next; layer_major: a layer does all steps of a block of tokens first."""
    token_block: Count = 1
    """Tokens that share a fetched row of weights."""
    time_batch: Count = 1
    """Steps that share it; 1 in step_major order."""
    accumulators: Literal["sram", "registers"] = "sram"
    """Where sums are while spikes arrive: in state memory, or in the registers of the lanes."""
    max_steps: Count = 1
    """In layer_major order, the steps of a run that memories between layers are sized for; a run may have fewer."""


@dataclass(frozen=True)
class Registers(Section):
    """The registers of one lane (of one multiplier, on an EC core)."""

    words: Count
    """Accumulators that a lane holds."""
    update_pj: Real
    """Reading and writing one of them."""
    um2_per_bit: Real
    """Area of one bit."""


@dataclass(frozen=True, kw_only=True)
class Memory(Section):
    """What an access of a memory costs: explicit figures of an SRAM compiler, or rows of CACTI 7 for a `flavour`.

    A memory that says nothing is priced by Horowitz' line.
    """

    width_bits: Count
    """Width of an access."""
    bank_bits: Count | None = None
    """The bank that an access opens; that of the core's section, or the whole memory, where absent."""
    flavour: Flavour | None = None
    """Take read and write energy, leakage, access time and area from the table of CACTI 7, for these transistors."""
    read_pj: Real | None = None
    """Reading one access; with `flavour` absent."""
    write_pj: Real | None = None
    """Writing one access; with `flavour` absent."""
    access_ns: Real | None = None
    """From address to data; with `flavour` absent."""
    leakage_uw: Real | None = None
    """Static power of one bank, billed apart from that of its core; with `flavour` absent."""


@dataclass(frozen=True, kw_only=True)
class Buffer(Memory):
    """A memory shared by all cores, for what one phase hands to a later one."""

    capacity_bits: Count
    """What it holds."""
    bits_per_cycle: Rate
    """What it moves."""


@dataclass(frozen=True)
class Dram(Section):
    """Memory beside the chip: weights that are streamed, and what no buffer holds."""

    pj_per_bit: Real
    """Moving a bit either way, interface included."""
    gbit_per_s: Real
    """What it moves."""
    latency_ns: Real
    """From the first request to the first data."""


@dataclass(frozen=True)
class Memories(Section):
    """What accesses cost, memory by memory; one that is absent is priced by Horowitz' line of its bank."""

    weight: Memory | None = None
    """Weights of a synapse core."""
    state: Memory | None = None
    """Membranes and accumulators of a synapse core."""
    ec_state: Memory | None = None
    """Everything on an EC core."""
    event_buffer: Memory | None = None
    """Where spikes wait on either kind of core, in its state memory; where absent, waiting costs nothing and has room."""
    buffer: Buffer | None = None
    """Shared by all cores; where absent, phases hand on through DRAM."""
    dram: Dram | None = None
    """Needed where weights are streamed."""


ConvolutionStore: TypeAlias = Literal["kernel", "line", "synapses"]
"""kernel: each weight of a kernel once; synapses: one per connection; line: connections of a neuron in front, shared by those of
its line of the image that have the same weights, shifted."""


@dataclass(frozen=True)
class SynapseCore(Section):
    """A core that accumulates weight rows for spikes and has no multiplier.

    Where `token_sharing` holds, a channel's neurons are time-multiplexed over tokens, each token with a membrane of its own.
    """

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
    """Output channels that a core holds; (token, channel) pairs where token_sharing is false."""
    max_axons: Count
    """Input rows that a core holds; (token, channel) pairs where token_sharing is false."""
    lanes_per_cycle: Count
    """Accumulations issued per cycle."""
    neuron_updates_per_cycle: Rate
    """Neurons updated per cycle; below 1 where an update takes several cycles."""
    graded_spikes: GradedSpikes
    """shift: one copy of each weight, shifted by k; replicate: 2n copies (paper, Eq. 26-29); binary: no graded spikes."""
    token_sharing: Flag
    """Whether a channel's weights and neurons serve all tokens in turn; else each token takes a copy."""
    index_bits: CountOrZero = 0
    """Bits beside each stored weight that name its target; 0 where a row's targets follow from its address."""
    convolutions: ConvolutionStore = "kernel"
    """What a core stores of a convolution."""
    max_axons_out: Count | None = None
    """Entries of a core's table of whom its neurons send to, one per neuron and receiving core; no limit where absent."""
    soft_reset_compartments: Count = 1
    """Places among max_neurons that a neuron takes which is reset by subtraction; one that is set to a value takes one."""
    weight_bank_bits: Count | None = None
    """The SRAM bank that one access of a weight opens; the whole memory where absent."""
    state_bank_bits: Count | None = None
    """The SRAM bank that one access of state opens; the whole memory where absent."""
    memory_in_ac: Annotated[bool, WrittenAs(Literal[True])] = False
    """Present where operation_pj.ac already contains reading the weight and updating the accumulator."""
    memory_in_mac: Annotated[bool, WrittenAs(Literal[True])] = False
    """Present where operation_pj.mac does: its twin for the ANN."""
    dataflow: Dataflow = field(default_factory=Dataflow)
    """In which order the core works."""
    registers: Registers | None = None
    """Of each lane; needed where accumulators are registers."""
    formats: SynapseFormats | None = None
    """Number formats; absent, those of the run."""

    @property
    def accumulators(self) -> int:
        """Accumulators per output: two where spikes are shifted, as either sign has thresholds of its own."""
        return 2 if self.graded_spikes == "shift" else 1


@dataclass(frozen=True)
class ECCore(Section):
    """A core with multipliers: expectation compensation, products, residual adds, the dense front end, a real-valued head."""

    state_memory_bits: Count
    """Running sums, last outputs, membranes and weights of dense layers that a core holds."""
    state_bits: Count
    """Width of one word of them."""
    multipliers_per_cycle: Count
    """MACs or additions issued per cycle."""
    special_functions_per_cycle: Rate
    """Divisions, reciprocal roots, exp, erf, tanh, sigmoid per cycle."""
    neuron_updates_per_cycle: Rate
    """Neurons updated per cycle."""
    max_neurons: Count
    """(token, channel) pairs that a core holds."""
    state_bank_bits: Count | None = None
    """The SRAM bank that one access opens; the whole memory where absent."""
    dataflow: Dataflow = field(default_factory=Dataflow)
    """In which order the core works."""
    registers: Registers | None = None
    """Of each multiplier; needed where accumulators are registers."""
    formats: ECFormats | None = None
    """Number formats; absent, those of the run."""


Topology: TypeAlias = Literal["mesh", "torus", "tree"]
"""How routers are joined."""

FlowControl: TypeAlias = Literal["unbounded", "cut_through", "wormhole"]
"""What bounds a queue: nothing; room for a whole packet; room for a flit."""

SpikeFormat: TypeAlias = Literal["aer", "bitmap", "list", "cheapest"]
"""aer: header and payload per spike; bitmap: a bit per channel, payloads of those that fire; list: shortest index and payload."""


@dataclass(frozen=True)
class HopEnergies(Section):
    """What a flit takes over a link, by its direction."""

    east_pj: RealOrZero
    """To the next column."""
    west_pj: RealOrZero
    """To the column before."""
    north_pj: RealOrZero
    """To the next row."""
    south_pj: RealOrZero
    """To the row before."""


@dataclass(frozen=True)
class NoC(Section):
    """The network on chip. The two `chip_crossing` figures are None on a chip that stands alone."""

    flit_bits: Count
    """Width of a link."""
    cycles_per_hop: Cycles
    """From one router to the next."""
    link_flits_per_cycle: Rate
    """What a link carries."""
    multicast: Flag
    """Whether routers copy a flit along a tree; else each receiver is sent its own."""
    energy_pj_per_flit_hop: Real
    """Router and wire together."""
    spike_header_bits: Count
    """Address of a spike, by aer; 1 + log2(n) bits of payload come on top."""
    word_bits: Count
    """A real value on the network."""
    input_queue_flits: Count
    """Room of a router input; where flow_control is unbounded, longer queues are reported."""
    messages: Literal["token", "spike"] = "token"
    """token: the spikes of a token share flits, and an empty message says that it is complete; spike: each spike is a message."""
    tile_pj_per_flit: Real | None = None
    """From core to core of one tile, no link crossed; where absent, such a flit costs nothing."""
    chip_crossing_cycles: Cycles | None = None
    """From chip to chip; needed on boards."""
    chip_crossing_pj_per_flit: Real | None = None
    """From chip to chip; needed on boards."""
    word_format: Format | None = None
    """Number format of a real value on the network; absent, that in which it was computed."""
    topology: Topology = "mesh"
    """mesh; torus, over the whole board; tree: a router over every 2 x 2 tiles, and so on up to one root per chip."""
    flow_control: FlowControl = "unbounded"
    """unbounded: queues are as long as needed; cut_through, wormhole: of input_queue_flits, and senders are held up."""
    packet_flits: Count | None = None
    """Messages are cut into packets of as many flits; absent, a message is one packet. Only where queues are bounded."""
    spike_format: SpikeFormat = "aer"
    """How spikes of a message are written: aer, bitmap, list, or whichever is the shortest for it (cheapest)."""
    injection_pj_per_flit: Real | None = None
    """From a core to its router; absent, nothing."""
    ejection_pj_per_flit: Real | None = None
    """From a router to one of its cores; absent, nothing."""
    hops: HopEnergies | None = None
    """In place of energy_pj_per_flit_hop, on a mesh or torus whose links differ by direction."""


@dataclass(frozen=True, kw_only=True)
class Leakage(Section):
    """Static power."""

    synapse_core_uw: Real
    """Static power of one synapse core, its memories included but for those with leakage of their own (`memories`)."""
    ec_core_uw: Real = 0.0
    """Static power of one EC core, memories as above; absent without EC cores."""
    router_uw: Real
    """Static power of one router."""


@dataclass(frozen=True)
class OffChip(Section):
    """What lies outside the chip."""

    dram_pj_per_64bit: Real
    """An access of 64 bits; pixels come from there."""


@dataclass(frozen=True)
class Area(Section):
    """Figures for a statement of die area.

    One bit of memory takes ``sram_um2_per_bit / sram_array_efficiency``. Datapath logic (lanes, multipliers, special-function
    units) is multiplied by `logic_overhead`.
    """

    sram_um2_per_bit: Real
    """One cell."""
    sram_array_efficiency: Share
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
