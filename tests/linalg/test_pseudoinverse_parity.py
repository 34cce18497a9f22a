"""Pseudoinverse, rank, condition and least squares, held against PyTorch."""

from __future__ import annotations

import functools
import math

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 0), (0, 3), (3, 0), (0, 3, 2), (2, 0, 3), (1, 1)]


def make(*shape, dtype=torch.float64):
    torch.manual_seed(sum(shape) + 10 * len(shape))
    return torch.randn(shape, dtype=dtype).requires_grad_()


def tolerance(dtype):
    return 1e-9 if dtype is torch.float64 else 2e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("shape", SHAPES)
def test_pinv(shape, dtype):
    x = make(*shape, dtype=dtype)
    for rtol in (None, 0.3):
        check_op(
            lucid.linalg.pinv, torch.linalg.pinv, x, rtol=rtol, tol=tolerance(dtype), second=dtype is torch.float64
        )
    check_op(lucid.pinverse, torch.pinverse, x, tol=tolerance(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (0, 0), (0, 3, 3)])
def test_pinv_of_hermitian_matrices(shape, dtype):
    check_op(
        lambda a: lucid.linalg.pinv(a + a.mH, hermitian=True),
        lambda a: torch.linalg.pinv(a + a.mH, hermitian=True),
        make(*shape, dtype=dtype),
        tol=tolerance(dtype),
        second=dtype is torch.float64,
    )


def test_pinv_of_matrices_without_full_rank():
    x = make(4, 2).detach() @ make(2, 3).detach()
    check_op(lucid.linalg.pinv, torch.linalg.pinv, x.requires_grad_(), tol=1e-8, second=True)
    check_op(lucid.linalg.pinv, torch.linalg.pinv, torch.zeros(3, 2, requires_grad=True))


@pytest.mark.parametrize(
    "options",
    [
        {"atol": 0.5},
        {"atol": 100.0},
        {"atol": 0.5, "rtol": 0.1},
        {"atol": 0},
        {"rtol": 1},
        {"atol": torch.tensor([0.0, 1.5])},
        {"atol": torch.tensor([0.0, 1.5]), "rtol": torch.tensor(0.2)},
        {"rtol": torch.tensor(1j)},
    ],
)
@pytest.mark.parametrize("hermitian", [False, True])
def test_tolerances(options, hermitian):
    x = make(2, 3, 3)
    for name in ("pinv", "matrix_rank"):
        op, reference = getattr(lucid.linalg, name), getattr(torch.linalg, name)
        check_both(op, reference, x.detach(), hermitian=hermitian, tol=1e-9, **options)


@pytest.mark.filterwarnings("ignore")
def test_tolerances_broadcast():
    x = make(2, 3, 3).detach()
    check_op(lucid.linalg.pinv, torch.linalg.pinv, x, rtol=torch.tensor([[0.1], [0.9], [0.0]]), tol=1e-9)
    check_op(lucid.linalg.matrix_rank, torch.linalg.matrix_rank, x[0], rtol=torch.tensor([0.1, 0.9, 0.0]))


def test_the_older_names_of_tolerances():
    x = make(3, 3).detach()
    check_op(lucid.linalg.pinv, torch.linalg.pinv, x, 0.4)
    check_op(lucid.linalg.pinv, torch.linalg.pinv, x, rcond=torch.tensor(0.4))
    check_op(lucid.linalg.pinv, torch.linalg.pinv, x, 0.4, True)
    check_error(lucid.linalg.pinv, torch.linalg.pinv, x, rcond=0.4, rtol=0.1)
    check_op(lucid.linalg.matrix_rank, torch.linalg.matrix_rank, x, 0.9)
    check_op(lucid.linalg.matrix_rank, torch.linalg.matrix_rank, x, tol=torch.tensor(0.9), hermitian=True)
    check_op(lucid.pinverse, torch.pinverse, x, rcond=0.4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("shape", SHAPES)
def test_matrix_rank(shape, dtype):
    x = make(*shape, dtype=dtype).detach()
    check_op(lucid.linalg.matrix_rank, torch.linalg.matrix_rank, x)
    check_op(lucid.linalg.matrix_rank, torch.linalg.matrix_rank, torch.ones_like(x))
    place = lucid.empty(0, dtype=lucid.int64)
    assert lucid.linalg.matrix_rank(to_lucid(x), out=place) is place


@pytest.mark.parametrize("p", [None, 2, -2, "fro", "nuc", 1, -1, math.inf, -math.inf, 3, "x"])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 3), (2, 0, 0), (3,), ()])
def test_cond(shape, p):
    x = make(*shape)
    if p not in (None, 2, -2):
        x = x.detach()  # PyTorch's own gradient fails: it overwrites a part of the inverse
    smooth = x.requires_grad and 0 not in shape and len(shape) > 1
    check_both(lucid.linalg.cond, torch.linalg.cond, x, p, tol=1e-7, second=smooth)


