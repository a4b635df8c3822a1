"""Names that users choose from, in Python, in YAML and on the command line: each set is written here alone."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

MethodName: TypeAlias = Literal["ecmt", "spikezip", "differential"]
"""How an ANN becomes a spiking network."""

Preset: TypeAlias = Literal["paper", "released"]
"""ECMT as the paper says it, or as the published code does it."""

FinitePresentation: TypeAlias = Literal["analog", "rate"]
"""Ways to show a sample that end, so that what was shown sums to it."""

Reset: TypeAlias = Literal["value", "subtract"]
"""What a spike does to the membrane: sets it to v_reset (NIR), or takes v_threshold off it."""

IFUnit: TypeAlias = Literal["step", "second"]
"""What r of NIR's IF neurons counts in: v += r I at each step, or v += r dt I."""

SpikingInput: TypeAlias = Literal["spikes", "values"]
"""What a spiking network is shown: spikes, or real values that its first layer multiplies."""

PlacementMethod: TypeAlias = Literal["anneal", "metis", "row_major", "force", "trees"]
"""How cores are seated: annealed, by recursive bisection, as they were created, by force, or annealed by the links of trees."""

MappingGoal: TypeAlias = Literal["room", "latency", "throughput"]
"""What a mapping is for: the fewest cores, the shortest time of one image, or the most images per second."""

Numeric: TypeAlias = Literal["float32", "float64", "int8", "chip"]
"""Number format of a run; chip: those that the chip states by kind of core and role."""

Synchronisation: TypeAlias = Literal["dataflow", "barrier"]
"""How cores agree on time steps: all wait at a barrier, or each goes on when its inputs are complete."""

METHOD_NAMES: tuple[MethodName, ...] = get_args(MethodName)
PRESETS: tuple[Preset, ...] = get_args(Preset)
PLACEMENT_METHODS: tuple[PlacementMethod, ...] = get_args(PlacementMethod)
MAPPING_GOALS: tuple[MappingGoal, ...] = get_args(MappingGoal)
NUMERICS: tuple[Numeric, ...] = get_args(Numeric)
SYNCHRONISATIONS: tuple[Synchronisation, ...] = get_args(Synchronisation)

WIDTH = 100
"""Columns of a terminal that every table fits in."""
