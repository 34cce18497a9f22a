"""Norms of vectors and matrices, held against PyTorch."""

from __future__ import annotations

import functools
import math

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

INF = math.inf
ORDERS = (0, 1, 2, 3, 0.5, -1, -2, -0.5, INF, -INF)
MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, INF, -INF)
DTYPES = (torch.float32, torch.float64, torch.complex64, torch.float16, torch.bfloat16)


def make(*shape, dtype=torch.float64, grad=True):
    torch.manual_seed(sum(shape) + len(shape))
    return (
        torch.randn(shape, dtype=torch.complex64 if dtype is torch.complex64 else torch.float64)
        .to(dtype)
        .requires_grad_(grad)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), (-1, 1), (), (0, 1, 2)])
def test_vector_norm_over_dimensions(order, dim):
    for keepdim in (False, True):
        check_op(lucid.linalg.vector_norm, torch.linalg.vector_norm, make(2, 3, 4), order, dim, keepdim)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_vector_norm_of_dtypes(order, dtype):
    rough = {torch.float16: 3e-3, torch.bfloat16: 3e-2}.get(dtype)
    check_op(lucid.linalg.vector_norm, torch.linalg.vector_norm, make(3, 4, dtype=dtype), order, tol=rough)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (3, 0)])
def test_vector_norm_of_few_elements(order, shape):
    check_both(lucid.linalg.vector_norm, torch.linalg.vector_norm, make(*shape), order)
    if shape:
        check_both(lucid.linalg.vector_norm, torch.linalg.vector_norm, make(*shape), order, 0)


@pytest.mark.parametrize("order", MATRIX_ORDERS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 3, 4), (0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 3, 3), (1, 1)])
def test_matrix_norm(order, shape):
    for keepdim in (False, True):
        check_both(lucid.linalg.matrix_norm, torch.linalg.matrix_norm, make(*shape), order, keepdim=keepdim)


@pytest.mark.parametrize("order", MATRIX_ORDERS)
@pytest.mark.parametrize("dim", [(0, 1), (1, 0), (-1, 0), (2, -2), [0, 2]])
def test_matrix_norm_of_dimensions(order, dim):
    for keepdim in (False, True):
        check_op(lucid.linalg.matrix_norm, torch.linalg.matrix_norm, make(3, 4, 2), order, dim, keepdim, second=True)


@pytest.mark.parametrize("order", MATRIX_ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_matrix_norm_of_dtypes(order, dtype):
    rough = {torch.float16: 3e-3, torch.bfloat16: 3e-2}.get(dtype)
    check_both(lucid.linalg.matrix_norm, torch.linalg.matrix_norm, make(3, 4, dtype=dtype), order, tol=rough)


@pytest.mark.parametrize("order", [*MATRIX_ORDERS, None, 0, 3, "x", True])
@pytest.mark.parametrize(
    ("shape", "dim"), [((3,), None), ((3, 4), None), ((2, 3, 4), None), ((), None), ((2, 3, 4), 1), ((2, 3, 4), (0, 2))]
)
def test_norm(order, shape, dim):
    check_both(lucid.linalg.norm, torch.linalg.norm, make(*shape), order, dim)


@pytest.mark.parametrize("p", ["fro", "nuc", None, 0, 1, 2, INF, -INF, 2.5])
@pytest.mark.parametrize("dim", [None, 0, (0, 1), (1,)])
def test_top_level_norm(p, dim):
    check_both(lucid.norm, torch.norm, make(3, 4), p, dim)


@pytest.mark.filterwarnings("ignore")
def test_nuclear_and_frobenius_norm():
    for dim in ((0, 1), (2, 0), (0,), (0, 1, 2)):
        check_both(lucid.nuclear_norm, torch.nuclear_norm, make(3, 4, 2), dim, True)
        check_both(lucid.frobenius_norm, torch.frobenius_norm, make(3, 4, 2), dim, True)
    check_op(lucid.nuclear_norm, torch.nuclear_norm, make(3, 4))
    check_op(lucid.frobenius_norm, torch.frobenius_norm, make(3, 4), 1)


@pytest.mark.parametrize("order", [*ORDERS, "fro"])
def test_the_gradient_at_zero_is_that_of_pytorch(order):
    x = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    op, reference = lucid.linalg.matrix_norm, torch.linalg.matrix_norm
    if order != "fro":
        op, reference = lucid.linalg.vector_norm, torch.linalg.vector_norm
    check_op(op, reference, x, order)


@pytest.mark.parametrize("order", [1, -1, INF, -INF])
def test_ties_share_the_gradient(order):
    x = torch.tensor([[1.0, -2.0], [2.0, 1.0], [0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    check_op(lucid.linalg.vector_norm, torch.linalg.vector_norm, x, order)
    check_op(lucid.linalg.matrix_norm, torch.linalg.matrix_norm, x, order)


@pytest.mark.parametrize("name", ["vector_norm", "matrix_norm", "norm"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.complex64, torch.int32])
def test_the_dtype_argument(name, dtype):
    op, reference = getattr(lucid.linalg, name), getattr(torch.linalg, name)
    for given in (torch.float16, torch.float32, torch.float64, torch.complex64):
        check_both(op, reference, make(3, 4, dtype=given), dtype=dtype, tol=3e-3)
    check_error(op, reference, torch.ones(2, 2, dtype=torch.int64), dtype=dtype)


@pytest.mark.parametrize("order", [2, 1, "nuc"])
def test_out(order):
    x = make(3, 4, dtype=torch.float32, grad=False)
    place = lucid.empty(0)
    assert lucid.linalg.norm(to_lucid(x), order, out=place) is place
    assert_same(place, torch.linalg.norm(x, order))
    with pytest.raises(RuntimeError, match="dtype"):
        lucid.linalg.norm(to_lucid(x), order, out=lucid.empty(0, dtype=lucid.float64))


def test_other_spellings():
    x = make(3, 4)
    check_op(lucid.linalg.norm, torch.linalg.norm, x=x, axis=1, keepdims=True)
    check_op(lucid.linalg.vector_norm, torch.linalg.vector_norm, input=x, ord=3, dim=-1)
    check_op(lucid.linalg.matrix_norm, torch.linalg.matrix_norm, x.mT, ord="nuc", dim=(-1, -2))


def test_what_is_refused():
    x = make(2, 3, 4)
    for name in ("vector_norm", "matrix_norm", "norm"):
        check = functools.partial(check_both, getattr(lucid.linalg, name), getattr(torch.linalg, name))
        for dim in ((0, 0), (0, 5), (0, 1, 2), (), (1,), 7):
            check(x, dim=dim)
            check(x, 1, dim)
        check(torch.ones(2, 2, dtype=torch.bool))
        check(torch.ones(3))
        check(torch.ones(()))