@pytest.mark.parametrize("p", ["fro", "nuc", 1, -1, math.inf, -math.inf])
def test_the_gradient_of_cond(p):
    def cond(a):
        norm = torch.linalg.matrix_norm
        return norm(a, p) * norm(torch.linalg.inv(a), p)

    check_op(lambda a: lucid.linalg.cond(a, p), cond, make(2, 3, 3), tol=1e-7, second=True)


@pytest.mark.parametrize("p", ["fro", 1, -1, math.inf, -math.inf])
def test_cond_of_singular_matrices(p):
    check_op(lucid.linalg.cond, torch.linalg.cond, torch.stack([torch.zeros(3, 3), torch.eye(3)]), p)


@pytest.mark.parametrize("name", ["pinv", "matrix_rank", "cond"])
def test_what_is_refused(name):
    op, reference = getattr(lucid.linalg, name), getattr(torch.linalg, name)
    for dtype in (torch.int64, torch.bool, torch.float16, torch.bfloat16):
        check_error(op, reference, torch.eye(3).to(dtype))
    for shape in ((), (3,)):
        check_error(op, reference, torch.ones(shape))
    if name != "cond":
        check_error(op, reference, torch.ones(2, 3), hermitian=True)


# ---- least squares ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 3), (4, 2)),
        ((3, 4), (3, 1)),
        ((3, 3), (3, 2)),
        ((2, 4, 3), (2, 4, 2)),
        ((4, 3), (4,)),
        ((2, 4, 3), (2, 4)),
        ((1, 4, 3), (2, 4, 2)),
        ((2, 4, 3), (1, 4, 2)),
        ((0, 4, 3), (0, 4, 2)),
        ((0, 0), (0, 2)),
    ],
)
def test_lstsq(a, b, dtype, driver):
    solve = functools.partial(lucid.linalg.lstsq, driver=driver), functools.partial(torch.linalg.lstsq, driver=driver)
    check_op(*solve, make(*a, dtype=dtype), make(*b, dtype=dtype), tol=tolerance(dtype))


@pytest.mark.parametrize("driver", ["gelsy", "gelsd", "gelss"])
def test_lstsq_without_full_rank(driver):
    a = torch.stack([torch.ones(4, 3), torch.zeros(4, 3), torch.randn(4, 3)]).double()
    for rcond in (None, 1e-6):
        check_op(lucid.linalg.lstsq, torch.linalg.lstsq, a, make(3, 4, 2).detach(), rcond, driver=driver, tol=1e-9)


def test_lstsq_gradients():
    for shape in ((4, 3), (3, 4), (3, 3)):
        check_op(
            lambda a, b: lucid.linalg.lstsq(a, b).solution,
            lambda a, b: torch.linalg.lstsq(a, b).solution,
            make(*shape),
            make(shape[0], 2),
            tol=1e-7,
            second=True,
        )


def test_lstsq_refuses():
    a = torch.ones(4, 3)
    for b in (torch.ones(3), torch.ones(()), torch.ones(4, 1).double(), torch.ones(2, 4, 1), torch.ones(4, 1).int()):
        check_error(lucid.linalg.lstsq, torch.linalg.lstsq, a, b)
    check_error(lucid.linalg.lstsq, torch.linalg.lstsq, torch.ones(2, 4, 3), torch.ones(4, 2))
    check_error(lucid.linalg.lstsq, torch.linalg.lstsq, a, torch.ones(4, 1), driver="x")
    check_error(lucid.linalg.lstsq, torch.linalg.lstsq, a.half(), torch.ones(4, 1).half())
    check_error(lucid.linalg.lstsq, torch.linalg.lstsq, torch.ones(4), torch.ones(4))


def test_lstsq_out():
    a, b = make(4, 3).detach(), make(4, 2).detach()
    places = tuple(lucid.empty(0, dtype=d) for d in (lucid.float64, lucid.float64, lucid.int64, lucid.float64))
    found = lucid.linalg.lstsq(to_lucid(a), to_lucid(b), driver="gelsd", out=places)
    assert all(f is p for f, p in zip(found, places, strict=True))
    assert_same(found, tuple(torch.linalg.lstsq(a, b, driver="gelsd")), 1e-9)
