"""Powers, exponentials and products, held against PyTorch."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

SQUARE = [(3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 3, 3), (2, 0, 0)]


def make(*shape, dtype=torch.float64, scale=1.0):
    torch.manual_seed(sum(shape) + 10 * len(shape))
    if not dtype.is_floating_point and not dtype.is_complex:
        return torch.randint(-3, 4, shape).to(dtype)
    return (torch.randn(shape, dtype=dtype) * scale).requires_grad_()


# ---- powers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, -1, -2, -3])
@pytest.mark.parametrize("shape", SQUARE)
def test_matrix_power(shape, n):
    check_op(lucid.linalg.matrix_power, torch.linalg.matrix_power, make(*shape), n, tol=1e-7, second=True)


@pytest.mark.parametrize("n", [0, 1, 3, -2, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.int64, torch.int32, torch.uint8])
def test_matrix_power_of_dtypes(dtype, n):
    check_both(lucid.matrix_power, torch.matrix_power, make(3, 3, dtype=dtype), n, tol=1e-3)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.3, 1.0, 5.0, 30.0])
@pytest.mark.parametrize("shape", SQUARE)
def test_matrix_exp(shape, scale):
    x = make(*shape, scale=scale)
    size = max(1.0, float(torch.linalg.matrix_exp(x.detach()).abs().amax())) if x.numel() else 1.0
    check_op(
        lambda a: lucid.linalg.matrix_exp(a) / size,
        lambda a: torch.linalg.matrix_exp(a) / size,
        x,
        tol=1e-11 * max(scale, 1),
        second=scale <= 1,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_matrix_exp_of_dtypes(dtype):
    for scale in (0.1, 1.0, 3.0):
        x = make(2, 4, 4, dtype=dtype, scale=scale)
        size = float(torch.linalg.matrix_exp(x.detach()).abs().amax())
        check_op(lambda a: lucid.matrix_exp(a) / size, lambda a: torch.matrix_exp(a) / size, x, tol=3e-5)  # noqa: B023


def test_matrix_exp_at_its_limits():
    for value in (0.0, -1e6, 700.0, -1e3):
        x = torch.tensor([[value]], dtype=torch.float64)
        assert_same(lucid.matrix_exp(to_lucid(x)), torch.exp(x), 1e-9)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    for angle in (math.pi, 20 * math.pi, 1000.0):
        want = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()
        assert_same(lucid.matrix_exp(to_lucid(turn * angle)), want, 1e-7)
    for wrong in (math.nan, math.inf):
        x = torch.stack([torch.eye(2), torch.full((2, 2), wrong)])
        check_op(lucid.matrix_exp, torch.matrix_exp, x, tol=1e-6)
    half = make(3, 3).detach().half()
    assert_same(lucid.matrix_exp(to_lucid(half)), torch.matrix_exp(half.float()).half(), 2e-3)


@pytest.mark.parametrize("name", ["matrix_exp", "matrix_power"])
def test_what_powers_refuse(name):
    op, reference = getattr(lucid.linalg, name), getattr(torch.linalg, name)
    rest = (2,) if name == "matrix_power" else ()
    for shape in ((), (3,), (2, 3), (0, 3)):
        check_error(op, reference, torch.ones(shape), *rest)
    if name == "matrix_exp":
        for dtype in (torch.int64, torch.bool):
            check_error(op, reference, torch.ones(2, 2, dtype=dtype))


# ---- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.int64, torch.uint8])
@pytest.mark.parametrize(
    ("a", "b", "dim"),
    [
        ((3,), (3,), -1),
        ((2, 3), (2, 3), -1),
        ((2, 3), (1, 3), 1),
        ((3, 4), (3, 1), 0),
        ((2, 3, 4), (2, 3, 4), -2),
        ((0, 3), (0, 3), -1),
        ((2, 3), (2, 3), 0),
        ((2, 3), (2, 3), 5),
        ((3,), (2, 3), -1),
        ((2, 3), (4, 3), -1),
        ((), (), -1),
    ],
)
def test_cross(a, b, dim, dtype):
    x, y = make(*a, dtype=dtype), make(*b, dtype=dtype)
    check_both(lucid.linalg.cross, torch.linalg.cross, x, y, dim=dim, tol=1e-4)
    check_both(lucid.cross, torch.cross, x, y, dim, tol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(3,), (3, 3), (2, 3, 3), (4, 2), (2, 4, 3)])
def test_cross_finds_its_dimension(shape):
    check_both(lucid.cross, torch.cross, make(*shape), make(*shape))


def test_cross_refuses():
    check_error(lucid.linalg.cross, torch.linalg.cross, torch.ones(3), torch.ones(3).double())
    check_error(lucid.linalg.cross, torch.linalg.cross, torch.ones(3).bool(), torch.ones(3).bool())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("dim", [-1, 0, 1, 3])
@pytest.mark.parametrize(
    ("a", "b"),
    [((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (2, 3)), ((0, 3), (0, 3)), ((3, 0), (3, 0)), ((), ())],
)
def test_vecdot(a, b, dim, dtype):
    if len(a) == 1 and dim > 0:
        dim = 0  # PyTorch does not look at the dimension of two vectors
    check_both(lucid.linalg.vecdot, torch.linalg.vecdot, make(*a, dtype=dtype), make(*b, dtype=dtype), dim=dim)


def test_vecdot_refuses():
    for x, y in ((torch.ones(3), torch.ones(2)), (torch.ones(3), torch.ones(3).double()), (torch.ones(3).int(),) * 2):
        check_error(lucid.linalg.vecdot, torch.linalg.vecdot, x, y)
    check_op(lucid.linalg.vecdot, torch.linalg.vecdot, x=torch.ones(3), y=torch.ones(3))


@pytest.mark.parametrize("n", [None, 0, 1, 2, 5, 9, -1, 2.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.int32, torch.uint8])
@pytest.mark.parametrize("shape", [(3,), (2, 4), (1,), (0,), (0, 3), ()])
def test_vander(shape, dtype, n):
    x = make(*shape, dtype=dtype)
    plain = x.detach()  # PyTorch's own gradient fails: it writes the ones in place
    check_both(lucid.linalg.vander, torch.linalg.vander, plain, N=n, tol=1e-3)
    for increasing in (False, True):
        check_both(lucid.vander, torch.vander, plain, n, increasing, tol=1e-3)


def test_vander_at_zero_and_of_other_dtypes():
    x = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
    check_op(lambda a: lucid.linalg.vander(a, N=5), lambda a: torch.stack([a**k for k in range(5)], -1), x, second=True)
    for dtype in (torch.bool, torch.float16):
        check_error(lucid.linalg.vander, torch.linalg.vander, torch.ones(3, dtype=dtype))
        check_op(lucid.vander, torch.vander, torch.ones(3, dtype=dtype))


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3), (3, 4)],
        [(2, 3), (3, 4), (4, 5)],
        [(10, 2), (2, 8), (8, 1), (1, 5)],
        [(3,), (3, 4), (4,)],
        [(3,), (3,)],
        [(2, 3), (3,)],
        [(2, 0), (0, 3)],
        [(2, 3)],
        [(2, 3), (2, 3)],
        [(2, 3), (3,), (3, 2)],
        [(1, 2, 3), (3, 2)],
        [],
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.int64])
def test_multi_dot(shapes, dtype):
    tensors = [make(*s, dtype=dtype) for s in shapes]
    check_both(lucid.linalg.multi_dot, torch.linalg.multi_dot, tensors, tol=1e-4, second=dtype is torch.float64)


def test_multi_dot_refuses():
    check_error(lucid.linalg.multi_dot, torch.linalg.multi_dot, [torch.ones(2, 2), torch.ones(2, 2).double()])
    check_error(lucid.linalg.multi_dot, torch.linalg.multi_dot, torch.ones(2, 2, 2))


def test_diagonal_and_matmul():
    x = make(2, 3, 4)
    for offset in (0, 1, -2, 5):
        check_op(lucid.linalg.diagonal, torch.linalg.diagonal, x, offset=offset)
        check_op(lucid.linalg.diagonal, torch.linalg.diagonal, A=x, offset=offset, dim1=0, dim2=-1)
    check_error(lucid.linalg.diagonal, torch.linalg.diagonal, torch.ones(3))
    check_op(lucid.linalg.matmul, torch.linalg.matmul, x, make(2, 4, 3))
    y = to_lucid(x.detach())
    lucid.linalg.diagonal(y).zero_()
    assert float(y[1, 2, 2]) == 0


@pytest.mark.parametrize("name", ["matrix_power", "cross", "vecdot", "multi_dot"])
def test_out(name):
    x = make(3, 3, dtype=torch.float32).detach()
    args = {"matrix_power": (x, 3), "cross": (x, x + 1), "vecdot": (x, x), "multi_dot": ([x, x, x],)}[name]
    place = lucid.empty(0)
    assert getattr(lucid.linalg, name)(*to_lucid(args), out=place) is place
    assert_same(place, getattr(torch.linalg, name)(*args), 1e-4)
    with pytest.raises(RuntimeError, match="dtype"):
        getattr(lucid.linalg, name)(*to_lucid(args), out=lucid.empty(0, dtype=lucid.float64))
