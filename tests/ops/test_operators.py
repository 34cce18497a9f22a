"""Python's operators on tensors: what they give, what they write into, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import lucid


def test_arithmetic() -> None:
    x = lucid.tensor([7.0, -7.0])
    assert (x + 1).tolist() == [8, -6]
    assert (1 - x).tolist() == [-6, 8]
    assert (2 * x / 4).tolist() == [3.5, -3.5]
    assert (14 / x).tolist() == [2, -2]
    assert (x // 2).tolist() == [3, -4]
    assert (x % 4).tolist() == [3, 1]
    assert (x**2).tolist() == [49, 49]
    assert (2 ** lucid.tensor([3])).tolist() == [8]
    assert (-x).tolist() == [-7, 7]
    assert (+x) is x
    assert abs(x).tolist() == [7, 7]
    assert divmod(7, 2) == ((lucid.tensor(7) // 2).item(), (lucid.tensor(7) % 2).item())


def test_dtypes_of_results() -> None:
    whole, single, double = lucid.tensor([1]), lucid.tensor([1.0]), lucid.tensor([1.0], dtype=lucid.float64)
    assert (whole + 1).dtype is lucid.int64
    assert (whole + 1.5).dtype is lucid.float32
    assert (whole / 2).dtype is lucid.float32
    assert (single + double).dtype is lucid.float64
    assert (single + double[0]).dtype is lucid.float32
    assert (lucid.tensor([True]) + True).dtype is lucid.bool
    assert (lucid.tensor([True]) + 1).dtype is lucid.int64
    assert (lucid.tensor([1], dtype=lucid.uint8) * 2).dtype is lucid.uint8


def test_numbers_keep_their_precision_and_wrap_where_c_does() -> None:
    assert (lucid.tensor([0.0], dtype=lucid.float64) + 0.1).item() == 0.1
    assert (lucid.tensor([1], dtype=lucid.int64) + 2**40).item() == 2**40 + 1
    assert (lucid.tensor([250], dtype=lucid.uint8) + 10).item() == 4
    assert (lucid.tensor([1.0]) * 2**70).item() == 2.0**70
    assert (lucid.tensor([0.5], dtype=lucid.float16) * 70000.0).item() == 35008
    assert np.signbit((lucid.tensor([-0.0]) + -0.0).item())
    assert not np.signbit((lucid.tensor([-0.0]) + 0.0).item())


def test_numpy_takes_part() -> None:
    x = lucid.tensor([1.0, 2.0])
    assert (x + np.array([1.0, 1.0])).dtype is lucid.float64
    assert isinstance(np.array([1.0, 1.0]) * x, lucid.Tensor)
    assert (np.float32(2) * x).tolist() == [2, 4]
    assert (x == np.array([1.0, 3.0])).tolist() == [True, False]
    assert (np.eye(2) @ x.double()).tolist() == [1, 2]


def test_in_place_operators_write_into_the_tensor() -> None:
    x = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
    row, same = x[0], x
    x += 1
    x *= 2
    x -= lucid.tensor([1.0, 2.0])
    x /= 2
    assert x is same
    assert row.tolist() == [1.5, 2]
    row //= 1
    row **= 2
    row %= 3
    assert x.tolist() == [[1, 1], [3.5, 4]]
    bits = lucid.tensor([5])
    bits <<= 2
    bits |= 1
    bits &= 0b10101
    bits ^= 1
    bits >>= 1
    assert bits.item() == 10
    count = lucid.tensor([1, 2])
    with pytest.raises(RuntimeError, match="can't be cast"):
        count += 1.5
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        count += lucid.tensor([[1, 2], [3, 4]])


def test_comparisons_and_bits() -> None:
    x = lucid.tensor([1, 2, 3])
    assert (x == 2).tolist() == [False, True, False]
    assert (x >= lucid.tensor(2)).tolist() == [False, True, True]
    assert ((x & 1) == 1).tolist() == [True, False, True]
    assert (~(x > 2)).tolist() == [True, True, False]
    assert (x | 4).tolist() == [5, 6, 7]
    assert (1 << x).tolist() == [2, 4, 8]
    assert 2 in x
    assert 7 not in x
    assert len({x, x}) == 1


def test_what_is_no_operand() -> None:
    x = lucid.tensor([1.0])
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    for wrong in (None, "a", [1.0], object()):
        with pytest.raises(TypeError):
            x + wrong
        with pytest.raises(TypeError):
            wrong - x
        with pytest.raises(TypeError):
            x < wrong  # noqa: B015
    with pytest.raises(TypeError):
        x @ 2
    with pytest.raises(TypeError, match="integer and Boolean"):
        _ = ~x
    with pytest.raises(RuntimeError, match="__contains__"):
        "a" in x  # noqa: B015


def test_another_class_may_answer_instead() -> None:
    class Other:
        def __radd__(self, left: object) -> str:
            return "mine"

    assert lucid.tensor([1.0]) + Other() == "mine"


def test_sizes_that_do_not_broadcast() -> None:
    with pytest.raises(
        RuntimeError, match=r"size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton"
    ):
        lucid.ones(2, 3) + lucid.ones(4)
    with pytest.raises(RuntimeError, match=r"add.*dimension 0"):
        lucid.ones(3) + lucid.ones(4)


def test_bools_are_no_numbers_to_subtract() -> None:
    mask = lucid.tensor([True, False])
    assert (mask + mask).tolist() == [True, False]
    for wrong in (lambda: mask - mask, lambda: 1 - mask, lambda: -mask, lambda: +mask):
        with pytest.raises(RuntimeError, match="bool"):
            wrong()


def test_gradients_flow_through_operators() -> None:
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = ((x * 3 - 1) / x + x**2).sum()
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 4.25]
    assert (x * 2).grad_fn is not None
    assert (x * 2).grad_fn.name() == "MulBackward0"
    assert not (x > 1).requires_grad


def test_gradient_of_nothing() -> None:
    x, b = lucid.zeros(0, 3, requires_grad=True), lucid.ones(3, requires_grad=True)
    (x * b).sum().backward()
    assert x.grad.shape == (0, 3)
    assert b.grad.tolist() == [0, 0, 0]
