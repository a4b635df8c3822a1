"""Where links cost by direction: is every flit billed in that of each link it crosses, by the run, its schedule and the ANN?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.energy import price
from synaptile.energy.bill import Bill
from synaptile.energy.flits import BY_DIRECTION, CROSSING, HOP
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, load_chip
from synaptile.hwmodels.sections import HopEnergies
from synaptile.mapper.topology import directions, next_router, topology_of
from synaptile.simulator import schedule
from synaptile.simulator.activity import Activity
from tests.energy.hand_timeline import IMAGES, board_chip, mapped_run, naive_messages
from tests.mapper.chips import small_chip

PJ = {"east": 2.0, "west": 3.0, "north": 5.0, "south": 7.0}


def priced(chip: Chip) -> Chip:
    return replace(chip, noc=replace(chip.noc, hops=HopEnergies(**{f"{name}_pj": pj for name, pj in PJ.items()})))


def by_hand(run: Activity) -> Counter[str]:
    """Flits by direction, link by link of every message; a link to another chip is none of them."""
    chip, (columns, _) = run.program.chip, run.program.board
    width, found = chip.mesh.width * columns, Counter[str]()
    for message in naive_messages(run):
        for here, there in message["links"]:
            (x, y), (to_x, to_y) = ((tile % width, tile // width) for tile in (here, there))
            inside = x // chip.mesh.width == to_x // chip.mesh.width and y // chip.mesh.height == to_y // chip.mesh.height
            name = {(1, 0): "east", (-1, 0): "west", (0, 1): "north", (0, -1): "south"}[to_x - x, to_y - y]
            found[f"{HOP} {name}" if inside else CROSSING] += message["flits"]
    return found


def counts(bill: Bill) -> dict[str, int]:
    return dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))


@pytest.mark.parametrize("multicast", [True, False])
def test_flits_are_billed_by_the_direction_of_each_link(multicast: bool) -> None:
    run, chip = mapped_run(multicast=multicast), priced(board_chip(multicast=multicast))
    run = replace(run, program=replace(run.program, chip=chip))
    expected = by_hand(run)
    assert all(expected[op] > 0 for op in BY_DIRECTION)
    timeline = schedule(run, images=IMAGES)
    for report in (price(run, chip), price(run, chip, timeline=timeline)):
        counted = counts(report.additions["noc"].snn)
        assert {op: counted[op] for op in expected} == dict(expected) and HOP not in counted
        energy = expected[CROSSING] * (chip.noc.chip_crossing_pj_per_flit or 0.0)
        energy += sum(expected[f"{HOP} {name}"] * pj for name, pj in PJ.items())
        assert report.additions["noc"].snn_pj[-1] == pytest.approx(energy / IMAGES, rel=1e-12)
    links = report.split("link")
    assert sum(link.snn_pj for link in links) == pytest.approx(report.additions["noc"].snn_pj[-1], rel=1e-9)
    plain = mapped_run(multicast=multicast)
    ann, whole = (counts(one.additions["noc"].ann) for one in (report, price(plain, plain.program.chip)))
    assert sum(ann[op] for op in BY_DIRECTION) == whole[HOP] > 0 and ann[CROSSING] == whole[CROSSING]


@pytest.mark.parametrize(
    ("name", "width", "height"), [("mesh", 4, 3), ("mesh", 2, 2), ("mesh", 1, 4), ("torus", 4, 3), ("torus", 3, 5)]
)
def test_each_step_of_a_path_has_the_direction_in_which_it_goes(name: Any, width: int, height: int) -> None:
    chip = small_chip(mesh={"width": width, "height": height, "max_chips": 1})
    topology = topology_of(replace(chip, noc=replace(chip.noc, topology=name)), (1, 1))
    step = ((1, 0), (-1, 0), (0, 1), (0, -1))
    for here in range(topology.tiles):
        for goal in range(topology.tiles):
            if here != goal:
                there = next_router(topology, here, goal)
                dx, dy = step[directions(topology, np.array([here]), np.array([there]))[0]]
                assert there == (here // width + dy) % height * width + (here % width + dx) % width


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "chip.yaml"
    file.write_text(f"name: mine\nextends: ecmt45\ndescription: links by direction\n{text}")
    return file


HOPS = "  hops: {" + ", ".join(f"{name}_pj: {{value: {pj}, assumed: test}}" for name, pj in PJ.items()) + "}\n"


def test_they_move_with_the_node_and_follow_the_width_of_a_flit(tmp_path: Path) -> None:
    first = load_chip(written(tmp_path, f"noc:\n{HOPS}"))
    assert first.noc.hops == HopEnergies(2.0, 3.0, 5.0, 7.0)
    child = tmp_path / "child.yaml"
    base = load_chip("ecmt45")
    for text, of in (
        ("noc:\n  flit_bits: {value: 256, assumed: test}\n", "width"),
        ("process_nm: {value: 22, assumed: t}\n", "node"),
    ):
        child.write_text(f"name: child\nextends: chip.yaml\ndescription: d\n{text}")
        made = load_chip(child)
        plain = tmp_path / "plain.yaml"
        plain.write_text(f"name: plain\nextends: ecmt45\ndescription: d\n{text}")
        factor = load_chip(plain).noc.energy_pj_per_flit_hop / base.noc.energy_pj_per_flit_hop
        assert factor != 1 and made.noc.hops is not None, of
        assert vars(made.noc.hops) == pytest.approx({f"{name}_pj": pj * factor for name, pj in PJ.items()}), of


def test_a_tree_has_no_directions(tmp_path: Path) -> None:
    with pytest.raises(ChipError, match=r"noc\.hops is given, but links of a tree have no direction"):
        load_chip(written(tmp_path, f"noc:\n  topology: tree\n{HOPS}"))
