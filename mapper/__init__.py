"""SpikingGraph to CoreProgram: tiling, packing, flows, placement, routing, each verified."""

from mapper.footprint import home_of
from mapper.homes import Homeless, kinds_without_home
from mapper.pipeline import map_graph
from mapper.program import CoreKind, CoreProgram, CoreTable, FlowTable, PartTable, Placement, RouteTable
from mapper.storage import load_program, program_digest, save_program
from mapper.verify import verify_program

__all__ = [
    "CoreKind",
    "CoreProgram",
    "CoreTable",
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
