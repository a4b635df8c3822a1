"""Does an architecture of SANA-FE become a chip whose events cost what they do there, and is all else told or refused?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from synaptile.conversion.graph import Neurons
from synaptile.conversion.nir import from_nir
from synaptile.energy import price
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip
from synaptile.hwmodels.foreign import ImportedChip, import_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, schedule
from tests.nir.networks import perceptron, trains

EXAMPLE = Path(__file__).parents[2] / "examples" / "sanafe_architecture.yaml"
Change = Callable[[dict[str, Any]], Any]


def changed(tmp_path: Path, change: Change, source: Path = EXAMPLE) -> Path:
    """The example with something else in it."""
    document = YAML(typ="safe", pure=True).load(source.read_text())
    change(document["architecture"])
    file = tmp_path / "changed.yaml"
    YAML(typ="safe", pure=True).dump(document, file)
    return file


def tile(architecture: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = architecture["tile"][0]
    return found


def core(architecture: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = tile(architecture)["core"][0]
    return found


def value(imported: ImportedChip, figure: str) -> object:
    return next(value for name, value, _ in imported.chip.figures() if name == figure)


def test_the_example_becomes_a_chip_and_a_file_that_loads_as_it(tmp_path: Path) -> None:
    imported = import_chip(EXAMPLE, "loihi", units={"synapse": "listed", "dense_synapse": "dense"})
    chip = imported.chip
    assert (chip.name, chip.mesh.width, chip.mesh.height, chip.mesh.synapse_cores_per_tile) == ("eight-tiles", 4, 2, 2)
    assert chip.synapse_core.max_neurons == 64 and chip.noc.hops is not None and chip.step_times is not None
    assert vars(chip.noc.hops) == {"east_pj": 1.5, "west_pj": 1.25, "north_pj": 2.5, "south_pj": 2.0}
    assert (chip.noc.injection_pj_per_flit, chip.noc.ejection_pj_per_flit, chip.noc.tile_pj_per_flit) == (16.0, 4.0, None)
    assert chip.operation_pj["ac"]["int8"] == 12.5, "a synaptic event and its sum in the dendrite"
    times = chip.step_times
    assert (times.compartment_ns, times.spike_ns, times.message_in_ns, times.message_out_ns) == (4.0, 10.0, 6.0, 5.0)
    assert (times.sparse_synop_ns, times.dense_synop_ns, times.convolution_synop_ns) == (2.25, 1.75, None)
    assert (times.hop_x_ns, times.hop_y_ns, times.buffer_messages) == (2.0, 3.0, 8)
    assert dict(times.barrier_ns) == {"1": 200.0, "4": 500.0, "8": 900.0} and chip.barrier_ns == 900.0
    told = dict(imported.left_out)
    assert {"soma pixels", "soma slow_lif", "lif.energy_update_neuron", "tile.latency_north_hop and south"} <= set(told)
    assert chip.origin("noc.hops.west_pj") == "sanafe_architecture.yaml: tile.energy_west_hop"
    assert set(imported.inherited) == set(chip.sources) - {taken.figure for taken in imported.taken}
    assert "leakage.synapse_core_uw" in imported.inherited
    (tmp_path / "eight.yaml").write_text(imported.text)
    again = load_chip(tmp_path / "eight.yaml")
    assert again.digest == chip.digest and again.sources == chip.sources


def test_the_published_loihi_has_the_unit_times_of_our_calibrated_one(tmp_path: Path) -> None:
    """Figures of SANA-FE's Loihi, written into our own example, are those that `loihi-calibrated` took by hand."""
    ours = load_chip("loihi-calibrated")

    def calibrated(architecture: dict[str, Any]) -> None:
        architecture["attributes"] |= {"width": 8, "height": 4, "link_buffer_size": 16}
        architecture["attributes"]["latency_sync"] = {1: 0.6e-6, 2: 1.0e-6, 4: 1.4e-6, 29: 1.8e-6}
        tile(architecture)["name"] = "tile[0..31]"
        tile(architecture)["attributes"] |= dict.fromkeys(("latency_east_hop", "latency_west_hop"), 4.1e-9)
        tile(architecture)["attributes"] |= dict.fromkeys(("latency_north_hop", "latency_south_hop"), 6.5e-9)
        units = core(architecture)
        units["name"], units["attributes"]["max_neurons_supported"] = "core[0..3]", 1024
        units["soma"][1]["attributes"] |= {
            "latency_access_neuron": 6.0e-9,
            "latency_update_neuron": 3.7e-9,
            "latency_spike_out": 30.0e-9,
        }
        units["axon_in"][0]["attributes"]["latency_message_in"] = 16.0e-9
        units["axon_out"][0]["attributes"]["latency_message_out"] = 5.1e-9
        units["dendrite"][0]["attributes"]["latency_update"] = 0.0
        model = {"model": "current_based", "energy_process_spike": 1e-12}
        units["synapse"] = [
            {"name": name, "attributes": {**model, "latency_process_spike": ns * 1e-9}}
            for name, ns in (("dense", 3.8), ("sparse", 4.7), ("convolution", 3.1))
        ]

    units = {"synapse": "sparse", "dense_synapse": "dense", "convolution_synapse": "convolution"}
    for base in ("loihi", "loihi-calibrated"):
        chip = import_chip(changed(tmp_path, calibrated), base, units=units).chip
        assert chip.step_times == ours.step_times and chip.barrier_ns == ours.barrier_ns and chip.mesh == ours.mesh


