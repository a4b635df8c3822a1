"""The static tables of a program, all together."""

from __future__ import annotations

from typing import NamedTuple

from synaptile.foundation.derived import shared
from synaptile.hwmodels.alike import CLOCK, RATES, figures_but
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.topology import rings, topology_of
from synaptile.simulator.schedule.fabric import Fabric, build_fabric
from synaptile.simulator.schedule.plan import FlowRules, StepJobs, flow_rules, list_jobs
from synaptile.simulator.schedule.records import Records, records_of
from synaptile.simulator.schedule.trees import Links, Slots, Trees, build_network, list_slots


class Tables(NamedTuple):
    """The static tables of one program; `fabric` is empty where queues are not bounded, `records` are for the event loop."""

    jobs: StepJobs
    flows: FlowRules
    links: Links
    trees: Trees
    slots: Slots
    fabric: Fabric
    records: Records


@shared(lambda program: figures_but(program.chip, *CLOCK, *RATES, "noc.flit_bits"))
def tables_of(program: CoreProgram) -> Tables:
    """What is the same at every step of every image.

    Raises ChipError where a route joins two chips and the chip does not say how long that takes, or as `build_fabric` does.
    """
    jobs = list_jobs(program)
    links, trees = build_network(program)
    topology = topology_of(program.chip, program.board)
    ring = rings(topology, links.source[: links.mesh], links.target[: links.mesh])
    fabric = build_fabric(program.chip, links, trees, program.routes.source_core, ring)
    flows, slots = flow_rules(program, jobs), list_slots(program, jobs, trees)
    return Tables(jobs, flows, links, trees, slots, fabric, records_of(program, jobs, flows, (links, trees, slots)))
