"""LU factors and determinants, against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:torch.*deprecated")]

import lucid
from tests.checks import check_both, check_error, check_op, to_lucid
from tests.linalg.samples import SHAPES, normal

linalg, reference = lucid.linalg, torch.linalg
TOLERANCE = {torch.float32: 2e-4, torch.complex64: 2e-4, torch.float64: 1e-8}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_factors(shape, dtype):
    a, tol = normal(*shape, dtype=dtype), TOLERANCE[dtype]
    check_op(linalg.lu_factor, reference.lu_factor, a, tol=tol)
    check_op(linalg.lu_factor_ex, reference.lu_factor_ex, a, tol=tol)
    check_op(linalg.lu, reference.lu, a, tol=tol)
    check_op(lucid.lu, lambda x: tuple(torch.lu(x)), a, tol=tol)
    check_op(lambda x: lucid.lu(x, get_infos=True), lambda x: tuple(torch.lu(x, get_infos=True)), a, tol=tol)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)], ids=str)
def test_second_gradients_of_the_factors(shape):
    check_op(linalg.lu_factor, reference.lu_factor, normal(*shape, seed=3), second=True)
    check_op(linalg.lu, reference.lu, normal(*shape, seed=3), second=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("data", [True, False])
@pytest.mark.parametrize("pivots", [True, False])
def test_lu_unpack(shape, data, pivots):
    packed, swaps, _ = reference.lu_factor_ex(normal(*shape))
    derive = data and pivots and packed.numel() > 0  # PyTorch's own backward fails without
    packed = packed.detach().requires_grad_(derive)
    check_op(lucid.lu_unpack, torch.lu_unpack, packed, swaps, data, pivots)


def test_lu_unpack_of_other_dtypes():
    swaps = torch.tensor([2, 2], dtype=torch.int32)
    for dtype in (torch.int64, torch.float16):
        check_op(lucid.lu_unpack, torch.lu_unpack, torch.tensor([[4, 3], [2, 1]], dtype=dtype), swaps)


@pytest.mark.parametrize("adjoint", [True, False])
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_lu_solve(dtype, left, adjoint):
    for batch, other in (((), ()), ((2,), ()), ((), (2,)), ((2, 1), (3,)), ((0,), ())):
        packed, swaps = reference.lu_factor(normal(*batch, 3, 3, dtype=dtype))
        b = normal(*other, *((3, 2) if left else (2, 3)), dtype=dtype, seed=1)
        options = {"left": left, "adjoint": adjoint, "tol": 5e-3 if dtype is not torch.float64 else 1e-8}
        packed = packed.detach().requires_grad_()
        check_op(linalg.lu_solve, reference.lu_solve, packed, swaps, b, **options)


def test_lu_solve_at_the_top_level():
    packed, swaps = torch.lu(normal(3, 3))
    check_op(lucid.lu_solve, torch.lu_solve, normal(3, 2), packed.detach(), swaps, second=True)


def test_what_lu_refuses():
    a = torch.eye(3)
    for op, other in ((linalg.lu_factor, reference.lu_factor), (linalg.lu, reference.lu)):
        for dtype in (torch.float16, torch.int64, torch.bool):
            check_error(op, other, a.to(dtype))
        check_error(op, other, torch.ones(3))
        check_error(op, other, a, pivot=False)
    check_error(linalg.lu_factor, reference.lu_factor, torch.zeros(2, 3, 3))
    check_error(linalg.lu_factor_ex, reference.lu_factor_ex, torch.zeros(3, 3), check_errors=True)
    for pivots in ([1, 1, 4], [0, 1, 1]):
        check_error(lucid.lu_unpack, torch.lu_unpack, a, torch.tensor(pivots, dtype=torch.int32))
    with pytest.raises(RuntimeError):  # PyTorch reads beyond the end of pivots that are too few: it raises or not
        lucid.lu_unpack(lucid.eye(3), lucid.tensor([1, 1], dtype=lucid.int32))
    for pivots in ([0, 1, 1], [1, 1]):  # PyTorch writes out of bounds for those that are too large
        check_error(linalg.lu_solve, reference.lu_solve, a, torch.tensor(pivots, dtype=torch.int32), a)
    check_error(lucid.lu_unpack, torch.lu_unpack, a, torch.tensor([1, 2, 3]))
    swaps = torch.tensor([1, 2, 3], dtype=torch.int32)
    for b in (torch.ones(4, 2), torch.ones(3), a.double()):
        check_error(linalg.lu_solve, reference.lu_solve, a, swaps, b)


def test_singular_factors():
    a = torch.tensor([[[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]]])
    check_op(linalg.lu_factor_ex, reference.lu_factor_ex, a)
    check_op(linalg.lu, reference.lu, a)


# ---- determinants ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3), (0, 0), (0, 2, 2), (2, 0, 0)], ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_determinants(shape, dtype):
    a, tol = normal(*shape, dtype=dtype), TOLERANCE[dtype]
    check_op(linalg.det, reference.det, a, tol=tol)
    check_op(lucid.det, torch.det, a, tol=tol)
    check_op(linalg.slogdet, reference.slogdet, a, tol=10 * tol)
    check_op(lucid.slogdet, torch.slogdet, a, tol=10 * tol)
    check_op(lucid.logdet, torch.logdet, a, tol=10 * tol)


def test_second_gradients_of_determinants():
    for shape in ((2, 2), (2, 3, 3)):
        check_op(linalg.det, reference.det, normal(*shape), second=True)
        check_op(linalg.slogdet, reference.slogdet, normal(*shape), second=True)


def test_determinants_of_singular_matrices():
    for a in ([[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]):
        a = torch.tensor(a, dtype=torch.float64)
        check_op(linalg.det, reference.det, a)
        check_op(linalg.slogdet, reference.slogdet, a)
        check_op(lucid.logdet, torch.logdet, a)
        # PyTorch has 0 for the gradient, unless it is to be derived again.
        x = a.clone().requires_grad_()
        (want,) = torch.autograd.grad(reference.det(x), x, create_graph=True)
        y = to_lucid(a).requires_grad_()
        linalg.det(y).backward()
        assert lucid.allclose(y.grad, to_lucid(want.detach()))


@pytest.mark.parametrize("name", ["det", "slogdet", "logdet"])
def test_what_determinants_refuse(name):
    op, other = getattr(lucid, name), getattr(torch, name)
    for a in (
        torch.ones(2, 3),
        torch.ones(3),
        torch.tensor(1.0),
        *(torch.eye(2).to(d) for d in (torch.half, torch.int)),
    ):
        check_error(op, other, a)
    check_both(op, other, -torch.eye(3))
