"""Synaptile: what a spiking vision transformer costs on a chip of many small cores, before silicon.

graph    = st.convert(model, calibration)            # a timm model to a SpikingGraph (needs torch and timm)
program  = st.map_graph(graph, st.load_chip("ecmt45"))
activity = st.execute(program, images, steps=8)
timeline = st.schedule(activity)                     # cycles: latency, stalls, links
report   = st.price(activity, program.chip, timeline=timeline)
report.ratio("released", step=4)
"""

from conversion.ann import ann_forward
from conversion.calibrate import calibrate
from conversion.convert import convert
from conversion.graph import SpikingGraph, load_graph, save_graph
from conversion.nir import from_nir, to_nir
from conversion.spikezip import calibrate_spikezip, load_qann, save_qann
from conversion.text.encoder import TextEncoder, load_text_encoder
from conversion.text.tokenizer import encode, read_sentences
from conversion.text.tokens import Tokens
from conversion.weights import load_timm
from energy import BreakEven, EnergyReport, break_even, price
from foundation.errors import (
    CalibrationError,
    ChipError,
    ConservationError,
    DoesNotFit,
    FileFormatError,
    GraphError,
    ImageError,
    InputError,
    ModelError,
    ScheduleError,
    Shortfall,
    SynaptileError,
    UnsupportedOperator,
    WeightsError,
)
from hwmodels import Chip, load_chip, shipped_chips, vary, with_host_ec
from mapper import CoreProgram, load_program, map_graph, save_program
from report.trace import Window, write_trace
from simulator import Activity, Reference, Timeline, execute, reference, schedule, synthesise
from simulator.storage import load_activity, save_activity
from synaptile.sizing import size
from synaptile.sweeping.run import sweep

__all__ = [
    "Activity",
    "BreakEven",
    "CalibrationError",
    "Chip",
    "ChipError",
    "ConservationError",
    "CoreProgram",
    "DoesNotFit",
    "EnergyReport",
    "FileFormatError",
    "GraphError",
    "ImageError",
    "InputError",
    "ModelError",
    "Reference",
    "ScheduleError",
    "Shortfall",
    "SpikingGraph",
    "SynaptileError",
    "TextEncoder",
    "Timeline",
    "Tokens",
    "UnsupportedOperator",
    "WeightsError",
    "Window",
    "ann_forward",
    "break_even",
    "calibrate",
    "calibrate_spikezip",
    "convert",
    "encode",
    "execute",
    "from_nir",
    "load_activity",
    "load_chip",
    "load_graph",
    "load_program",
    "load_qann",
    "load_text_encoder",
    "load_timm",
    "map_graph",
    "price",
    "read_sentences",
    "reference",
    "save_activity",
    "save_graph",
    "save_program",
    "save_qann",
    "schedule",
    "shipped_chips",
    "size",
    "sweep",
    "synthesise",
    "to_nir",
    "vary",
    "with_host_ec",
    "write_trace",
]
