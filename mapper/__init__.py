"""SpikingGraph to CoreProgram: tiling, packing, flows, placement, routing, each verified."""

from synaptile.mapper.footprint import home_of
from synaptile.mapper.homes import Homeless, kinds_without_home
from synaptile.mapper.load import FiringRates
from synaptile.mapper.partition import Partition, load_partition, partition_of, save_partition
from synaptile.mapper.pipeline import map_graph, map_partition
from synaptile.mapper.program import Balance, CoreKind, CoreProgram, CoreTable, FlowTable, PartTable, Placement, RouteTable
from synaptile.mapper.storage import load_program, program_digest, save_program
from synaptile.mapper.verify import verify_program

__all__ = [
    "Balance",
    "CoreKind",
    "CoreProgram",
    "CoreTable",
    "FiringRates",
    "FlowTable",
    "Homeless",
    "PartTable",
    "Partition",
    "Placement",
    "RouteTable",
    "home_of",
    "kinds_without_home",
    "load_partition",
    "load_program",
    "map_graph",
    "map_partition",
    "partition_of",
    "program_digest",
    "save_partition",
    "save_program",
    "verify_program",
]
