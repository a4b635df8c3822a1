"""SpikingGraph to CoreProgram: tiling, packing, flows, placement, routing, each verified."""

from synaptile.mapper.footprint import home_of
from synaptile.mapper.homes import Homeless, kinds_without_home
from synaptile.mapper.load import FiringRates
from synaptile.mapper.pipeline import map_graph
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
    "Placement",
    "RouteTable",
    "home_of",
    "kinds_without_home",
    "load_program",
    "map_graph",
    "program_digest",
    "save_program",
    "verify_program",
]
