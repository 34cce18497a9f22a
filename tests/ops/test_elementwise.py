"""Elementwise functions: the values that are easy to get wrong, and errors."""

from __future__ import annotations

import math

import pytest

import lucid


def test_integer_division_by_zero_is_an_error() -> None:
    x = lucid.tensor([1, 2])
    for divide in (lucid.floor_divide, lucid.remainder, lucid.fmod):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            divide(x, 0)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            divide(x, lucid.tensor([1, 0]))
    assert (x / 0).tolist() == [math.inf, math.inf]


def test_the_smallest_integer_by_minus_one() -> None:
    for dtype, low in ((lucid.int32, -(2**31)), (lucid.int64, -(2**63)), (lucid.int8, -128)):
        x = lucid.tensor([low], dtype=dtype)
        assert (x // -1).item() == low
        assert (x % lucid.tensor([-1], dtype=dtype)).item() == 0
        assert lucid.div(x, -1, rounding_mode="trunc").item() == low


def test_remainders_have_their_signs() -> None:
    x = lucid.tensor([5, -5, 5, -5])
    y = lucid.tensor([3, 3, -3, -3])
    assert (x % y).tolist() == [2, 1, -1, -2]
    assert lucid.fmod(x, y).tolist() == [2, -2, 2, -2]
    assert lucid.div(x, y, rounding_mode="trunc").tolist() == [1, -1, -1, 1]
    assert (x // y).tolist() == [1, -2, -2, 1]
    assert (lucid.tensor(1.0) // 0.1).item() == 9


def test_powers() -> None:
    assert (lucid.tensor([2, -1, 1]) ** lucid.tensor([-1, -3, -2])).tolist() == [0, -1, 1]
    with pytest.raises(RuntimeError, match="negative integer powers"):
        lucid.tensor([2]) ** -1
    x = lucid.tensor([0.0, 2.0], requires_grad=True)
    (x**0).sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_ties_share_the_gradient() -> None:
    a, b = lucid.tensor([1.0, 2.0], requires_grad=True), lucid.tensor([1.0, 1.0], requires_grad=True)
    lucid.maximum(a, b).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([0.5, 1], [0.5, 0])


def test_clamp() -> None:
    x = lucid.tensor([-1.0, 0.0, 0.5, 1.0, 2.0], requires_grad=True)
    y = x.clamp(0, 1)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0.5, 1, 1]
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    with pytest.raises(RuntimeError, match="At least one"):
        lucid.clamp(x)
    with pytest.raises(TypeError, match="both"):
        lucid.clamp(x, 0, lucid.tensor(1.0))


def test_float64_is_not_float32_in_disguise() -> None:
    x = lucid.tensor([1.0], dtype=lucid.float64)
    for name in ("exp", "sin", "cos", "tan", "tanh", "erf", "lgamma", "log"):
        assert getattr(lucid, name)(x).item() == pytest.approx(getattr(math, name)(1.0), abs=1e-14)
    assert lucid.sigmoid(x).item() == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-15)
    assert lucid.erfinv(lucid.erf(x)).item() == pytest.approx(1, abs=1e-13)
    assert lucid.softmax(lucid.tensor([1.0, 2.0], dtype=lucid.float64), 0)[0].item() == pytest.approx(
        1 / (1 + math.e), abs=1e-15
    )


def test_real_and_imag_are_views() -> None:
    z = lucid.tensor([1 + 2j, 3 - 1j])
    z.real.mul_(10)
    z.imag[0] = 7
    assert z.tolist() == [10 + 7j, 30 - 1j]
    assert z.real.stride() == (2,)
    x = lucid.tensor([1.0])
    assert x.real is x
    with pytest.raises(RuntimeError, match="imag"):
        lucid.imag(x)


def test_atan2_at_the_origin_and_xlogy_at_zero() -> None:
    y, x = lucid.tensor([0.0], requires_grad=True), lucid.tensor([0.0], requires_grad=True)
    lucid.atan2(y, x).backward()
    assert (y.grad.item(), x.grad.item()) == (0, 0)
    assert lucid.xlogy(lucid.tensor(0.0), lucid.tensor(0.0)).item() == 0
    assert lucid.hypot(lucid.tensor(3e30), lucid.tensor(4e30)).item() == pytest.approx(5e30)
    assert lucid.sinc(lucid.tensor(0.0)).item() == 1


def test_logic_and_shifts() -> None:
    assert lucid.logical_xor(lucid.tensor([0.0, 2.0]), lucid.tensor([1, 1])).tolist() == [True, False]
    assert lucid.bitwise_left_shift(lucid.tensor([1]), 70).item() == 0
    assert lucid.bitwise_right_shift(lucid.tensor([-8]), 70).item() == -1
    with pytest.raises(NotImplementedError, match="bitwise_and"):
        lucid.tensor([1.0]) & 1


def test_equal_and_close() -> None:
    x = lucid.tensor([1.0, float("nan")])
    assert not lucid.equal(x, x)
    assert lucid.allclose(x, x, equal_nan=True)
    assert lucid.isclose(lucid.tensor([math.inf]), lucid.tensor([math.inf])).item()
    with pytest.raises(RuntimeError, match="dtype"):
        lucid.isclose(x, lucid.tensor([1, 2]))
    with pytest.raises(NotImplementedError, match="order"):
        lucid.tensor([1j]) < 1  # noqa: B015


def test_out() -> None:
    x, out = lucid.tensor([4.0, 9.0]), lucid.zeros(2)
    assert lucid.sqrt(x, out=out) is out
    assert out.tolist() == [2, 3]
    assert lucid.add(x, 1, out=lucid.zeros(0)).tolist() == [5, 10]
    with pytest.raises(RuntimeError, match="can't be cast"):
        lucid.sqrt(x, out=lucid.zeros(2, dtype=lucid.int64))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        lucid.sqrt(x.requires_grad_(), out=out)


def test_gradient_through_float_power_and_conversion() -> None:
    x = lucid.tensor([2.0], requires_grad=True)
    y = lucid.float_power(x, 3)
    assert y.dtype is lucid.float64
    y.backward()
    assert x.grad.item() == 12
    with pytest.raises(RuntimeError, match="float_power_"):
        lucid.tensor([2.0]).float_power_(2)
