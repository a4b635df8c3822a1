"""Does a chip file that is wrong get a short message with file, key, value, limit and remedy?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip

WriteChip = Callable[..., Path]

LANES = "lanes_per_cycle: {value: 4, assumed: small}"
CLOCK = "clock_mhz: {value: 500, assumed: round}"


def refusal(path: Path | str) -> str:
    with pytest.raises(ChipError) as caught:
        load_chip(path)
    message = str(caught.value)
    assert caught.value.__cause__ is None or len(message.splitlines()) == 1
    assert len(message.splitlines()) <= 7
    assert "pydantic" not in message and "Traceback" not in message and "validation error" not in message
    return message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        pytest.param(LANES, LANES.replace("4", "-3"), ["lanes_per_cycle.value is -3", "greater than 0"], id="negative"),
        pytest.param(LANES, LANES.replace("4", "0"), ["synapse_core.lanes_per_cycle.value", "is 0", "greater than 0"], id="zero"),
        pytest.param(LANES, LANES.replace("4", "true"), ["lanes_per_cycle.value is true", "integer"], id="bool for int"),
        pytest.param(LANES, LANES.replace("4", "4.0"), ["lanes_per_cycle.value is 4.0", "integer"], id="real for int"),
        pytest.param(LANES, LANES.replace("4", "'4'"), ["lanes_per_cycle.value is '4'", "integer"], id="text for int"),
        pytest.param(LANES, LANES.replace("4", "9" * 40), ["lanes_per_cycle.value", "at most 281474976710656"], id="huge"),
        pytest.param(LANES, "lanes_per_cycle: 4", ["synapse_core.lanes_per_cycle is 4 without an origin", "assumed"], id="bare"),
        pytest.param(LANES, "lanes_per_cycle: [4]", ["synapse_core.lanes_per_cycle is a list", "value"], id="list"),
        pytest.param(LANES, "lanes_per_cycle:", ["synapse_core.lanes_per_cycle is empty", "value"], id="empty figure"),
        pytest.param(LANES, "lanes_per_cycle: {assumed: x}", ["lanes_per_cycle.value is missing"], id="no value"),
        pytest.param(LANES, "lanes_per_cycle: {value: 4}", ["lanes_per_cycle has neither source nor assumed"], id="no origin"),
        pytest.param(LANES, "lanes_per_cycle: {value: 4, source: a, assumed: b}", ["has both source and assumed"], id="both"),
        pytest.param(LANES, "lanes_per_cycle: {value: 4, source: ''}", ["source is ''", "not be empty"], id="empty source"),
        pytest.param(LANES, "lanes_per_cycle: {value: 4, source: 7}", ["source is 7", "text"], id="source a number"),
        pytest.param(LANES, "lanes_per_cycle: {value: 4, sorce: a}", ["lanes_per_cycle.sorce", "mean 'source'"], id="sorce"),
        pytest.param(LANES, "lanes_per_cicle: {value: 4, source: a}", ["lanes_per_cicle", "mean 'lanes_per_cycle'"], id="typo"),
        pytest.param(LANES, "", ["synapse_core.lanes_per_cycle is missing", "source"], id="missing figure"),
        pytest.param(CLOCK, CLOCK.replace("500", ".nan"), ["clock_mhz.value is nan", "finite"], id="nan"),
        pytest.param(CLOCK, CLOCK.replace("500", ".inf"), ["clock_mhz.value is inf", "finite"], id="infinite"),
        pytest.param(CLOCK, CLOCK.replace("500", "false"), ["clock_mhz.value is false", "number"], id="bool for real"),
        pytest.param(CLOCK, CLOCK.replace("500", "fast"), ["clock_mhz.value is 'fast'", "number"], id="text for real"),
        pytest.param(CLOCK, CLOCK.replace("500", "-0.5"), ["clock_mhz.value is -0.5", "at least 1e-09"], id="negative real"),
        pytest.param(CLOCK, CLOCK + "\nturbo: yes", ["turbo is not a known key", "process_nm"], id="unknown"),
        pytest.param("name: small", "name: 7", ["name is 7", "text"], id="name a number"),
        pytest.param("name: small", "name: a b", ["name is 'a b'", "letters"], id="name with a blank"),
        pytest.param("lacks: []", "lacks: much", ["lacks is 'much'", "list"], id="lacks not a list"),
        pytest.param("graded_spikes: replicate", "graded_spikes: yes", ["synapse_core.graded_spikes", "'shift'"], id="choice"),
        pytest.param("token_sharing: true", "token_sharing: 1", ["token_sharing is 1", "true or false"], id="1 for bool"),
        pytest.param("multicast: true", "multicast: 'true'", ["noc.multicast is 'true'", "true or false"], id="text for bool"),
        pytest.param("synchronisation: barrier", "synchronisation: sometimes", ["'sometimes'", "'dataflow'"], id="sync"),
    ],
)
def test_a_wrong_figure_is_refused_with_its_file_key_value_and_remedy(
    write_chip: WriteChip, old: str, new: str, parts: list[str]
) -> None:
    path = write_chip((old, new))
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ([("ec_cores_per_tile: {value: 1", "ec_cores_per_tile: {value: 0")], ["mesh.ec_cores_per_tile is 0", "section ec_core"]),
        ([("  ec_core_uw: {value: 1, assumed: small}\n", "")], ["leakage.ec_core_uw is missing"]),
        ([("max_chips: {value: 1", "max_chips: {value: 4")], ["noc.chip_crossing_cycles is missing", "max_chips is 4"]),
        ([("barrier_ns: {value: 100, assumed: small}\n", "")], ["barrier_ns is missing", "synchronisation is barrier"]),
        ([("synchronisation: barrier", "synchronisation: dataflow")], ["barrier_ns is given", "dataflow"]),
        (
            [("weight_memory_bits: {value: 65536", "weight_memory_bits: {value: 8")],
            ["memory_bits is 8", "weight_bits is 32"],
        ),
    ],
)
def test_figures_that_contradict_each_other_are_refused(
    write_chip: WriteChip, changes: list[tuple[str, str]], parts: list[str]
) -> None:
    message = refusal(write_chip(*changes))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- a\n- b\n", "not a mapping"),
        ("just words", "not a mapping"),
        ("a: [1, 2\nb: 3\n", "not valid YAML"),
        ("a: {value: 1\n", "not valid YAML"),
        ("a:\n\t- b\n", "not valid YAML"),
        ("a: !!python/object:os.system x\n", "not valid YAML"),
        ("a: 2001-99-99\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: *nothing\n", "not valid YAML"),
        ("[" * 2000, "is nested deeper"),
        ("name: a\nname: b\n", "'name' is given twice"),
        ("mesh:\n  width: 1\n  width: 2\n", ":3: key 'width' is given twice"),
        ("1: a\n", "key 1 is a int, not a name"),
        ("mesh: {true: a}\n", "key True in mesh is a bool"),
        ("a: &x {b: *x}\n", "nested deeper"),
        ("extends: [ecmt45]\n", "extends is ['ecmt45']"),
    ],
)
def test_a_file_that_is_not_a_chip_document_is_refused_in_one_line(write_chip: WriteChip, text: str, part: str) -> None:
    message = refusal(write_chip(text=text))
    assert part in message
    assert len(message.splitlines()) == 1


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: Größe\n".encode("latin-1"))
    assert "byte 8 is not UTF-8" in refusal(path)


def test_null_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"name: \x00\x01\n")
    assert "not valid YAML" in refusal(path)


def test_a_file_of_more_than_a_mebibyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert "limit 1,048,576" in refusal(path)


@pytest.mark.parametrize("name", ["ecmt4", "nowhere/chip.yaml", "", ".", "x" * 5000, "a\0b"])
def test_a_chip_that_does_not_exist_is_refused_with_the_shipped_names(name: str) -> None:
    message = refusal(name)
    assert "shipped chips are" in message and "ecmt45" in message


def test_a_misspelt_shipped_name_gets_the_nearest_one() -> None:
    assert "did you mean 'ecmt45'?" in refusal("ecmt54")


def test_a_misspelt_key_is_reported_once_and_not_as_missing_too(write_chip: WriteChip) -> None:
    message = refusal(write_chip((LANES, LANES.replace("cycle", "cicle"))))
    assert "missing" not in message
    assert len(message.splitlines()) == 1


def test_many_problems_are_counted_and_the_first_five_shown(write_chip: WriteChip) -> None:
    message = refusal(write_chip(text="name: bare\n"))
    assert "has 11 problems" in message
    assert "and 6 more" in message


def test_the_last_good_value_passes_where_the_next_is_refused(write_chip: WriteChip) -> None:
    limit = 2**48
    assert load_chip(write_chip((LANES, LANES.replace("4", str(limit))))).synapse_core.lanes_per_cycle == limit
    refusal(write_chip((LANES, LANES.replace("4", str(limit + 1)))))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 9999), character=st.sampled_from("\n :{}[]&*!|>'\"%@,#-?~\t0aé"))
def test_one_altered_character_gives_a_chip_or_a_chip_error_and_nothing_else(
    write_chip: WriteChip, place: int, character: str
) -> None:
    text = write_chip().read_text(encoding="utf-8")
    position = place % len(text)
    path = write_chip(text=text[:position] + character + text[position + 1 :])
    try:
        load_chip(path)
    except ChipError as error:
        assert str(path) in str(error)
