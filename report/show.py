"""What shows every result: named to `foundation.shown` by `synaptile/__init__.py`."""

from __future__ import annotations

from rich.console import RenderableType

from synaptile.conversion.graph import SpikingGraph
from synaptile.energy import BreakEven, EnergyReport
from synaptile.hwmodels import Chip
from synaptile.hwmodels.foreign.imported import ImportedChip
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.refusal import DoesNotFit
from synaptile.report.comparison import Changes, changes_table
from synaptile.report.render.html import html
from synaptile.report.render.terminal import terminal
from synaptile.report.views.activity import activity_document
from synaptile.report.views.break_even import break_even_document
from synaptile.report.views.chip import chip_document
from synaptile.report.views.dataset import dataset_document
from synaptile.report.views.document import Document, Sheet
from synaptile.report.views.functions import functions_document
from synaptile.report.views.graph import graph_document
from synaptile.report.views.imported import imported_document
from synaptile.report.views.program import program_document
from synaptile.report.views.refusal import refusal_document
from synaptile.report.views.relief import relief_sheet
from synaptile.report.views.run import report_document
from synaptile.report.views.sizing import sizing_document
from synaptile.report.views.sweep import sweep_document
from synaptile.report.views.timeline import timeline_document
from synaptile.report.views.tuning import tuning_document
from synaptile.report.views.validation import validation_document
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.relief import Relief
from synaptile.simulator.schedule.timeline import Timeline
from synaptile.studies.dataset.table import DatasetTable
from synaptile.studies.functions import FunctionTradeOff
from synaptile.studies.sizing.answer import Sizing
from synaptile.studies.sweeping.rows import Sweep
from synaptile.studies.tuning.trials import Tuning
from synaptile.studies.validation import Validation


def html_of(result: object) -> str:
    """A result, sheet or document as HTML of a notebook."""
    return html(_readable(result))


def terminal_of(result: object) -> RenderableType:
    """A result, sheet or document as a rich console prints it."""
    return terminal(_readable(result))


def _readable(result: object) -> Document | Sheet:
    match result:
        case Document() | Sheet():
            return result
        case Relief():
            return relief_sheet(result)
        case SpikingGraph():
            return graph_document(result)
        case CoreProgram():
            return program_document(result)
        case Activity():
            return activity_document(result)
        case Validation():
            return validation_document(result)
        case Timeline():
            return timeline_document(result)
        case EnergyReport():
            return report_document(result)
        case BreakEven():
            return break_even_document(result)
        case DoesNotFit():
            return refusal_document(result)
        case Chip():
            return chip_document(result)
        case ImportedChip():
            return imported_document(result)
        case Changes():
            return changes_table(result)
        case Sizing():
            return sizing_document(result)
        case Sweep():
            return sweep_document(result)
        case Tuning():
            return tuning_document(result)
        case FunctionTradeOff():
            return functions_document(result)
        case DatasetTable():
            return dataset_document(result)
    raise TypeError(f"no view of a {type(result).__name__}")
