"""Matrix products: small results that can be checked by hand, and errors."""

from __future__ import annotations

import pytest

import lucid


def test_products() -> None:
    a, v = lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 10.0])
    assert (a @ v).tolist() == [21, 43]
    assert (v @ a).tolist() == [31, 42]
    assert lucid.dot(v, v).item() == 101
    assert lucid.outer(v, v).tolist() == [[1, 10], [10, 100]]
    assert lucid.mm(a, a).tolist() == [[7, 10], [15, 22]]
    assert lucid.addmm(v, a, a, beta=2, alpha=0.5).tolist() == [[5.5, 25], [9.5, 31]]
    assert a.matmul(lucid.ones(3, 2, 1)).shape == (3, 2, 1)
    assert lucid.vdot(lucid.tensor([1j]), lucid.tensor([1j])).item() == 1


def test_integers_are_exact_and_wrap_around() -> None:
    x = lucid.tensor([[2**40, 3]])
    assert (x @ lucid.tensor([[5], [2**41 + 1]])).item() == 5 * 2**40 + 3 * (2**41 + 1)
    assert (lucid.tensor([2**62]) @ lucid.tensor([4])).item() == 0
    assert (lucid.tensor([[16]], dtype=lucid.uint8) @ lucid.tensor([[17]], dtype=lucid.uint8)).item() == 16
    with pytest.raises(NotImplementedError, match="bool"):
        lucid.tensor([True]) @ lucid.tensor([True])


def test_einsum() -> None:
    a = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert lucid.einsum("ii", a).item() == 5
    assert lucid.einsum("ij->j", a).tolist() == [4, 6]
    assert lucid.einsum("...j,kj", a, a).tolist() == [[5, 11], [11, 25]]
    assert lucid.einsum(a, [0, 1], [1, 0]).tolist() == [[1, 3], [2, 4]]
    for wrong in ("ij,jk->ik", "ik->ij", "i", "ij->ii", "i-j", "ij->k"):
        with pytest.raises(RuntimeError, match="einsum"):
            lucid.einsum(wrong, a)


def test_gradients() -> None:
    a, b = lucid.ones(2, 3, requires_grad=True), lucid.ones(4, 3, 2, requires_grad=True)
    (a @ b).sum().backward()
    assert a.grad.tolist() == [[8, 8, 8]] * 2
    assert b.grad.shape == (4, 3, 2)


def test_sizes_and_dtypes_that_do_not_fit() -> None:
    a = lucid.ones(2, 3)
    for wrong in (lambda: a @ a, lambda: lucid.mm(a, lucid.ones(3)), lambda: lucid.bmm(a, a), lambda: lucid.dot(a, a)):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises(RuntimeError, match="at least 1D"):
        lucid.tensor(1.0) @ lucid.tensor(1.0)
    with pytest.raises(RuntimeError, match="one dtype"):
        a @ lucid.ones(3, 2, dtype=lucid.float64)
    with pytest.raises(RuntimeError, match="size of tensor"):
        lucid.addmm(lucid.ones(5), a, lucid.ones(3, 2))
    with pytest.raises(TypeError, match="must be Tensor"):
        lucid.matmul(a, 2)


def test_nothing_to_multiply() -> None:
    assert (lucid.ones(2, 0) @ lucid.ones(0, 3)).tolist() == [[0, 0, 0]] * 2
    assert lucid.einsum("ij,jk->ik", lucid.ones(2, 0), lucid.ones(0, 3)).tolist() == [[0, 0, 0]] * 2
