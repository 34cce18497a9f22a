"""Inverses and systems of equations, against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:torch.*deprecated")]

import lucid
from tests.checks import check_both, check_error, check_op, to_lucid

linalg, reference = lucid.linalg, torch.linalg


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def regular(*shape, dtype=torch.float64):
    with torch.no_grad():
        a = normal(*shape, dtype=dtype) + 3 * torch.eye(shape[-1], dtype=dtype)
    return a.requires_grad_()


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3), (0, 0), (0, 2, 2), (2, 0, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_inv(shape, dtype):
    a, tol = regular(*shape, dtype=dtype), 1e-4 if dtype is not torch.float64 else 1e-9
    check_op(linalg.inv, reference.inv, a, tol=tol)
    check_op(linalg.inv_ex, reference.inv_ex, a, tol=tol)
    check_op(lucid.inverse, torch.inverse, a, tol=tol)


def test_second_gradients():
    a, b = regular(2, 3, 3), normal(3, 2)
    check_op(linalg.inv, reference.inv, a, second=True)
    check_op(linalg.solve, reference.solve, a, b, second=True)
    check_op(linalg.solve, reference.solve, a, normal(4, 3), left=False, second=True)
    for upper in (False, True):
        check_op(linalg.solve_triangular, reference.solve_triangular, a, b, upper=upper, second=True)


def test_views_and_transposes():
    a = regular(3, 3).detach()
    check_op(linalg.inv, reference.inv, a.mT)
    check_op(linalg.solve, reference.solve, a.mT, normal(2, 3).mT)
    check_op(linalg.inv, reference.inv, a.expand(2, 3, 3))


# A, B and whether B counts as vectors follows from the shapes alone
SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((3, 3), (3, 3)),
    ((2, 3, 3), (2, 3)),
    ((2, 3, 3), (3,)),
    ((2, 3, 3), (3, 3)),
    ((3, 3), (2, 3, 1)),
    ((2, 1, 3, 3), (4, 3, 2)),
    ((2, 3, 3), (2, 3, 0)),
    ((0, 0), (0,)),
    ((0, 0), (0, 2)),
    ((0, 3, 3), (0, 3)),
    ((0, 3, 3), (3, 2)),
    ((2, 3, 3), (3, 3, 3)),
    ((2, 3, 3), (4,)),
    ((3, 3), ()),
    ((3, 2), (3,)),
    ((3,), (3,)),
    ((1, 1), (1,)),
    ((1, 3, 3), (1, 3)),
]


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("shapes", SYSTEMS, ids=str)
def test_solve(shapes, left):
    a = regular(*shapes[0]) if len(shapes[0]) > 1 and shapes[0][-1] == shapes[0][-2] else normal(*shapes[0])
    b = normal(*shapes[1], seed=1)
    check_both(linalg.solve, reference.solve, a, b, left=left)
    check_both(linalg.solve_ex, reference.solve_ex, a, b, left=left)


@pytest.mark.parametrize("unitriangular", [True, False])
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("shapes", [s for s in SYSTEMS if len(s[1]) != 1], ids=str)
def test_solve_triangular(shapes, upper, left, unitriangular):
    a = regular(*shapes[0]) if len(shapes[0]) > 1 and shapes[0][-1] == shapes[0][-2] else normal(*shapes[0])
    options = {"upper": upper, "left": left, "unitriangular": unitriangular}
    check_both(linalg.solve_triangular, reference.solve_triangular, a, normal(*shapes[1], seed=1), **options)


@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("upper", [True, False])
def test_triangular_solve(upper, transpose):
    for dtype in (torch.float64, torch.complex64):
        a, b = regular(2, 3, 3, dtype=dtype), normal(3, 2, dtype=dtype)
        check_op(lucid.triangular_solve, torch.triangular_solve, b, a, upper, transpose, tol=1e-4)
    check_op(lucid.triangular_solve, torch.triangular_solve, b, a, upper=upper, unitriangular=True, tol=1e-3)


def test_complex_systems():
    a, b = regular(2, 3, 3, dtype=torch.complex64), normal(3, 2, dtype=torch.complex64)
    check_op(linalg.solve, reference.solve, a, b, tol=1e-4)
    check_op(linalg.solve_triangular, reference.solve_triangular, a, b, upper=True, tol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_dtypes_that_are_refused(dtype):
    a = torch.eye(2).to(dtype)
    check_error(linalg.inv, reference.inv, a)
    check_error(linalg.inv_ex, reference.inv_ex, a)
    check_error(linalg.solve, reference.solve, a, a)
    check_error(linalg.solve_triangular, reference.solve_triangular, a, a, upper=True)
    check_error(lucid.triangular_solve, torch.triangular_solve, a, a)


def test_two_dtypes():
    a = torch.eye(2)
    check_error(linalg.solve, reference.solve, a, a.double())
    check_error(lucid.triangular_solve, torch.triangular_solve, a, a.double())


def test_singular_matrices():
    bad = torch.eye(3).repeat(2, 1, 1)
    bad[1, 2, 2] = 0.0
    check_error(linalg.inv, reference.inv, bad)
    check_error(linalg.inv_ex, reference.inv_ex, bad, check_errors=True)
    check_error(linalg.solve, reference.solve, bad, torch.ones(3))
    check_error(linalg.solve_ex, reference.solve_ex, bad, torch.ones(3), check_errors=True)
    assert linalg.inv_ex(to_lucid(bad)).info.tolist() == reference.inv_ex(bad).info.tolist() == [0, 3]
    assert linalg.solve_ex(to_lucid(bad), lucid.ones(3)).info.tolist() == [0, 3]


def test_out():
    a = regular(3, 3, dtype=torch.float32).detach()
    mine, out = to_lucid(a), lucid.empty(0)
    assert linalg.inv(mine, out=out) is out
    assert linalg.solve(mine, mine, out=out) is out
    assert lucid.allclose(out, lucid.eye(3), atol=1e-5)
    pair = (lucid.empty(0), lucid.empty(0, dtype=lucid.int32))
    assert all(g is w for g, w in zip(linalg.inv_ex(mine, out=pair), pair, strict=True))
    with pytest.raises(RuntimeError):
        linalg.inv(mine, out=lucid.empty(3, 3, dtype=lucid.int64))
    with pytest.raises(TypeError):
        linalg.inv_ex(mine, out=pair[:1])


TENSORS = [((4, 6, 8, 3), 2), ((2, 3, 6), 2), ((6, 2, 3), 1), ((4, 4), 1), ((4, 4), 0), ((4, 4), 2), ((3, 4), 1)]


@pytest.mark.parametrize(("shape", "ind"), TENSORS)
def test_tensorinv(shape, ind):
    check_both(linalg.tensorinv, reference.tensorinv, normal(*shape), ind=ind)


@pytest.mark.parametrize(
    ("a", "b", "dims"),
    [
        ((2, 3, 6), (2, 3), None),
        ((6, 4, 3, 2, 4), (4, 3, 2), (0, 2)),
        ((3, 4, 4, 3), (3, 4), (0, 1)),
        ((3, 3), (3,), None),
        ((3, 4, 4), (3,), None),
        ((3, 3), (3,), (5,)),
    ],
)
def test_tensorsolve(a, b, dims):
    check_both(linalg.tensorsolve, reference.tensorsolve, normal(*a), normal(*b, seed=1), dims=dims)
