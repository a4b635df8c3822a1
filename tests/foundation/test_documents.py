"""Is whatever a file of ours may not hold refused by where it stands, what it is, its limit and what to write?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from synaptile.foundation.documents import FileKind, Strict, check_keys, nearest, read_mapping, shown, validated
from synaptile.foundation.errors import FileFormatError, InputError

KIND = FileKind("recipe file", give="give a recipe", start="write `title: ...`", error=FileFormatError)


class Step(Strict):
    """A step of a recipe."""

    minutes: Annotated[int, Field(ge=1, lt=100)]
    tools: list[str] = Field(default_factory=list)


class Recipe(Strict):
    """A recipe."""

    title: Annotated[str, Field(min_length=1)]
    oven: Step | None = None
    steps: Annotated[list[Step], Field(min_length=1)]
    ways: dict[str, Step] = Field(default_factory=dict)


GOOD: dict[str, Any] = {"title": "bread", "steps": [{"minutes": 3}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"titel": "x"}, "recipe: titel is not a known key: did you mean 'title'?"),
        ({"qqqq": 1}, "recipe: qqqq is not a known key: known here are title, oven, steps, ways"),
        ({"steps": [{"minutes": 3, "tool": []}]}, "recipe: steps.0.tool is not a known key: did you mean 'tools'?"),
        ({"oven": {"minuts": 3}}, "recipe: oven.minuts is not a known key: did you mean 'minutes'?"),
        ({"ways": {"fast": {"minutes": 1, "toolz": []}}}, "recipe: ways.fast.toolz is not a known key: did you mean 'tools'?"),
        ({"oven": {}}, "recipe: oven.minutes is missing: add it"),
        ({"oven": 3}, "recipe: oven is 3: must be a mapping with the keys minutes, tools"),
        ({"oven": {"minutes": 0}}, "recipe: oven.minutes is 0: must be at least 1"),
        ({"oven": {"minutes": 100}}, "recipe: oven.minutes is 100: must be below 100"),
        ({"oven": {"minutes": "3"}}, "recipe: oven.minutes is '3': must be an integer, without quotes or decimal point"),
        ({"oven": {"minutes": True}}, "recipe: oven.minutes is true: must be an integer, without quotes or decimal point"),
        ({"steps": []}, "recipe: steps is empty: name at least one"),
        ({"steps": {}}, "recipe: steps is a mapping: must be a list, one `- entry` per line"),
        ({"title": ""}, "recipe: title is '': must not be empty"),
        ({"title": None}, "recipe: title is empty: must be text"),
        ({"ways": []}, "recipe: ways is an empty list: must be a mapping of names to values"),
    ],
)
def test_one_problem_is_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        validated(Recipe, GOOD | change, "recipe")
    assert str(caught.value) == said


def test_many_problems_are_a_list_unknown_keys_first_and_the_rest_counted() -> None:
    with pytest.raises(InputError) as caught:
        validated(Recipe, {"titel": "x", "steps": [{"minutes": 0}] * 6}, "recipe")
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["recipe has 7 problems:", "  - titel is not a known key: did you mean 'title'?"]
    assert lines[2] == "  - steps.0.minutes is 0: must be at least 1" and lines[-1] == "  - and 2 more" and len(lines) == 7


def test_what_is_sound_comes_back_typed() -> None:
    assert validated(Recipe, GOOD, "recipe").steps == [Step(minutes=3)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: write `title: ...`"),
        (b"- a", "holds a list, not a mapping: write `title: ...`"),
        (b"a: 1\nb: 2\na: 3", ":3: key 'a' is given twice: keep one"),
        (b"a: [1", ":1: not valid YAML"),
        (b"a: !!python/name:os.system", "not valid YAML"),
        (b"a: \xff", "byte 3 is not UTF-8: save the file as UTF-8 text"),
        (b"a: {3: b}", "key 3 in a is a int, not a name: put it in quotes, or remove it"),
        (b"a: [{3: b}]", "key 3 in a.0 is a int, not a name"),
        (b"a: &a\n  b: *a", "a.b.b... is nested deeper than 16 levels"),
        (b"#" * ((1 << 20) + 1), "1,048,577 bytes, limit 1,048,576: this is no recipe file"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        read_mapping(path, KIND)
    assert str(caught.value).startswith(str(path)) and said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(FileFormatError, match=r"^mine"):
        read_mapping(path, KIND, "mine")


@pytest.mark.parametrize("name", ["none.yaml", ".", "a\0b", "x" * 5000])
def test_a_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(FileFormatError, match=r"no such recipe file: give a recipe|cannot be read"):
        read_mapping(name, KIND)


def test_a_mapping_from_python_is_held_to_the_same_keys() -> None:
    check_keys({"a": [{"b": 1}]}, "recipe")
    with pytest.raises(InputError, match="recipe: key 1 is a int"):
        check_keys({1: 2}, "recipe")


def test_long_values_are_cut_and_unknown_names_get_the_nearest() -> None:
    assert len(shown("x" * 100)) == 60
    assert nearest("minuts", ["minutes", "tools"]) == "did you mean 'minutes'?"
    assert nearest("q", ["minutes", "tools"]) == "known here are minutes, tools"
    assert nearest("q", ["minutes", "tools"], ["tools"]) == "known here are tools"


BOMB = "a0: &a0 {x: 1}\n" + "\n".join(f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(20))}}}" for i in range(1, 8))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (BOMB, "entries with its aliases written out"),
        (BOMB.replace("{", "[").replace("}", "]").replace("x: 1", "1"), ""),
        ("x: " + "[" * 5000 + "]" * 5000, "nested deeper"),
        ("a: &a {b: *a}", "nested deeper"),
        ("x: " + "9" * 5000, "not valid YAML"),
    ],
)
def test_what_would_unfold_without_end_is_refused_at_once(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "bomb.yaml").write_text(text)
    begun = time.perf_counter()
    with pytest.raises(InputError) as refused:
        read_mapping(tmp_path / "bomb.yaml", FileKind("study file"))
    assert part in str(refused.value) and time.perf_counter() - begun < 20


def test_an_alias_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "fine.yaml").write_text("a: &a {x: 1}\nb: *a\nc: [*a, *a]\n")
    read = read_mapping(tmp_path / "fine.yaml", FileKind("study file"))
    assert read == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 1}]}
