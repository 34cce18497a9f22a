"""Variance, medians, quantiles, counts and norms, held against PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error, check_op
from tests.ops.reduced import FLOATS, INF, SHAPES, inputs, rows

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")]

SPREADS = ["var", "std", "var_mean", "std_mean"]


def ops(name: str) -> tuple[Any, Any]:
    return getattr(lucid, name), getattr(torch, name)


@pytest.mark.parametrize("name", SPREADS)
def test_spread(name: str) -> None:
    op, reference = ops(name)
    for x in inputs(kinds=("ties", "transposed")):
        tol = 2e-2 if x.dtype is torch.float16 else None  # PyTorch takes the gradient in float16
        check_both(op, reference, x, tol=tol)
        check_both(op, reference, x, -1, keepdim=True, tol=tol)
        check_both(op, reference, x, 0, tol=tol)
    check_op(op, reference, rows((3, 4), torch.float64), 0, second=True)


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize(
    "arguments", [(True,), (False,), (0, True), (0, False, True), ((0, 1), True, True), (None,), (None, True)], ids=str
)
def test_forms_of_the_spread(name: str, arguments: Any) -> None:
    check_both(*ops(name), rows((3, 4)), *arguments)
    check_both(*ops(name), rows((3, 4), torch.int64), *arguments)


@pytest.mark.parametrize("correction", [0, 1, 2, 0.5, 3, 7])
def test_correction(correction: float) -> None:
    for name in SPREADS:
        check_op(*ops(name), rows((3, 4)).detach(), 0, correction=correction, keepdim=True)


def test_the_deviation_of_a_constant_has_gradient_zero() -> None:
    check_op(lucid.std, torch.std, torch.full((4,), 2.0, requires_grad=True))
    check_op(lucid.std, torch.std, torch.ones(2, 3, requires_grad=True), 1)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_median(name: str) -> None:
    op, reference = ops(name)
    for x in inputs():
        if x.dtype in (torch.bool, torch.complex64):
            check_error(op, reference, rows((2, 3), x.dtype))
            continue
        check_both(op, reference, x)
        if (
            x.ndim and x.numel() and len(set(x.detach().flatten().tolist())) == x.numel()
        ):  # of ties any index may be told
            check_both(op, reference, x, -1)
            check_both(op, reference, x, 0, True)
    check_error(op, reference, rows((0, 3)), 0)


def test_mode() -> None:
    for x in inputs(kinds=("ties", "transposed")):
        if x.dtype is not torch.complex64:
            check_both(lucid.mode, torch.mode, x)
            check_both(lucid.mode, torch.mode, x, 0, True)


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantile(name: str, interpolation: str) -> None:
    op, reference = ops(name)
    for dtype in (torch.float32, torch.float64):
        for kind in ("random", "nan", "transposed"):
            for shape in SHAPES if kind == "random" else [(5,), (2, 3, 4)]:
                x = rows(shape, dtype, kind)
                x = x.detach() if kind == "nan" else x  # of several NaNs any may take the gradient
                for q in (0.0, 0.3, 1.0, torch.tensor([0.1, 0.5], dtype=dtype)):
                    check_both(op, reference, x, q, interpolation=interpolation)
                    check_both(op, reference, x, q, -1, True, interpolation=interpolation)


def test_quantile_errors() -> None:
    for name in ("quantile", "nanquantile"):
        op, reference = ops(name)
        check_error(op, reference, rows((3,)), 1.5)
        check_error(op, reference, rows((3,)), torch.tensor([0.5, 1.5]))
        check_error(op, reference, rows((3,)), torch.tensor([0.5], dtype=torch.float64))
        check_error(op, reference, rows((3,)), torch.ones(2, 2))
        check_error(op, reference, rows((3,), torch.int64), 0.5)
        check_error(op, reference, rows((3,), torch.float16), 0.5)
        check_error(op, reference, rows((3,)), 0.5, interpolation="cubic")
        check_error(op, reference, rows((0,)), 0.5)


def test_covariance() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in (*FLOATS, torch.int64, torch.complex64):
            for shape in [(), (1,), (5,), (3, 4), (2, 1), (0,), (3, 0), (2, 3, 4)]:
                x = rows(shape, dtype).detach()
                check_both(lucid.cov, torch.cov, x)
                check_both(lucid.cov, torch.cov, x, correction=0)
                if dtype is not torch.bfloat16:  # whose rounding decides what is left after dividing
                    check_both(lucid.corrcoef, torch.corrcoef, x)
                if shape in ((5,), (3, 4)):
                    times, scale = torch.arange(1, shape[-1] + 1), torch.arange(1.0, shape[-1] + 1) * 0.3
                    check_both(lucid.cov, torch.cov, x, fweights=times)
                    check_both(lucid.cov, torch.cov, x, aweights=scale)
                    check_both(lucid.cov, torch.cov, x, fweights=times, aweights=scale)
        x = rows((3, 5), torch.float64)
        check_op(lucid.cov, torch.cov, x, second=True)
        check_op(lucid.corrcoef, torch.corrcoef, x, second=True)
        check_error(lucid.cov, torch.cov, rows((2, 3), torch.bool))
        check_error(lucid.cov, torch.cov, x, fweights=torch.ones(5))
        check_error(lucid.cov, torch.cov, x, fweights=torch.ones(4, dtype=torch.int64))
        check_error(lucid.cov, torch.cov, x, aweights=-torch.ones(5))


# ---- norms -----------------------------------------------------------------------------------------------------------

POWERS = ["fro", None, 0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1]


@pytest.mark.parametrize("p", POWERS, ids=str)
def test_norm(p: Any) -> None:
    for x in inputs([*FLOATS, *([torch.complex64] if p else []), torch.int64], kinds=("ties", "transposed")):
        for dim in (None, 0, -1):
            check_both(lucid.norm, torch.norm, x, p, dim, dim == 0)
        if x.ndim > 1 and x.dtype is not torch.int64:
            check_both(lucid.norm, torch.norm, x, p, (0, 1))
    check_op(lucid.norm, torch.norm, torch.zeros(3, requires_grad=True), p)
    check_op(lucid.norm, torch.norm, rows((3,), torch.float16).detach(), p, 0, dtype=torch.float32)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, INF], ids=str)
def test_cdist(p: float) -> None:
    shapes: list[Any] = [
        ((3, 4), (5, 4)), ((2, 3, 4), (2, 5, 4)), ((2, 1, 3, 4), (3, 5, 4)), ((0, 4), (3, 4)), ((3, 0), (2, 0)),
        ((30, 4), (28, 4)), ((1, 4), (1, 4)), ((2, 3, 4), (5, 3)), ((3,), (3, 4)),
    ]  # fmt: skip
    for first, second in shapes:
        for dtype in (torch.float32, torch.float64):
            check_both(lucid.cdist, torch.cdist, rows(first, dtype), rows(second, dtype).detach().flip(0) * 0.7, p)
    x = rows((4, 3), torch.float64)
    check_op(lucid.cdist, torch.cdist, x, x.detach().clone(), p)
    check_error(lucid.cdist, torch.cdist, rows((3, 4)), rows((3, 4)), -1.0)
    check_error(lucid.cdist, torch.cdist, rows((3, 4), torch.int64), rows((3, 4)))


@pytest.mark.parametrize("p", [0, 1, 1.5, 2, 3, INF, -INF], ids=str)
def test_dist_and_renorm(p: float) -> None:
    for dtype in (*FLOATS, torch.int64):
        x = rows((3, 4), dtype)
        check_both(lucid.dist, torch.dist, x, torch.zeros_like(x), p)
        check_both(lucid.dist, torch.dist, x, x[0].detach() + 1, p)
        for dim in (0, -1, 5):
            check_both(lucid.renorm, torch.renorm, x, p, dim, 0.5)
    check_error(lucid.renorm, torch.renorm, rows((3,)), 2, 0, 1.0)
    check_error(lucid.renorm, torch.renorm, rows((3, 4)), 2, 0, -1.0)


def test_trace() -> None:
    for x in inputs():
        check_both(lucid.trace, torch.trace, x)


# ---- counting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_unique(inverse: bool, counts: bool) -> None:
    wanted = {"return_inverse": inverse, "return_counts": counts}
    for x in inputs(kinds=("ties", "transposed")):
        x = x.detach()
        check_both(lucid.unique, torch.unique, x, **wanted)
        if x.numel() > 1 or inverse is counts:  # PyTorch counts a single element as none
            check_both(lucid.unique_consecutive, torch.unique_consecutive, x, **wanted)
        for dim in (0, -1):
            check_both(lucid.unique, torch.unique, x, dim=dim, **wanted)
            if not x.ndim or x.shape[dim] > 1:  # the same
                check_both(lucid.unique_consecutive, torch.unique_consecutive, x, dim=dim, **wanted)


def test_bincount() -> None:
    for x in inputs():
        x = x.detach()
        check_both(lucid.bincount, torch.bincount, x)
        check_both(lucid.bincount, torch.bincount, x, minlength=8)
        for dtype in (torch.float32, torch.float64, torch.int32, torch.float16):
            check_both(lucid.bincount, torch.bincount, x, torch.ones(x.shape, dtype=dtype))
    check_error(lucid.bincount, torch.bincount, torch.tensor([-1]))
    check_error(lucid.bincount, torch.bincount, torch.tensor([1]), minlength=-1)
    check_error(lucid.bincount, torch.bincount, torch.tensor([1]), torch.ones(2))


def test_histc() -> None:
    for x in inputs([torch.float32, torch.float64], kinds=("ties", "transposed", "nan")):
        if x.dtype.is_floating_point:
            x = x.detach()
            check_both(lucid.histc, torch.histc, x, 5, -1, 1)
            if not bool(torch.isnan(x).any()):
                check_both(lucid.histc, torch.histc, x)
                check_both(lucid.histc, torch.histc, x, 5)
    check_error(lucid.histc, torch.histc, torch.ones(3), 0)
    check_error(lucid.histc, torch.histc, torch.ones(3), 5, 1, -1)
    check_error(lucid.histc, torch.histc, torch.ones(3, dtype=torch.int64))
    check_error(lucid.histc, torch.histc, torch.tensor([INF, 1.0]))
