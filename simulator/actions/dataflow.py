"""What a core's dataflow makes of the accesses of a part: sums and state in registers, events in a buffer.

Where accumulators are registers, a row that would be read and written per event is one update per word, and what is read out and
cleared one read-out. In layer-major order the state of a block of tokens (membranes, running sums, last outputs, S_A) never
leaves registers: reading and writing a word is one update. An event waits in the event buffer, where the chip has one: it is
written once and read once for each pass of the lanes over a row that it needs; the second operand of a product is read again for
each block of queries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from synaptile.conversion.graph import Convolution2d, SpikeAttention
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dataflow
from synaptile.mapper.program import CoreKind
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.vocabulary import Access, Driver, Rhythm, Role, Side, Trigger

_SUMS: dict[Role, Role | None] = {
    Role.ACCUMULATOR_READ: Role.ACCUMULATOR_UPDATE,
    Role.ACCUMULATOR_WRITE: None,
    Role.PRODUCT_ACCUMULATOR_READ: Role.PRODUCT_ACCUMULATOR_UPDATE,
    Role.PRODUCT_ACCUMULATOR_WRITE: None,
    Role.DENSE_ACCUMULATOR_READ: Role.DENSE_ACCUMULATOR_UPDATE,
    Role.DENSE_ACCUMULATOR_WRITE: None,
    Role.ACCUMULATOR_READ_OUT: Role.REGISTER_READ_OUT,
    Role.ACCUMULATOR_CLEAR: None,
}
"""What accesses of accumulators become where these are registers; None: part of the one before."""

_STATE: dict[Role, Role | None] = {
    role: None if role.value.endswith("write") else Role.STATE_UPDATE
    for role in (
        Role.MEMBRANE_READ,
        Role.MEMBRANE_WRITE,
        Role.TRACER_READ,
        Role.TRACER_WRITE,
        Role.SYNAPTIC_CURRENT_READ,
        Role.SYNAPTIC_CURRENT_WRITE,
        Role.EC_STATE_READ,
        Role.EC_STATE_WRITE,
        Role.ACTIVATION_READ,
        Role.ACTIVATION_WRITE,
        Role.OPERAND_LOAD,
    )
}
"""What accesses of state become in layer-major order."""

_FIRST_SUM: dict[Role, Role | None] = {Role.OPERAND_SUM_READ: Role.OPERAND_SUM_UPDATE, Role.OPERAND_SUM_WRITE: None}
"""S_A is state of a block; S_B is kept in memory at every step."""


@dataclass(frozen=True)
class CoreFlow:
    """The dataflow of one kind of core of a chip, and what decides how often an event is read: its lanes, its event buffer."""

    flow: Dataflow
    lanes: int
    buffered: bool


def core_flow(chip: Chip, kind: CoreKind) -> CoreFlow:
    """The dataflow of a kind of core. The mapper never makes an EC core on a chip that has none."""
    buffered = chip.memories.event_buffer is not None
    if kind is CoreKind.SYNAPSE:
        return CoreFlow(chip.synapse_core.dataflow, chip.synapse_core.lanes_per_cycle, buffered)
    assert chip.ec_core is not None
    return CoreFlow(chip.ec_core.dataflow, chip.ec_core.multipliers_per_cycle, buffered)


def by_dataflow(part: Part, accesses: tuple[Access, ...], core: CoreFlow) -> tuple[Access, ...]:
    """The accesses of a part on a core of that dataflow; as they are where it is plain and has no event buffer."""
    moved = dict[Role, Role | None]()
    if core.flow.accumulators == "registers":
        moved |= _SUMS
    layer_major = core.flow.order == "layer_major"
    if layer_major:
        moved |= _STATE
    first = moved | _FIRST_SUM if layer_major else moved
    found = [_moved(access, first if access.trigger is Trigger.FIRST_INPUT else moved) for access in accesses]
    events = _events(part, accesses, core) if core.buffered else ()
    return (*(access for access in found if access.roles), *events)


def _moved(access: Access, moved: dict[Role, Role | None]) -> Access:
    roles = (moved.get(role, role) for role in access.roles)
    return replace(access, roles=tuple(role for role in roles if role is not None))


def _events(part: Part, accesses: tuple[Access, ...], core: CoreFlow) -> tuple[Access, ...]:
    """Writes and reads of the buffers in front of a part."""
    triggers = {access.trigger for access in accesses}
    found = []
    for fetch in (access for access in accesses if access.roles[0].driven_by is Driver.FETCHES):
        arrival = Trigger.ARRIVED if isinstance(part.node, Convolution2d) else fetch.trigger
        found += [
            Access((Role.EVENT_WRITE,), 1, 1, arrival),
            Access((Role.EVENT_READ,), -(-fetch.words // core.lanes), 1, fetch.trigger),
        ]
    if Trigger.SECOND_INPUT in triggers and not isinstance(part.node, SpikeAttention):  # whose second input fetches, too
        blocks = -(-part.tokens // core.flow.token_block)
        found += [
            Access((Role.EVENT_WRITE,), 1, 1, Trigger.SECOND_INPUT, side=Side.SPIKING),
            Access((Role.EVENT_READ,), blocks, 1, Trigger.SECOND_INPUT, Rhythm.LATER, Side.SPIKING),
        ]
    return tuple(found)