@pytest.mark.parametrize(("silent", "pj"), [("updated", 28.0), ("accessed", 20.0)])
def test_a_run_costs_what_its_events_cost_in_the_file(silent: Any, pj: float, tmp_path: Path) -> None:
    """Joules of the file times events counted by hand: synaptic events, neurons, spikes, messages out and in, hops."""
    file = changed(tmp_path, lambda a: core(a)["attributes"].update(max_neurons_supported=5))
    imported = import_chip(file, "loihi", units={"synapse": "listed"}, silent=silent)
    chip, network = imported.chip, perceptron()
    samples = trains(network, 12, 1, rate=0.4)
    activity = execute(map_graph(from_nir(network), chip, anneal_moves=10), samples, 12, "int8", keep_spikes=1)
    report = price(activity, chip, timeline=schedule(activity))
    inside = [site for site in activity.program.graph.of_type(Neurons) if site.inputs]
    spikes = sum(int(activity.spikes[site.name].events.sum()) for site in inside)
    updates = sum(site.size for site in inside) * activity.steps
    events = int(activity.accounting.eq30.sum())
    messages, hops_pj = by_hand(activity)
    neurons = pj * (updates - spikes) + 60.0 * spikes
    assert line_pj(report, "executed", "neuron update") == pytest.approx(neurons, rel=1e-12)
    assert line_pj(report, "executed", "synapse rows") == pytest.approx(12.5 * events, rel=1e-12) and events > 0
    assert messages > 0 and hops_pj > 0
    assert report.additions["noc"].snn_pj[-1] == pytest.approx(20.0 * messages + hops_pj, rel=1e-12)


def line_pj(report: Any, accounting: str, role: str) -> float:
    return sum(line.energy_pj or 0.0 for line in report.lines(accounting=accounting) if line.role == role)


def by_hand(activity: Any) -> tuple[int, float]:
    """Messages, one per spike and receiving core, and what their hops cost at the file's figures."""
    program, cores = activity.program, activity.program.cores
    messages, pj = 0, 0.0
    for flow in np.flatnonzero(program.flows.group >= 0):
        source, target = (int(program.parts.core[part[flow]]) for part in (program.flows.source, program.flows.target))
        name = program.node_names[program.parts.node[program.flows.source[flow]]]
        record = activity.spikes[name]
        fired = np.unpackbits(record.masks[:, 0, 0], axis=-1)[:, program.flows.start[flow] : program.flows.stop[flow]].sum()
        x, y = int(cores.x[target] - cores.x[source]), int(cores.y[target] - cores.y[source])
        per = 1.5 * max(x, 0) + 1.25 * max(-x, 0) + 2.5 * max(y, 0) + 2.0 * max(-y, 0)
        messages, pj = messages + int(fired), pj + int(fired) * per
    return messages, pj


