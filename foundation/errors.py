"""The exception tree of Synaptile.

    SynaptileError
    ├── InputError             something handed in from outside is unusable
    │   ├── ModelError           a model that cannot be converted
    │   │   └── UnsupportedOperator
    │   ├── WeightsError         weights: missing, NaN, wrong shape, pickled
    │   ├── CalibrationError     thresholds that cannot be derived or are unusable
    │   ├── ImageError           images: shape, range, NaN, unreadable
    │   ├── GraphError           a SpikingGraph that breaks its own rules
    │   ├── ChipError            a chip file that breaks its schema
    │   └── FileFormatError      a file cut short, altered, of another kind or a newer version
    ├── DoesNotFit             (mapper.refusal) a graph that a chip cannot hold: resource, demand, limit, unit, where, levers
    ├── ScheduleError          a schedule that can never finish: how many jobs wait, on which cores, for what
    └── ConservationError      counts that should agree do not: a defect in Synaptile, never the user's

Every message names the object, the value, the limit and a remedy. The command line prints the message alone and
exits with 2 for anything in this tree.
"""

from __future__ import annotations


class SynaptileError(Exception):
    """Root of every error Synaptile raises on purpose."""


class InputError(SynaptileError, ValueError):
    """Something handed in from outside is unusable."""


class ModelError(InputError):
    """A model that cannot be converted."""


class UnsupportedOperator(ModelError):
    """A traced model uses an operator the conversion does not know."""


class WeightsError(InputError):
    """Model weights that are missing, not finite, of the wrong shape or unsafe to load."""


class CalibrationError(InputError):
    """Thresholds that calibration cannot derive, or that were injected and are unusable."""


class ImageError(InputError):
    """Images of the wrong shape, range or content."""


class GraphError(InputError):
    """A SpikingGraph that breaks its own rules."""


class ChipError(InputError):
    """A chip file that breaks its schema."""


class FileFormatError(InputError):
    """A file that is cut short, altered, of another kind or from a newer version."""


class ScheduleError(SynaptileError):
    """A schedule that can never finish: jobs wait for one another."""


class ConservationError(SynaptileError):
    """Counts that should agree do not. A defect in Synaptile, never the user's."""
