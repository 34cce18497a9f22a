"""Indexing without PyTorch: what raises, what is lazy, what the memory-safety rules promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import _tape


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (3, IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (-4, IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
        ((0, 9), IndexError, "index 9 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(0, 1.5), TypeError, "slice indices must be integers"),
        (1.5, IndexError, "only integers, slices"),
        ([5], IndexError, "index 5 is out of bounds"),
        (np.array([-9]), IndexError, "index -9 is out of bounds"),
        ([True, False], IndexError, "shape of the mask"),
        (([0, 1], [0, 1, 2]), IndexError, "could not be broadcast together"),
        (lucid.tensor([0.5]), IndexError, "tensors used as indices"),
        ("a", TypeError, "invalid data type 'str'"),
        (np.array([1, 0], np.uint8), IndexError, "shape of the mask"),
        (2**70, ValueError, "does not fit in 64 bits"),
    ],
)
def test_bad_keys(key: Any, error: type[Exception], message: str) -> None:
    x = lucid.zeros(3, 4)
    with pytest.raises(error, match=message):
        x[key]
    with pytest.raises(error, match=message):
        x[key] = 1


def test_index_tensors_from_data_are_checked() -> None:
    x = lucid.zeros(3)
    index = lucid.tensor([[0, 3]])
    for bad in (index, index[0], index.int(), lucid.tensor(3), lucid.tensor([-4])):
        with pytest.raises(IndexError, match="out of bounds"):
            x[bad]
    with pytest.raises(IndexError, match="tensors used as indices"):
        x[lucid.tensor([0.0])]
    with pytest.raises(IndexError, match="0-dim"):
        lucid.tensor(1.0)[0]


def test_an_evaluated_index_is_checked() -> None:
    index = lucid.tensor([1]) + 4
    assert index.tolist() == [5]
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        lucid.zeros(3)[index]


def test_a_lazy_index_is_held_inside_the_memory() -> None:
    x = lucid.tensor([1.0, 2.0, 3.0])
    far = lucid.tensor([1]) * 1_000_000
    assert x[far].tolist() == [3]
    assert x[-far].tolist() == [1]
    x[lucid.tensor([1]) * 1_000_000] = 9
    assert x.tolist() == [1, 2, 9]
    assert x.gather(0, lucid.tensor([1]) * 77).tolist() == [9]


def test_a_lazy_index_is_checked_while_looking_for_anomalies() -> None:
    with lucid.autograd.detect_anomaly(), pytest.raises(IndexError, match="index 7 is out of bounds"):
        lucid.zeros(3)[lucid.tensor([1]) * 7]


def test_reading_does_not_evaluate() -> None:
    x = lucid.rand(4)
    before = _tape.evaluated
    x[lucid.argsort(x)][lucid.tensor([0, 1])]
    x[lucid.argmax(x)]
    x[0:2]
    x[x > 2] = 0
    assert _tape.evaluated == before


def test_a_lazy_scalar_index_gives_a_view() -> None:
    x = lucid.tensor([[1.0, 5.0], [7.0, 2.0]])
    x[x.sum(1).argmax()].zero_()
    assert x.tolist() == [[1, 5], [0, 0]]
    x[x.sum(1).argmax(), 1] = 3
    assert x.tolist() == [[1, 3], [0, 0]]


def test_values_that_do_not_fit() -> None:
    x = lucid.zeros(2, 3)
    with pytest.raises(RuntimeError, match=r"must match the existing size \(2\)"):
        x[0] = lucid.ones(2)
    with pytest.raises(RuntimeError, match="cannot be broadcast to indexing result"):
        x[lucid.tensor([0])] = lucid.ones(2, 3)
    with pytest.raises(RuntimeError, match="dtypes match"):
        x[lucid.tensor([0, 1])] = lucid.ones(2, 3, dtype=lucid.int64)
    with pytest.raises(RuntimeError, match="1j cannot be converted"):
        x[0] = 1j
    with pytest.raises(TypeError, match="can't assign a list"):
        x[0] = [1, 2, 3]
    with pytest.raises(TypeError, match="'values' must be Tensor"):
        x.index_put((lucid.tensor([0]),), 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tuple of Tensors"):
        x.index_put((0,), lucid.ones(3))


def test_everyday_writes() -> None:
    x = lucid.zeros(2, 3)
    x[:, 1:] = lucid.tensor([1, 2])
    x[x == 2] += 5
    x[lucid.tensor([1, 1]), [0, 1]] = lucid.tensor([8.0, 9.0])
    x[..., 0][0] = True
    assert x.tolist() == [[1, 1, 7], [8, 9, 7]]
    x.index_put_((lucid.tensor([0, 0]),), lucid.ones(2, 3), accumulate=True)
    assert x[0].tolist() == [3, 3, 9]


def test_empty_selections() -> None:
    x = lucid.zeros(2, 3)
    assert x[[]].shape == (0, 3)
    assert x[lucid.tensor([], dtype=lucid.int64), 1:1].shape == (0, 0)
    assert x[False].shape == (0, 2, 3)
    assert x[x > 0].shape == (0,)
    x[[]] = 5
    assert x.sum().item() == 0
    with pytest.raises(IndexError, match="size 0"):
        lucid.zeros(0, 3)[lucid.tensor([0])]


def test_iteration_gives_views() -> None:
    x = lucid.zeros(2, 2)
    for k, row in enumerate(x):
        row.fill_(k)
    assert x.tolist() == [[0, 0], [1, 1]]
