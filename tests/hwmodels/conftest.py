"""Chip files for tests: the shipped reference design, altered and written to a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WriteChip = Callable[..., Path]

SMALL = """\
name: small
description: Smallest chip file that is complete.
lacks: []
process_nm: {value: 45, source: paper}
voltage_v: {value: 0.9, source: paper}
clock_mhz: {value: 500, assumed: round}
mesh:
  width: {value: 2, assumed: small}
  height: {value: 2, assumed: small}
  synapse_cores_per_tile: {value: 1, assumed: small}
  ec_cores_per_tile: {value: 1, assumed: small}
  max_chips: {value: 1, assumed: small}
synapse_core:
  weight_memory_bits: {value: 65536, assumed: small}
  state_memory_bits: {value: 65536, assumed: small}
  weight_bits: {value: 32, assumed: small}
  accumulator_bits: {value: 32, assumed: small}
  membrane_bits: {value: 32, assumed: small}
  max_neurons: {value: 64, assumed: small}
  max_axons: {value: 64, assumed: small}
  lanes_per_cycle: {value: 4, assumed: small}
  neuron_updates_per_cycle: {value: 0.5, assumed: small}
  graded_spikes: replicate
  token_sharing: true
ec_core:
  state_memory_bits: {value: 65536, assumed: small}
  state_bits: {value: 32, assumed: small}
  multipliers_per_cycle: {value: 4, assumed: small}
  special_functions_per_cycle: {value: 0.25, assumed: small}
  neuron_updates_per_cycle: {value: 1, assumed: small}
  max_neurons: {value: 64, assumed: small}
noc:
  flit_bits: {value: 32, assumed: small}
  cycles_per_hop: {value: 1, assumed: small}
  link_flits_per_cycle: {value: 1, assumed: small}
  multicast: true
  energy_pj_per_flit_hop: {value: 5, assumed: small}
  spike_header_bits: {value: 20, assumed: small}
  word_bits: {value: 32, assumed: small}
  input_queue_flits: {value: 4, assumed: small}
synchronisation: barrier
barrier_ns: {value: 100, assumed: small}
leakage:
  synapse_core_uw: {value: 1, assumed: small}
  ec_core_uw: {value: 1, assumed: small}
  router_uw: {value: 1, assumed: small}
off_chip:
  dram_pj_per_64bit: {value: 1950, source: paper}
"""


@pytest.fixture
def write_chip(tmp_path: Path) -> WriteChip:
    """Write a chip file: the complete small one with pieces of text replaced, or a text of its own."""

    def write(*changes: tuple[str, str], text: str = SMALL, name: str = "chip.yaml") -> Path:
        for old, new in changes:
            assert old in text, f"{old!r} is not in the chip file to be altered"
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