REFUSED: list[tuple[Change, str]] = [
    (lambda a: a.update(speed=1), r"architecture\.speed is not a known key"),
    (lambda a: tile(a)["attributes"].update(energy_nort_hop=1e-12), "did you mean 'energy_north_hop'"),
    (lambda a: core(a)["soma"][1]["attributes"].update(energy_updat=1e-12), "did you mean 'energy_update"),
    (lambda a: tile(a)["attributes"].update(energy_east_hop=-1e-12), "energy_east_hop .*at least 0"),
    (lambda a: a["attributes"].update(topology="torus"), r"attributes\.topology"),
    (lambda a: a["attributes"].update(width=0), r"attributes\.width"),
    (lambda a: a["attributes"].update(width=1 << 30), r"attributes\.width"),
    (lambda a: a["attributes"].update(width=1), "8 tiles on a mesh of 1 x 2"),
    (lambda a: tile(a).update(name="tile[7..0]"), "counts from its last to its first"),
    (lambda a: tile(a).update(name="tile[0..a]"), r"tile\.0\.name"),
    (lambda a: a["attributes"].update(sync_model="fixed"), "sync_model is fixed, which takes seconds"),
    (lambda a: a["attributes"].update(latency_sync={"few": 1e-6}), "an entry for 'few' tiles"),
    (lambda a: a["attributes"].update(latency_sync=float("nan")), "latency_sync"),
    (lambda a: a["tile"].append({**tile(a), "name": "b", "core": [{**core(a), "axon_in": []}]}), "'tile' and 'b' differ"),
    (lambda a: tile(a)["core"].append({**core(a), "name": "b", "axon_out": []}), r"'core' and 'b' differ.*units=\{'core': 'b'\}"),
    (lambda a: tile(a).update(core=[]), r"tile\.0\.core"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_is_no_such_architecture_is_refused(change: Change, said: str, tmp_path: Path) -> None:
    with pytest.raises(ChipError, match=said):
        import_chip(changed(tmp_path, change), "loihi")


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"soma": "liv"}, "did you mean 'lif'"),
        ({"sona": "lif"}, "did you mean 'soma'"),
        ({"convolution_synapse": "kernel"}, "units chooses convolution_synapse 'kernel': did you mean 'dense'"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(units: dict[str, str], said: str) -> None:
    with pytest.raises(ChipError, match=said):
        import_chip(EXAMPLE, "loihi", units=units)


def test_as_a_chip_file_it_is_refused_by_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ChipError, match=r"is an architecture of SANA-FE, no chip file: `synaptile import` makes"):
        load_chip(EXAMPLE)
    (tmp_path / "ert.yaml").write_text("ERT: {version: 0.4, tables: []}")
    with pytest.raises(ChipError, match="is a table of Accelergy"):
        load_chip(tmp_path / "ert.yaml")


def test_a_choice_among_cores_takes_it_for_all(tmp_path: Path) -> None:
    def two(architecture: dict[str, Any]) -> None:
        other = {**core(architecture), "name": "big", "attributes": {"max_neurons_supported": 256}}
        tile(architecture)["core"].append(other)

    imported = import_chip(changed(tmp_path, two), "loihi", units={"core": "big"})
    assert imported.chip.synapse_core.max_neurons == 256 and imported.chip.mesh.synapse_cores_per_tile == 3
    assert "core" in dict(imported.left_out)


def test_what_costs_nothing_in_the_file_is_not_free(tmp_path: Path) -> None:
    """As the packaged TrueNorth of SANA-FE: all zeros. The chip below keeps its figures, and each is told."""

    def zeros(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: 0.0 if str(k).startswith(("energy", "latency")) else zeros(v) for k, v in value.items()}
        return [zeros(one) for one in value] if isinstance(value, list) else value

    def silent(architecture: dict[str, Any]) -> None:
        architecture.update(zeros(architecture))
        architecture["attributes"]["sync_model"] = "fixed"

    file, below = changed(tmp_path, silent), load_chip("loihi")
    imported = import_chip(file, "loihi")
    assert imported.chip.operation_pj == below.operation_pj and imported.chip.noc.hops is None
    assert imported.chip.noc.energy_pj_per_flit_hop == below.noc.energy_pj_per_flit_hop
    assert imported.chip.step_times is not None and below.step_times is not None
    assert imported.chip.step_times.compartment_ns == below.step_times.compartment_ns
    told = " ".join(why for _, why in imported.left_out)
    assert "operation_pj.ac.int8 stays as below" in told and "the times of loihi stay" in told
    with pytest.raises(ChipError, match="ecmt45 has no barrier"):
        import_chip(file, "ecmt45")
