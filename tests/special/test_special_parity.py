"""Special functions of one or two tensors, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error, check_op, to_lucid
from tests.ops.samples import DTYPES, SHAPES, accepts, smooth, special

pytestmark = pytest.mark.parity

INF, NAN = float("inf"), float("nan")
# name: where it is smooth
DERIVABLE = {
    "entr": (0.1, 5), "erfcx": (-3, 6), "expit": (-4, 4), "gammaln": (0.2, 12), "i0": (-12, 12), "i0e": (-12, 12),
    "i1": (-12, 12), "i1e": (-12, 12), "log_ndtr": (-9, 4), "ndtr": (-4, 4), "ndtri": (0.05, 0.95), "psi": (0.2, 12),
    "sinc": (0.5, 3),
}  # fmt: skip
PLAIN = {
    "airy_ai": (-4, 3), "bessel_j0": (-20, 20), "bessel_j1": (-20, 20), "bessel_y0": (0.1, 20), "bessel_y1": (0.1, 20),
    "modified_bessel_i0": (-12, 12), "modified_bessel_i1": (-12, 12), "modified_bessel_k0": (0.1, 12),
    "modified_bessel_k1": (0.1, 12), "scaled_modified_bessel_k0": (0.1, 12), "scaled_modified_bessel_k1": (0.1, 12),
    "spherical_bessel_j0": (-12, 12),
}  # fmt: skip
ALIASES = ["digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "log1p", "logit"]
# at least one has too few digits in PyTorch
ROUGH = dict.fromkeys(["airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"], 5e-6)


def both(name: str) -> tuple[Any, Any]:
    return getattr(lucid.special, name), getattr(torch.special, name)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.uint16, torch.uint32], ids=str)
@pytest.mark.parametrize("name", [*DERIVABLE, *PLAIN, *ALIASES])
def test_special_values_and_dtypes(name: str, dtype: torch.dtype) -> None:
    op, reference = both(name)
    x = special(dtype) if dtype in DTYPES else torch.tensor([0, 1, 2, 100], dtype=dtype)
    if not accepts(reference, x):
        check_error(op, reference, x)
        return
    check_op(op, reference, x, tol=ROUGH.get(name))
    check_op(op, reference, x[:0])
    check_op(op, reference, x[1], tol=ROUGH.get(name))


@pytest.mark.parametrize("name", [*DERIVABLE, *PLAIN])
def test_far_out(name: str) -> None:
    values = [
        30.0,
        -30,
        88,
        200,
        -200,
        700,
        720,
        -720,
        1e5,
        -1e4,
        1e10,
        1e-10,
        -1e-10,
        1e-300,
        0.999999,
        INF,
        -INF,
        NAN,
    ]
    op, reference = both(name)
    check_op(op, reference, torch.tensor(values, dtype=torch.float64), tol=1e-6 if name != "airy_ai" else 1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", DERIVABLE)
def test_gradients(name: str, dtype: torch.dtype) -> None:
    exact = dtype is torch.float64
    op, reference = both(name)
    x = smooth((5, 8), dtype, *DERIVABLE[name])
    check_op(op, reference, x, second=exact, tol=1e-8 if exact else 1e-4)
    check_op(op, reference, x.detach().t().requires_grad_(), tol=None if exact else 1e-4)


@pytest.mark.parametrize(
    "name", ["entr", "erfcx", "i0", "i0e", "i1", "i1e", "log_ndtr", "ndtr", "ndtri", "psi", "gammaln"]
)
def test_gradients_at_special_values(name: str) -> None:
    x = special(torch.float64).requires_grad_()
    check_op(*both(name), x)


@pytest.mark.parametrize("name", PLAIN)
def test_without_derivatives(name: str) -> None:
    op, reference = both(name)
    x = smooth((5, 8), torch.float64, *PLAIN[name])
    assert not op(to_lucid(x, requires_grad=True)).requires_grad
    check_op(op, reference, x, tol=ROUGH.get(name, 1e-12))


@pytest.mark.parametrize("name", [*DERIVABLE, *PLAIN])
def test_out(name: str) -> None:
    op, reference = both(name)
    x = torch.tensor([0.3, 0.6])
    place = lucid.empty(2, dtype=lucid.float64)
    assert op(to_lucid(x), out=place) is place
    assert place.tolist() == pytest.approx(reference(x).tolist(), rel=1e-5)
    with pytest.raises(TypeError):
        op(2.0)


# ---- of two arguments ------------------------------------------------------------------------------------------------
PAIRS = ["gammainc", "gammaincc", "xlog1py", "xlogy", "zeta"]
GRID = torch.tensor([0.0, -0.0, 1, 2, 0.5, -1, -0.5, -2, INF, -INF, NAN, -1.5, 3, 25, 100, -7.3], dtype=torch.float64)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_special_values(name: str) -> None:
    a, b = torch.meshgrid(GRID, GRID, indexing="ij")
    check_op(*both(name), a, b)
    if name != "xlogy":
        check_op(*both(name), a, b.clone().requires_grad_())
    if name == "xlog1py":
        check_op(*both(name), a.clone().requires_grad_(), b)


@pytest.mark.parametrize("first", [*DTYPES, 2, 1.5, True, 1j, "a", None], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_promotion(name: str, first: Any) -> None:
    operands = [torch.tensor([1, 2]).to(d) for d in DTYPES if d is not torch.complex64]
    operands += [torch.tensor(2.0, dtype=torch.float64), 1, 2.5]
    a = torch.tensor([3, 1]).to(first) if isinstance(first, torch.dtype) else first
    if first in (torch.complex64, 1j):
        operands = [b for b in operands if getattr(b, "dtype", None) is not torch.float64]
    for b in operands:
        check_both(*both(name), a, b)
        check_both(*both(name), b, a)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_broadcasting(name: str, shapes: Any) -> None:
    a = smooth(shapes[0], torch.float64, 1.5, 5).detach()
    b = smooth(shapes[1], torch.float64, 0.5, 5, seed=1)
    check_op(*both(name), a.requires_grad_(name.startswith("x")), b, second=True, tol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_many_values(name: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (1, 30, 1000):
        a, b = (torch.rand(500, generator=generator, dtype=torch.float64) * scale for _ in range(2))
        check_op(*both(name), a.to(dtype), b.to(dtype), tol=1e-8 if dtype is torch.float64 else None)


def test_zeta_below_0() -> None:
    q = torch.linspace(-30, 0, 301, dtype=torch.float64) + 0.01
    for s in (2, 3, 4, 7, 2.5):
        check_op(*both("zeta"), s, q, tol=1e-9)
        check_op(*both("zeta"), torch.tensor(s, dtype=torch.float64), q, tol=1e-9)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 8, 25])
def test_polygamma(order: int) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int8):
        check_op(lucid.special.polygamma, torch.special.polygamma, order, torch.tensor([1, 2, 5, 50], dtype=dtype))
    x = smooth((40,), torch.float64, -9, 9)
    check_op(lucid.special.polygamma, torch.special.polygamma, order, x, second=order < 4, tol=1e-6)
    x = torch.tensor([0.0, -0.0, -1, -2, INF, -INF, NAN], dtype=torch.float64, requires_grad=True)
    check_op(lucid.special.polygamma, torch.special.polygamma, order, x)


@pytest.mark.parametrize("order", [-1, True, 1.0, "a", None, 2**70])
def test_polygamma_refuses(order: Any) -> None:
    check_error(lucid.special.polygamma, torch.special.polygamma, order, torch.ones(2))


@pytest.mark.parametrize("p", [1, 2, 7, 40, 0, -1, 1.0, True, None])
def test_multigammaln(p: Any) -> None:
    for x in (smooth((3,), torch.float64, 25, 40), torch.tensor([25, 30]), torch.tensor([True]), torch.rand(0, 2)):
        check_both(lucid.special.multigammaln, torch.special.multigammaln, x, p)


def test_reductions_and_rounding() -> None:
    x = smooth((3, 4), torch.float64)
    check_op(*both("softmax"), x, 1)
    check_op(*both("softmax"), x.detach().float(), dim=0, dtype=torch.float64)
    check_op(*both("log_softmax"), x, -1)
    check_op(*both("logsumexp"), x, (0, 1), keepdim=True)
    check_op(*both("round"), x, decimals=1)
