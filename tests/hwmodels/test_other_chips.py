"""Do the published chips say what they lack, and is a host EC unit only ever there by request and under a flag?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip, shipped_chips, with_host_ec

WriteChip = Callable[..., Path]


def test_all_five_chips_are_shipped() -> None:
    assert {"ecmt45", "loihi", "loihi2", "spinnaker2", "truenorth"} <= set(shipped_chips())


@pytest.mark.parametrize(
    ("name", "cores", "neurons"),
    [("loihi2", 128, 8192), ("truenorth", 4096, 256), ("spinnaker2", 152, None), ("loihi", 128, 1024)],
)
def test_public_sizes_are_the_published_ones(name: str, cores: int, neurons: int | None) -> None:
    chip = load_chip(name)
    mesh = chip.mesh
    assert mesh.tiles * (mesh.synapse_cores_per_tile + mesh.ec_cores_per_tile) == cores
    if neurons is not None:
        assert chip.synapse_core.max_neurons == neurons
        assert not chip.sources["synapse_core.max_neurons"].startswith("assumed")


def test_published_totals_follow_from_what_the_files_say() -> None:
    """Loihi 2: a million neurons, 192 KB per core, steps below 200 ns (Intel, Technology Brief, 2021).

    TrueNorth: a million neurons, 256 million synapses, 65 mW at 20 Hz and 128 active synapses per neuron (Merolla et al., Science
    2014). SpiNNaker2: PEs of 128 KB, 64 MACs per cycle (Hoeppner et al., arXiv:2103.08392; Mayr et al., arXiv:1911.02385).
    """
    loihi2, truenorth, spinnaker2 = (load_chip(name) for name in ("loihi2", "truenorth", "spinnaker2"))
    core = loihi2.synapse_core
    assert 128 * core.max_neurons == 2**20 and core.weight_memory_bits + core.state_memory_bits == 192 * 8192
    assert loihi2.barrier_ns <= 200
    core = truenorth.synapse_core
    assert 4096 * core.max_neurons == 2**20 and 4096 * core.max_neurons * core.max_axons == 2**28
    assert 2**20 * 20 * 128 * truenorth.operation_pj["ac"]["int8"] * 1e-9 == pytest.approx(65, rel=0.1), "mW"
    ec = spinnaker2.ec_core
    assert ec is not None and ec.multipliers_per_cycle == 64
    program_bits = 32 * 8192
    core = spinnaker2.synapse_core
    for used in (core.weight_memory_bits + core.state_memory_bits, ec.state_memory_bits):
        assert used + program_bits == 128 * 8192


def test_energies_without_an_official_source_are_left_out() -> None:
    assert not load_chip("loihi2").operation_pj and not load_chip("spinnaker2").operation_pj
    for name, pj in (("loihi", 23.6), ("truenorth", 26)):
        chip = load_chip(name)
        assert chip.operation_pj["ac"]["int8"] == pj
        assert chip.synapse_core.memory_in_ac, "those figures hold the memory access"
        assert not chip.sources["operation_pj.ac.int8"].startswith("assumed")


@pytest.mark.parametrize("name", ["loihi", "loihi2", "truenorth"])
def test_a_host_ec_unit_is_added_on_request_and_flagged(name: str) -> None:
    chip = load_chip(name)
    host = with_host_ec(chip)
    donor = load_chip("ecmt45")
    assert not chip.virtual_host_ec and host.virtual_host_ec
    assert host.name == f"{name}+host-ec" and "VIRTUAL HOST EC UNIT" in host.lacks[0]
    assert host.ec_core == donor.ec_core and host.mesh.ec_cores_per_tile == 1
    assert host.leakage.ec_core_uw == donor.leakage.ec_core_uw
    assert host.digest != chip.digest
    assert all("virtual host EC unit" in origin for key, origin in host.sources.items() if key.startswith("ec_core."))
    assert host.synapse_core == chip.synapse_core and host.noc == chip.noc


def test_a_chip_with_ec_cores_needs_no_host() -> None:
    with pytest.raises(ChipError, match="EC cores of its own"):
        with_host_ec(load_chip("spinnaker2"))
    with pytest.raises(ChipError, match="EC cores of its own"):
        with_host_ec(with_host_ec(load_chip("loihi")))


def test_a_bank_larger_than_its_memory_is_refused(write_chip: WriteChip) -> None:
    lanes = "  token_sharing: true\n"
    good = lanes + "  weight_bank_bits: {value: 65536, assumed: one bank}\n"
    assert load_chip(write_chip((lanes, good))).synapse_core.weight_bank_bits == 65536
    with pytest.raises(ChipError, match=r"synapse_core\.weight_bank_bits is 65537, more than the memory"):
        load_chip(write_chip((lanes, good.replace("65536", "65537"))))
    ec = "  special_functions_per_cycle: {value: 0.25, assumed: small}\n"
    with pytest.raises(ChipError, match=r"ec_core\.state_bank_bits is 99999"):
        load_chip(write_chip((ec, ec + "  state_bank_bits: {value: 99999, assumed: x}\n")))


def test_a_flag_is_given_where_it_holds_or_not_at_all(write_chip: WriteChip) -> None:
    sharing = "  token_sharing: true\n"
    assert load_chip(write_chip((sharing, sharing + "  memory_in_ac: true\n"))).synapse_core.memory_in_ac
    assert not load_chip(write_chip()).synapse_core.memory_in_ac
    with pytest.raises(ChipError, match="memory_in_ac is false"):
        load_chip(write_chip((sharing, sharing + "  memory_in_ac: false\n")))
