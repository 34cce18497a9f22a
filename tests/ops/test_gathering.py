"""What the gather and scatter family promises beyond PyTorch's values."""

from __future__ import annotations

import pytest

import lucid


def test_sparse_gradients_are_refused() -> None:
    x, index = lucid.zeros(2, 2), lucid.tensor([[0]])
    with pytest.raises(NotImplementedError, match="sparse_grad"):
        x.gather(0, index, sparse_grad=True)


def test_nonzero_gives_one_tensor_or_several() -> None:
    x = lucid.tensor([3, 0, 4])
    out = lucid.empty(0, dtype=lucid.int64)
    assert lucid.nonzero(x, out=out) is out
    assert out.tolist() == [[0], [2]]
    with pytest.raises(RuntimeError, match="as_tuple"):
        lucid.nonzero(x, out=out, as_tuple=True)
    assert x.bfloat16().nonzero().tolist() == [[0], [2]]


def test_where_says_what_it_wants() -> None:
    with pytest.raises(TypeError, match="condition"):
        lucid.where(True, 1, 2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="input and other"):
        lucid.where(lucid.tensor([True]), 1)
    with pytest.raises(TypeError, match="'mask' must be Tensor"):
        lucid.masked_fill(lucid.zeros(2), True, 1)  # type: ignore[arg-type]


def test_in_place_twins_write_through() -> None:
    x = lucid.zeros(2, 3)
    row = x[0]
    row.index_add_(0, lucid.tensor([0, 0]), lucid.ones(2))
    row.scatter_(0, lucid.tensor([1]), 5.0)
    row.put_(lucid.tensor([-1]), lucid.tensor([7.0]))
    x[1].masked_fill_(lucid.tensor([True, False, True]), 1.0)
    assert x.tolist() == [[2, 5, 7], [1, 0, 1]]
    x[1].masked_scatter_(lucid.tensor([True, True, False]), lucid.tensor([8.0, 9.0]))
    assert x[1].tolist() == [8, 9, 1]


def test_a_product_with_infinity_keeps_its_value() -> None:
    x = lucid.tensor([2.0, 3.0])
    got = x.scatter_reduce(0, lucid.tensor([0]), lucid.tensor([float("inf")]), "prod")
    assert got.tolist() == [float("inf"), 3]
