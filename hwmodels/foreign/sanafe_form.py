"""The architecture file of SANA-FE 2, as its packaged examples write it: which keys stand where. Seconds and joules."""

from __future__ import annotations

import re
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from synaptile.foundation.documents import Strict

Amount = Annotated[float, Field(ge=0, le=1)] | None
"""Seconds or joules of one event; None where the file says nothing."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\[\]]+(\[\d{1,6}\.\.\d{1,6}\])?$")]
Size = Annotated[int, Field(ge=1, le=1 << 20)]
_RANGE = re.compile(r"^(.+?)(?:\[(\d+)\.\.(\d+)\])?$")


class Attributes(Strict):
    """What any hardware unit may have beside its costs."""

    model: Annotated[str, Field(max_length=200)] | None = None
    plugin: Annotated[str, Field(max_length=4096)] | None = None
    update_every_timestep: bool | None = None
    force_update_every_timestep: bool | None = None
    log_energy: bool | None = None
    log_latency: bool | None = None
    log_spikes: bool | None = None
    log_potential: bool | None = None
    model_attributes: dict[str, Any] | None = None


class AxonIn(Attributes):
    """Receiving a message."""

    energy_message_in: Amount = None
    latency_message_in: Amount = None


class Synapse(Attributes):
    """A synaptic event."""

    energy_process_spike: Amount = None
    latency_process_spike: Amount = None


class Dendrite(Attributes):
    """Adding a synaptic event to a sum."""

    energy_update: Amount = None
    latency_update: Amount = None


class Soma(Attributes):
    """A neuron in a step: looked at, updated if it has an input or a membrane, and firing."""

    energy_access_neuron: Amount = None
    latency_access_neuron: Amount = None
    energy_update_neuron: Amount = None
    latency_update_neuron: Amount = None
    energy_spike_out: Amount = None
    latency_spike_out: Amount = None
    noise_bits: int | None = None


class AxonOut(Attributes):
    """Sending a message."""

    energy_message_out: Amount = None
    latency_message_out: Amount = None


A = TypeVar("A", bound=Attributes)


class Named(Strict):
    """What has a name, and stands for several where that ends in a range: ``core[0..3]``."""

    name: Name

    @property
    def plain(self) -> str:
        """The name without its range."""
        return self._parts()[0]

    @property
    def count(self) -> int:
        """How many it stands for; 0 where a range runs backwards."""
        _, first, last = self._parts()
        return 1 if first is None else max(0, int(last) - int(first) + 1)

    def _parts(self) -> tuple[str, Any, Any]:
        found = _RANGE.match(self.name)
        assert found is not None  # the pattern of `Name`
        return found[1], found[2], found[3]


class Unit(Named, Generic[A]):
    """A hardware unit of a core."""

    attributes: A


class CoreAttributes(Strict):
    """Where messages wait, and how many neurons a core holds."""

    buffer_position: Annotated[str, Field(max_length=200)] | None = None
    buffer_inside_unit: bool | None = None
    max_neurons_supported: Size | None = None


class Core(Named):
    """A core and its units, in the order that a message goes through them."""

    attributes: CoreAttributes
    axon_in: list[Unit[AxonIn]]
    synapse: list[Unit[Synapse]]
    dendrite: list[Unit[Dendrite]]
    soma: list[Unit[Soma]]
    axon_out: list[Unit[AxonOut]]


class TileAttributes(Strict):
    """A hop, by its direction."""

    energy_north_hop: Amount = None
    energy_east_hop: Amount = None
    energy_south_hop: Amount = None
    energy_west_hop: Amount = None
    latency_north_hop: Amount = None
    latency_east_hop: Amount = None
    latency_south_hop: Amount = None
    latency_west_hop: Amount = None


class Tile(Named):
    """A router and its cores."""

    attributes: TileAttributes
    core: Annotated[list[Core], Field(min_length=1, max_length=1024)]


class ChipAttributes(Strict):
    """The mesh, and the barrier at the end of a step: fixed, or by tiles in use."""

    width: Size
    height: Size
    topology: Literal["mesh"] = "mesh"
    link_buffer_size: Size | None = None
    sync_model: Literal["fixed", "table"] = "fixed"
    latency_sync: Annotated[float, Field(ge=0, le=1)] | dict[str, Annotated[float, Field(gt=0, le=1)]] | None = None


class Architecture(Strict):
    """A chip."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    attributes: ChipAttributes
    tile: Annotated[list[Tile], Field(min_length=1, max_length=1024)]


class ArchitectureFile(Strict):
    """The whole file."""

    architecture: Architecture
