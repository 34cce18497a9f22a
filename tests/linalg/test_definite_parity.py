"""Cholesky factors and what is made of them, against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:torch.*deprecated")]

import lucid
from tests.checks import check_both, check_error, check_op, to_lucid

SHAPES = [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3), (0, 0), (0, 2, 2), (2, 0, 0)]


def positive(*shape, dtype=torch.float64):
    """A symmetric function of a random matrix, so that the factor is differentiable in it."""
    torch.manual_seed(sum(shape))
    a = torch.randn(*shape, dtype=dtype)
    return (a @ a.mH + torch.eye(shape[-1], dtype=dtype)).requires_grad_()


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_cholesky(shape, dtype, upper):
    a = positive(*shape, dtype=dtype)
    tol = 1e-4 if dtype is not torch.float64 else 1e-9
    check_op(lucid.linalg.cholesky, torch.linalg.cholesky, a, upper=upper, tol=tol)
    check_op(lucid.linalg.cholesky_ex, torch.linalg.cholesky_ex, a, upper=upper, tol=tol)
    check_op(lucid.cholesky, torch.cholesky, a, upper, tol=tol)


@pytest.mark.parametrize("upper", [False, True])
def test_second_gradients(upper):
    a = positive(2, 3, 3)
    factor = torch.linalg.cholesky(a.detach(), upper=upper).requires_grad_()
    b = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    check_op(lucid.linalg.cholesky, torch.linalg.cholesky, a, upper=upper, second=True)
    check_op(lucid.cholesky_inverse, torch.cholesky_inverse, factor, upper, second=True)
    check_op(lucid.cholesky_solve, torch.cholesky_solve, b, factor, upper, second=True)


@pytest.mark.parametrize("upper", [False, True])
def test_only_one_triangle_is_read(upper):
    a = positive(3, 3).detach()
    other = torch.full((3, 3), 7.0, dtype=a.dtype)
    mixed = a.triu() + other.tril(-1) if upper else a.tril() + other.triu(1)
    check_op(lucid.linalg.cholesky, torch.linalg.cholesky, mixed, upper=upper)
    check_op(lucid.cholesky_inverse, torch.cholesky_inverse, mixed, upper)
    check_op(lucid.cholesky_solve, torch.cholesky_solve, a[:, :2], mixed, upper)


@pytest.mark.parametrize("batches", [((), ()), ((2,), ()), ((), (2,)), ((2, 1), (3,)), ((0,), ()), ((), (0, 1))])
def test_solving_with_a_factor_broadcasts(batches):
    factor = torch.linalg.cholesky(positive(*batches[0], 3, 3).detach()).requires_grad_()
    b = torch.randn(*batches[1], 3, 2, dtype=torch.float64, requires_grad=True)
    check_op(lucid.cholesky_solve, torch.cholesky_solve, b, factor)


def test_complex_factors():
    a = positive(2, 3, 3, dtype=torch.complex64)
    factor = torch.linalg.cholesky(a.detach()).requires_grad_()
    check_op(lucid.cholesky_inverse, torch.cholesky_inverse, factor, tol=1e-3)
    check_op(lucid.cholesky_solve, torch.cholesky_solve, a.detach(), factor, tol=1e-3)


@pytest.mark.parametrize("shape", [(3,), (), (2, 3), (0, 3)])
@pytest.mark.parametrize("name", ["linalg.cholesky", "linalg.cholesky_ex", "cholesky_inverse"])
def test_what_is_no_square_matrix(name, shape):
    op, reference = (lucid, torch)
    for part in name.split("."):
        op, reference = getattr(op, part), getattr(reference, part)
    check_error(op, reference, torch.ones(shape))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_dtypes_that_are_refused(dtype):
    a = torch.eye(2).to(dtype)
    for name in ("cholesky", "cholesky_inverse"):
        check_error(getattr(lucid, name), getattr(torch, name), a)
    for name in ("cholesky", "cholesky_ex"):
        check_error(getattr(lucid.linalg, name), getattr(torch.linalg, name), a)
    check_error(lucid.cholesky_solve, torch.cholesky_solve, a, a)


def test_what_is_not_positive():
    bad = torch.eye(3).repeat(4, 1, 1)
    bad[2, 1, 1] = -1.0
    check_error(lucid.linalg.cholesky, torch.linalg.cholesky, bad)
    check_error(lucid.cholesky, torch.cholesky, bad[2])
    check_error(lucid.linalg.cholesky_ex, torch.linalg.cholesky_ex, bad, check_errors=True)
    check_error(lucid.cholesky_inverse, torch.cholesky_inverse, torch.zeros(2, 2))
    want = torch.linalg.cholesky_ex(bad)
    assert lucid.linalg.cholesky_ex(to_lucid(bad)).info.tolist() == want.info.tolist() == [0, 0, 2, 0]


def test_shapes_that_do_not_fit():
    eye = torch.eye(3)
    for b, factor in ((torch.ones(3), eye), (torch.ones(4, 1), eye), (eye, torch.ones(3, 2)), (eye.double(), eye)):
        check_error(lucid.cholesky_solve, torch.cholesky_solve, b, factor)
    check_both(lucid.cholesky_solve, torch.cholesky_solve, torch.ones(2, 3, 1), torch.ones(3, 3, 3))
