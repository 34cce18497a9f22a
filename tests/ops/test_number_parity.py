"""Divisors of integers and parts of floating numbers, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error, check_op, check_program
from tests.ops.samples import DTYPES, FLOATS, INTEGERS, SHAPES, special

pytestmark = pytest.mark.parity

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_divisors(dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)
    ends = [limits.min, limits.min + 1] if limits.min else []
    values = torch.tensor(
        [*ends, *([-12, -6, -1] if ends else []), 0, 1, 3, 6, 12, 89, 55, limits.max - 1, limits.max], dtype=dtype
    )
    a, b = torch.meshgrid(values, values, indexing="ij")
    check_op(lucid.gcd, torch.gcd, a, b)
    a, b = a[1:, 1:], b[1:, 1:]  # PyTorch's lcm stops the process for some pairs with the smallest number
    check_op(lucid.lcm, torch.lcm, a, b)
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(limits.min // 2, limits.max // 2, (300,), dtype=dtype, generator=generator) for _ in range(2))
    check_op(lucid.gcd, torch.gcd, a, b)
    check_op(lucid.lcm, torch.lcm, a, b)


def test_the_longest_way_to_a_divisor() -> None:
    fibonacci = [1, 1]
    while fibonacci[-1] + fibonacci[-2] < 2**63:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    a, b = torch.tensor(fibonacci[1:]), torch.tensor(fibonacci[:-1])
    check_op(lucid.gcd, torch.gcd, a, b)
    check_op(lucid.gcd, torch.gcd, b, a)


def test_the_smallest_number_has_multiples() -> None:
    for dtype in (lucid.int8, lucid.int16, lucid.int32, lucid.int64):
        lowest = lucid.tensor([-(2 ** (8 * dtype.itemsize - 1))], dtype=dtype)
        others = lucid.tensor([-128, -1, 0, 1, 3, 127], dtype=dtype)
        assert lucid.lcm(lowest, others).tolist()[2] == 0
        assert lucid.lcm(others, lowest).shape == (6,)


@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_operands_of_divisors(name: str) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    for a in DTYPES:
        for b in (torch.int64, torch.int8, torch.uint8, torch.float32):
            check_both(op, reference, torch.tensor([1, 2]).to(a), torch.tensor([4, 6]).to(b))
    for shapes in SHAPES:
        check_op(op, reference, torch.randint(-50, 50, shapes[0]), torch.randint(-50, 50, shapes[1]))
    check_error(op, reference, torch.tensor([4]), 2)
    check_error(op, reference, torch.tensor([4, 3]), torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_frexp(dtype: torch.dtype) -> None:
    x = torch.tensor(
        [0, -0.0, 1, -1, 3.7, INF, -INF, NAN, 5e-324, 1e-310, 1e-40, 6e-8, -0.1, 65504], dtype=torch.float64
    )
    check_op(lucid.frexp, torch.frexp, x.to(dtype).requires_grad_())
    check_op(lucid.frexp, torch.frexp, x.to(dtype)[:0])
    check_op(lucid.frexp, torch.frexp, torch.randn(3, 4).t().to(dtype))


def test_frexp_results() -> None:
    for dtype in (torch.int64, torch.bool, torch.complex64):
        check_error(lucid.frexp, torch.frexp, torch.ones(2, dtype=dtype))
    check_error(lucid.frexp, torch.frexp, 2.0)
    check_program(lambda m: m.frexp(m.tensor([6.0])).mantissa)
    check_program(lambda m: m.tensor([6.0]).frexp().exponent)
    check_program(lambda m: m.frexp(m.tensor([6.0]), out=(m.empty(1), m.empty(1, dtype=m.int32))))
    check_program(lambda m: m.frexp(m.tensor([6.0]), out=(m.empty(1), m.empty(1, dtype=m.int64))))
    check_program(lambda m: m.frexp(m.tensor([6.0]), out=(m.empty(1, dtype=m.float64), m.empty(1, dtype=m.int32))))


EXPONENTS = [torch.int32, torch.int64, torch.int8, torch.uint8, torch.bool, torch.float32, torch.float64, torch.float16]


@pytest.mark.parametrize("exponent", EXPONENTS, ids=str)
@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.bool], ids=str)
def test_ldexp(dtype: torch.dtype, exponent: torch.dtype) -> None:
    x, n = torch.tensor([1.5, 0, -3, 1, 5, 7]).to(dtype), torch.tensor([0, 3, -2, 100, -100, 127]).to(exponent)
    check_both(lucid.ldexp, torch.ldexp, x, n)
    check_both(lucid.ldexp, torch.ldexp, x, n[1])
    # PyTorch warns of the shape when `input` is broadcast
    check_both(lambda a, b: lucid.ldexp(a[:1], b), lambda a, b: torch.ldexp(a[:1].expand(6), b), x, n)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_ldexp_rounds_once(dtype: torch.dtype) -> None:
    n = torch.tensor([-149, -150, -126, -1074, -1022, -1075, 1023, 2000, -2000, 2**31 - 1, -24, -25, 5, 3])
    x = torch.tensor([1.5, 1.75, 1.999999, 1.6, 1.0000001, 1.2, 1.7, 0, 1, 1, 1.3, 1.7, INF, NAN], dtype=torch.float64)
    check_op(lucid.ldexp, torch.ldexp, x.to(dtype), n, tol=0)
    # on the way from one end of the exponents to the other
    check_op(lucid.ldexp, torch.ldexp, torch.tensor([1e-30, 1e30], dtype=dtype), torch.tensor([200, -200]), tol=0)


def test_ldexp_gradients() -> None:
    x, y = (
        torch.randn(3, dtype=torch.float64, requires_grad=True),
        torch.randn(3, dtype=torch.float64, requires_grad=True),
    )
    check_op(lucid.ldexp, torch.ldexp, x, y, second=True)
    check_op(lucid.ldexp, lambda a, n: torch.ldexp(a.expand(2, 3), n), x, torch.tensor([[0], [2]]))
    a = lucid.ones(2, requires_grad=True)
    lucid.ldexp(a, lucid.tensor([-2, 3])).sum().backward()  # PyTorch takes a whole power of 2 here, which is 0
    assert a.grad.tolist() == [0.25, 8.0]
    check_error(lucid.ldexp, torch.ldexp, x, 2)
    check_program(lambda m: m.ones(2).ldexp_(m.tensor([1, 2])))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nextafter(dtype: torch.dtype) -> None:
    values = [0, -0.0, 1, -1, INF, -INF, NAN, 1e-45, -1e-45, 3.4028235e38, 65504, -65504, 6e-8, 2, -2, 1.5]
    a, b = torch.meshgrid(torch.tensor(values).to(dtype), torch.tensor(values).to(dtype), indexing="ij")
    check_op(lucid.nextafter, torch.nextafter, a, b, tol=0)
    x = torch.randn(50).to(dtype).requires_grad_()
    check_op(lucid.nextafter, torch.nextafter, x, torch.randn(50).to(dtype).requires_grad_(), tol=0)
    check_op(lucid.nextafter, torch.nextafter, x, x.detach().clone().requires_grad_(), tol=0)


def test_nextafter_operands() -> None:
    for a in DTYPES:
        for b in (torch.float32, torch.float64, torch.int64, torch.float16):
            if (a, b) != (torch.complex64, torch.float64):
                check_both(lucid.nextafter, torch.nextafter, torch.tensor([1, 2]).to(a), torch.tensor([4, 1]).to(b))
    for shapes in SHAPES:
        check_op(lucid.nextafter, torch.nextafter, torch.rand(shapes[0]).requires_grad_(), torch.rand(shapes[1]))
    check_error(lucid.nextafter, torch.nextafter, torch.ones(2), 0.0)


@pytest.mark.parametrize("name", ["igamma", "igammac"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_igamma_operands(name: str, dtype: torch.dtype) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    for other in (torch.float32, torch.float64, torch.int64, torch.bfloat16):
        check_both(op, reference, torch.tensor([3, 1]).to(dtype), torch.tensor([[1], [4]]).to(other))
        check_both(op, reference, torch.tensor([[1], [4]]).to(other), torch.tensor([3, 1]).to(dtype))
    check_both(op, reference, torch.tensor([3, 1]).to(dtype), 2.0)


@pytest.mark.parametrize("name", ["i0_", "lgamma_", "digamma_", "erfinv_"])
def test_in_place(name: str) -> None:
    def program(m: Any) -> Any:
        x = m.tensor([0.5, 0.25])
        return getattr(x, name)(), x

    check_program(program)
    check_program(lambda m: getattr(m.tensor([1, 2]), name)())


def test_in_place_pairs() -> None:
    check_program(lambda m: m.tensor([12, 18]).gcd_(m.tensor([8, 27])))
    check_program(lambda m: m.tensor([12, 18]).lcm_(m.tensor([8, 27])))
    check_program(lambda m: m.gcd_(m.tensor([12], dtype=m.int8), m.tensor([8])))
    check_program(lambda m: m.tensor([1.0, 2.0]).igamma_(m.tensor([2.0, 3.0])))
    check_program(lambda m: m.tensor([1.0, 2.0]).igammac_(m.tensor([2.0, 3.0])))
    check_program(lambda m: m.tensor([1.0, 2.0]).nextafter_(m.tensor([2.0, 0.0])))
    check_program(lambda m: m.tensor([0.5, 2.0]).polygamma_(1))
    check_program(lambda m: m.i0_(m.tensor([0.5, 2.0])))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_i0(dtype: torch.dtype) -> None:
    check_op(lucid.i0, torch.i0, special(dtype).requires_grad_(), tol=None if dtype is not torch.float16 else 4e-3)
