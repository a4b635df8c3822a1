"""SpikingGraph to CoreProgram: tiling, packing, flows, placement, routing, each verified."""

from mapper.footprint import home_of
from mapper.pipeline import map_graph
from mapper.program import CoreKind, CoreProgram, CoreTable, FlowTable, PartTable, Placement, RouteTable
from mapper.storage import load_program, program_digest, save_program
from mapper.verify import verify_program

__all__ = [
    "CoreKind",
    "CoreProgram",
    "CoreTable",
    "FlowTable",
    "PartTable",
    "Placement",
    "RouteTable",
    "home_of",
    "load_program",
    "map_graph",
    "program_digest",
    "save_program",
    "verify_program",
]
