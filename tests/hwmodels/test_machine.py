"""Are dataflows, registers and memories that contradict one another refused, with value, limit and remedy?"""

from __future__ import annotations

from pathlib import Path

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip
from synaptile.hwmodels.area import tile_area_mm2
from synaptile.hwmodels.banks import slow_banks
from synaptile.report.views.chip import chip_document

BASE = "name: mine\nextends: ecmt45\n"
EC_MEMORY = """memories:
  ec_state: {width_bits: {value: 64, assumed: x}, read_pj: {value: 3, assumed: x}, write_pj: {value: 3, assumed: x}}
"""
LAYER = """
synapse_core:
  dataflow: {order: layer_major, token_block: {value: B, assumed: x}, time_batch: {value: T, assumed: x}, max_steps: {value: 8, assumed: x}, accumulators: registers}
  registers: {words: {value: 64, assumed: x}, update_pj: {value: 0.15, assumed: x}, um2_per_bit: {value: 5, assumed: x}}
ec_core:
  dataflow: {order: layer_major, token_block: {value: B, assumed: x}, time_batch: {value: T, assumed: x}, max_steps: {value: 8, assumed: x}, accumulators: registers}
  registers: {words: {value: 64, assumed: x}, update_pj: {value: 0.15, assumed: x}, um2_per_bit: {value: 5, assumed: x}}
"""  # noqa: E501  # YAML of one line per section reads best


def layer(block: int, batch: int) -> str:
    return LAYER.replace("B,", f"{block},").replace("T,", f"{batch},")


def test_a_layer_major_chip_loads_and_registers_take_area(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BASE + layer(8, 4))
    chip = load_chip(file)
    assert chip.layer_major and chip.synapse_core.dataflow.token_block == 8
    grown = tile_area_mm2(chip).synapse_logic - tile_area_mm2(load_chip("ecmt45")).synapse_logic
    assert grown == pytest.approx(32 * 64 * 32 * 5 / 1e6), "lanes x words x bits x um2"
    assert chip.sources["synapse_core.registers.update_pj"] == "assumed: x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (layer(16, 4), "is 64, an output needs 128: 2 per token and step, x 16 tokens, x 4 steps"),
        (layer(4, 16), "is 16, more than the 8 steps that memories hold"),
        (layer(8, 4).replace("layer_major", "step_major", 1), "both kinds of core work in one"),
        (layer(8, 4).replace("layer_major", "step_major"), "is 4, but the order is step_major, which does one step at a time"),
        (layer(8, 4) + "synchronisation: barrier\nbarrier_ns: {value: 10, assumed: x}\n", "no step of all layers ends at once"),
        ("synapse_core: {dataflow: {accumulators: registers}}\n", "is missing, but accumulators are registers"),
        ("synapse_core: {dataflow: {order: sideways}}\n", "order"),
        ("weights: streamed\n", "is missing, but weights are streamed"),
        ("images_per_load: {value: 4, assumed: x}\n", "is 4, but weights are resident"),
        (
            "memories: {weight: {width_bits: {value: 64, assumed: x}, read_pj: {value: 3, assumed: x}}}\n",
            "is missing: give both energies, or a flavour",
        ),
        (
            "memories: {weight: {width_bits: {value: 64, assumed: x}, flavour: itrs-hp, read_pj: {value: 3, assumed: x}}}\n",
            "remove one of the two",
        ),
        (
            "memories: {weight: {width_bits: {value: 64, assumed: x}, bank_bits: {value: 128, assumed: x}, flavour: itrs-hp}}\n",
            "weight.flavour is itrs-hp: 16 bytes in accesses of 64 bits lie beyond CACTI 7's rows",
        ),
        (
            "memories: {state: {width_bits: {value: 96, assumed: x}, flavour: itrs-lstp}}\n",
            "CACTI 7 has no accesses of 96 bits: use one of",
        ),
        ("memories: {state: {width_bits: {value: 64, assumed: x}, flavour: itrs-fast}}\n", "flavour"),
        ("memories: {weights: {width_bits: {value: 64, assumed: x}}}\n", "weight"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BASE + text)
    with pytest.raises(ChipError) as refused:
        load_chip(file)
    assert words in str(refused.value)


def test_memories_of_ec_cores_ask_for_such_cores(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nextends: loihi\n" + EC_MEMORY)
    with pytest.raises(ChipError, match=r"memories\.ec_state is given, but there is no section ec_core"):
        load_chip(file)


def test_a_bank_slower_than_the_clock_is_told_where_chips_are_shown(tmp_path: Path) -> None:
    """196 KiB at 45 nm take 2.38 ns, a cycle at 500 MHz 2 ns."""
    file = tmp_path / "mine.yaml"
    bank = (
        "memories: {buffer: {width_bits: {value: 64, assumed: x}, bank_bits: {value: 1605632, assumed: x}, flavour: itrs-lstp, "
    )
    file.write_text(BASE + bank + "capacity_bits: {value: 3211264, assumed: x}, bits_per_cycle: {value: 64, assumed: x}}}\n")
    (told,) = slow_banks(load_chip(file))
    assert told.startswith("An access of memories.buffer takes 2.38 ns, a cycle 2 ns: use smaller banks")
    assert chip_document(load_chip(file)).warnings == (told,)
    assert not slow_banks(load_chip("ecmt45-lm"))
