"""Does a digest tell apart everything that is different, and nothing that is the same?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.foundation.digest import digest_of

ONES = np.ones((2, 3), np.float32)


def test_the_same_content_has_the_same_digest_whatever_the_order_of_names() -> None:
    first = digest_of({"a": 1, "b": [2, 3]}, {"x": ONES, "y": 2 * ONES})
    assert digest_of({"b": [2, 3], "a": 1}, {"y": 2 * ONES, "x": ONES}) == first
    assert len(first) == 32 and int(first, 16) >= 0


def test_the_layout_in_memory_does_not_count() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    strided = np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2] / 2
    assert np.array_equal(values, strided)
    same = {digest_of({}, {"x": each}) for each in (values, np.asfortranarray(values), strided)}
    assert len(same) == 1


@pytest.mark.parametrize(
    ("structure", "arrays"),
    [
        pytest.param({"a": 2}, {"x": ONES}, id="structure"),
        pytest.param({"a": [1]}, {"x": ONES}, id="nesting"),
        pytest.param({"a": 1}, {}, id="no array"),
        pytest.param({"a": 1}, {"y": ONES}, id="name"),
        pytest.param({"a": 1}, {"x": ONES.astype(np.float64)}, id="width of dtype"),
        pytest.param({"a": 1}, {"x": ONES.view(np.int32)}, id="dtype with the same bytes"),
        pytest.param({"a": 1}, {"x": ONES.reshape(3, 2)}, id="shape"),
        pytest.param({"a": 1}, {"x": ONES, "y": ONES}, id="one more array"),
        pytest.param({"a": 1}, {"x": np.nextafter(ONES, np.float32(2))}, id="one unit in the last place"),
        pytest.param({"a": 1}, {"x": ONES.astype(">f4")}, id="byte order"),
    ],
)
def test_every_difference_changes_the_digest(structure: object, arrays: dict[str, np.ndarray]) -> None:
    assert digest_of(structure, arrays) != digest_of({"a": 1}, {"x": ONES})


def test_the_order_of_lists_and_of_elements_counts() -> None:
    assert digest_of([1, 2]) != digest_of([2, 1])
    values = np.array([1.0, 2.0])
    assert digest_of({}, {"x": values}) != digest_of({}, {"x": values[::-1]})
    assert digest_of({}, {"x": np.zeros(1), "y": np.ones(1)}) != digest_of({}, {"x": np.ones(1), "y": np.zeros(1)})


def test_empty_and_scalar_arrays_have_digests_of_their_own() -> None:
    shapes = {digest_of({}, {"x": np.zeros(shape)}) for shape in ((), (0,), (0, 3), (3, 0), (1,))}
    assert len(shapes) == 5
