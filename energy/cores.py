"""What each core holds, issues and costs."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.energy.bill import Bill
from synaptile.mapper.program import CoreKind, CoreProgram


@dataclass(frozen=True)
class CoreUse:
    """One core of a run. Operations and energy are an image's, over all steps.

    `neurons` and `neurons_limit` are the core's. Memory is in bits: on a synapse core weights and state have memories of their
    own; on an EC core both share the state memory, so `weight_bits_available` is None and `state_bits_used` includes weights.
    `ops` is exact over all images of the run, `energy_pj` is an image's, `share` its part in the energy of all cores.
    """

    core: int
    kind: str
    x: int
    y: int
    slot: int
    neurons: int
    neurons_limit: int
    weight_bits_used: int
    weight_bits_available: int | None
    state_bits_used: int
    state_bits_available: int
    ops: int
    energy_pj: float
    share: float

    @property
    def memory_use(self) -> float:
        """Used part of the memory that matters on the core, 0..1: weights of a synapse core, state of an EC core."""
        if self.weight_bits_available is None:
            return self.state_bits_used / self.state_bits_available
        return self.weight_bits_used / self.weight_bits_available


def core_use(program: CoreProgram, executed: Bill) -> tuple[CoreUse, ...]:
    """One `CoreUse` a core of the program, in core order."""
    table, chip = program.cores, program.chip
    count = len(table.kind)
    energy = executed.energy_by(executed.core, count).sum(axis=1)
    ops = executed.counts_by(executed.core, count)
    whole = float(energy.sum())
    found = []
    for core in range(count):
        weight, state = int(table.weight_bits_used[core]), int(table.state_bits_used[core])
        if table.kind[core] == CoreKind.EC:
            # The mapper never makes an EC core on a chip that has none.
            assert chip.ec_core is not None
            limits: tuple[int, int | None, int] = (chip.ec_core.max_neurons, None, chip.ec_core.state_memory_bits)
            state += weight
        else:
            core_type = chip.synapse_core
            limits = (core_type.max_neurons, core_type.weight_memory_bits, core_type.state_memory_bits)
        found.append(
            CoreUse(
                core=core,
                kind=CoreKind(int(table.kind[core])).name.lower(),
                x=int(table.x[core]),
                y=int(table.y[core]),
                slot=int(table.slot[core]),
                neurons=int(table.neurons_used[core]),
                neurons_limit=limits[0],
                weight_bits_used=weight,
                weight_bits_available=limits[1],
                state_bits_used=state,
                state_bits_available=limits[2],
                ops=int(ops[core]),
                energy_pj=float(energy[core]),
                share=float(energy[core]) / whole if whole else 0.0,
            )
        )
    return tuple(found)
