"""The front door: every public name and the module that it comes from, read by `synaptile/__init__.py` and by type checkers."""

from .conversion.ann import ann_forward as ann_forward
from .conversion.calibrate import ECMT as ECMT
from .conversion.calibrate import calibrate as calibrate
from .conversion.convert import convert as convert
from .conversion.differential import (
    Differential as Differential,
)
from .conversion.graph import (
    SpikingGraph as SpikingGraph,
)
from .conversion.graph import (
    load_graph as load_graph,
)
from .conversion.graph import (
    save_graph as save_graph,
)
from .conversion.images import load_images as load_images
from .conversion.integer import IntegerLayer as IntegerLayer
from .conversion.integer import IntegerNetwork as IntegerNetwork
from .conversion.integer import from_integer as from_integer
from .conversion.nir import (
    from_nir as from_nir,
)
from .conversion.nir import (
    to_nir as to_nir,
)
from .conversion.spikezip import (
    SpikeZIP as SpikeZIP,
)
from .conversion.spikezip import (
    calibrate_spikezip as calibrate_spikezip,
)
from .conversion.spikezip import (
    load_qann as load_qann,
)
from .conversion.spikezip import (
    save_qann as save_qann,
)
from .conversion.text.encoder import (
    TextEncoder as TextEncoder,
)
from .conversion.text.encoder import (
    load_text_encoder as load_text_encoder,
)
from .conversion.text.tokenizer import (
    encode as encode,
)
from .conversion.text.tokenizer import (
    read_sentences as read_sentences,
)
from .conversion.text.tokens import Tokens as Tokens
from .conversion.torch_snn import (
    from_torch_snn as from_torch_snn,
)
from .conversion.weights import load_timm as load_timm
from .energy import (
    BreakEven as BreakEven,
)
from .energy import (
    EnergyReport as EnergyReport,
)
from .energy import (
    break_even as break_even,
)
from .energy import (
    price as price,
)
from .foundation.errors import (
    CalibrationError as CalibrationError,
)
from .foundation.errors import (
    ChipError as ChipError,
)
from .foundation.errors import (
    ConservationError as ConservationError,
)
from .foundation.errors import (
    FileFormatError as FileFormatError,
)
from .foundation.errors import (
    GraphError as GraphError,
)
from .foundation.errors import (
    ImageError as ImageError,
)
from .foundation.errors import (
    InputError as InputError,
)
from .foundation.errors import (
    ModelError as ModelError,
)
from .foundation.errors import (
    ScheduleError as ScheduleError,
)
from .foundation.errors import (
    SynaptileError as SynaptileError,
)
from .foundation.errors import (
    UnsupportedOperator as UnsupportedOperator,
)
from .foundation.errors import (
    WeightsError as WeightsError,
)
from .hwmodels import (
    Chip as Chip,
)
from .hwmodels import (
    load_chip as load_chip,
)
from .hwmodels import (
    shipped_chips as shipped_chips,
)
from .hwmodels import (
    vary as vary,
)
from .hwmodels import (
    with_host_ec as with_host_ec,
)
from .hwmodels.foreign import ImportedChip as ImportedChip
from .hwmodels.foreign import import_chip as import_chip
from .mapper import (
    CoreProgram as CoreProgram,
)
from .mapper import (
    FiringRates as FiringRates,
)
from .mapper import (
    load_program as load_program,
)
from .mapper import (
    map_graph as map_graph,
)
from .mapper import (
    map_partition as map_partition,
)
from .mapper import (
    partition_of as partition_of,
)
from .mapper import (
    save_program as save_program,
)
from .mapper.refusal import (
    DoesNotFit as DoesNotFit,
)
from .mapper.refusal import (
    Shortfall as Shortfall,
)
from .pipeline import sweep as sweep
from .report.energy_files import write_report as write_report
from .report.trace import (
    Window as Window,
)
from .report.trace import (
    write_trace as write_trace,
)
from .simulator import (
    Activity as Activity,
)
from .simulator import (
    Reference as Reference,
)
from .simulator import (
    Relief as Relief,
)
from .simulator import (
    Timeline as Timeline,
)
from .simulator import (
    execute as execute,
)
from .simulator import (
    firing_rates as firing_rates,
)
from .simulator import (
    reference as reference,
)
from .simulator import (
    relief as relief,
)
from .simulator import (
    schedule as schedule,
)
from .simulator import (
    synthesise as synthesise,
)
from .simulator.storage import (
    load_activity as load_activity,
)
from .simulator.storage import (
    save_activity as save_activity,
)
from .studies.sizing import size as size

__version__: str
