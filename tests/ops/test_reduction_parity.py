"""Reductions held against PyTorch: dtypes, shapes, dims, keepdim, ties, NaN, gradients and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error, check_op, check_program
from tests.ops.reduced import SHAPES, inputs, rows

pytestmark = pytest.mark.parity

ONE_DIM = ["prod", "max", "min", "argmax", "argmin"]
MANY_DIMS = ["sum", "nansum", "mean", "nanmean", "all", "any", "amax", "amin"]


def ops(name: str) -> tuple[Any, Any]:
    return getattr(lucid, name), getattr(torch, name)


@pytest.mark.parametrize("name", [*ONE_DIM, *MANY_DIMS])
def test_all_elements_and_one_dimension(name: str) -> None:
    op, reference = ops(name)
    for x in inputs():
        if name == "prod" and bool(torch.isnan(x.detach()).any()):
            continue  # PyTorch divides the product by each element there, which makes NaN of more than it has to
        if not (name in ("max", "min") and bool(torch.isnan(x.detach()).any())):
            check_both(op, reference, x)
        for dim in (0, -1):
            check_both(op, reference, x, dim)
            check_both(op, reference, x, dim, True)


@pytest.mark.parametrize("name", MANY_DIMS)
@pytest.mark.parametrize("dim", [(0, 1), (-1, 0), [0], ()], ids=str)
def test_several_dimensions(name: str, dim: Any) -> None:
    op, reference = ops(name)
    for shape in SHAPES:
        for dtype in (torch.float32, torch.int64, torch.bool):
            if 0 not in shape:  # where a dimension appears twice as well, which error comes first is nobody's business
                check_both(op, reference, rows(shape, dtype), dim)
                check_both(op, reference, rows(shape, dtype), dim, True)


@pytest.mark.parametrize(
    "name", [*ONE_DIM, *MANY_DIMS, "var", "logsumexp", "cumsum", "sort", "median", "count_nonzero"]
)
def test_bad_dimensions(name: str) -> None:
    op, reference = ops(name)
    for dim in (2, -3, "x", 1.5):
        check_error(op, reference, rows((2, 3)), dim)


@pytest.mark.parametrize("name", ["sum", "nansum", "mean", "nanmean", "prod"])
def test_dtype_argument(name: str) -> None:
    op, reference = ops(name)
    for x in (rows((3, 4)), rows((3, 4), torch.int64), rows((3, 4), torch.bool), rows((3, 4), torch.float16)):
        for dtype in (torch.float64, torch.float16, torch.int32, torch.int64, torch.uint8, torch.bool, torch.complex64):
            if dtype is torch.complex64 and x.dtype is not torch.float32:
                continue
            wanted = {"dtype": dtype}
            if name.startswith("nan") and dtype is torch.complex64:
                with pytest.raises(RuntimeError):
                    op(lucid.ones(2), dtype=lucid.complex64)
                continue
            check_both(op, reference, x.detach(), **wanted)
            check_both(op, reference, x.detach(), 0, **wanted)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "argmax", "std", "all"])
def test_numpy_argument_names(name: str) -> None:
    op, reference = ops(name)
    x = rows((3, 4))
    check_op(op, reference, x, axis=1)
    check_op(op, reference, x, axis=-1, keepdims=True)
    check_op(op, reference, input=x, dim=0)
    check_error(op, reference)
    check_error(op, reference, [1.0, 2.0])


def test_count_nonzero() -> None:
    for x in inputs():
        check_both(lucid.count_nonzero, torch.count_nonzero, x)
        check_both(lucid.count_nonzero, torch.count_nonzero, x, 0)
        check_both(lucid.count_nonzero, torch.count_nonzero, x, (0, -1) if x.ndim > 1 else -1)


def test_aminmax() -> None:
    for x in inputs(kinds=("ties", "transposed")):
        if x.numel():
            check_both(lucid.aminmax, torch.aminmax, x)
            check_both(lucid.aminmax, torch.aminmax, x, dim=0)
            check_both(lucid.aminmax, torch.aminmax, x, dim=-1, keepdim=True)


def test_max_and_min_of_two() -> None:
    for name in ("max", "min"):
        op, reference = ops(name)
        for dtype in (torch.float32, torch.int64, torch.float16):
            a, b = rows((3, 4), dtype), rows((3, 4), dtype).detach().flip(0)
            check_op(op, reference, a, b)
            check_op(op, reference, a, other=b)


@pytest.mark.parametrize("dim", [0, -1, (0, 1)], ids=str)
def test_logsumexp(dim: Any) -> None:
    for x in inputs(kinds=("ties", "transposed", "nan")):
        if x.ndim > 1 or dim == 0:
            if x.numel() == 0 and x.dtype is torch.float16:
                continue
            check_both(lucid.logsumexp, torch.logsumexp, x, dim)
            check_both(lucid.logsumexp, torch.logsumexp, x, dim, True)
    check_op(lucid.logsumexp, torch.logsumexp, torch.full((2, 3), -torch.inf), 1)
    check_op(lucid.logsumexp, torch.logsumexp, rows((5, 300), torch.float64), 1, tol=1e-13)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "amax", "logsumexp"])
def test_second_gradients(name: str) -> None:
    op, reference = ops(name)
    check_op(op, reference, rows((3, 4), torch.float64), 0, second=True)
    check_op(op, reference, rows((3, 4), torch.float64), 1, second=True)


@pytest.mark.parametrize("name", ["sum", "mean", "std", "logsumexp"])
@pytest.mark.parametrize(
    ("shape", "dim"), [((100003,), 0), ((16, 3, 50, 50), (0, 2, 3)), ((20000, 3), 0), ((3, 20000), 1)], ids=str
)
def test_many_elements(name: str, shape: tuple[int, ...], dim: Any) -> None:
    op, reference = ops(name)
    for dtype, tol in ((torch.float32, 3e-6), (torch.float16, 2e-3), (torch.float64, 1e-12)):
        x = (torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1).to(dtype)
        check_op(op, reference, x.requires_grad_(), dim, tol=tol)


@pytest.mark.parametrize("name", ["sum", "amax", "argmax", "any"])
def test_out(name: str) -> None:
    def program(L: Any) -> Any:
        x = L.arange(6.0).reshape(2, 3)
        out = L.empty(0, dtype=getattr(L, name)(x, 0).dtype)
        result = getattr(L, name)(x, 0, out=out)
        assert result is out
        return result

    check_program(program)


def test_out_pairs() -> None:
    def program(L: Any) -> Any:
        out = L.empty(0), L.empty(0, dtype=L.int64)
        L.max(L.arange(6.0).reshape(2, 3), 1, out=out)
        return out

    check_program(program)


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.float16, torch.uint8], ids=str)
def test_out_decides_what_is_computed(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([[1.5, 2.75, 3.5]])
    out = torch.zeros((1, 3) if "cum" in name else 1, dtype=dtype)
    check_op(getattr(lucid, name), getattr(torch, name), x, 1, out=out)


@pytest.mark.parametrize("name", ["amax", "argmax", "argmin", "any", "all", "softmax", "logcumsumexp", "matmul"])
def test_out_of_another_dtype(name: str) -> None:
    other = torch.ones(3) if name == "matmul" else 0
    for dtype in (torch.float64, torch.complex64):
        out = torch.zeros(3, dtype=dtype)
        check_error(getattr(lucid, name), getattr(torch, name), torch.ones(3, 3), other, out=out)


@pytest.mark.parametrize("name", ["max", "min", "median", "mode", "cummax", "cummin"])
def test_out_pairs_of_other_dtypes(name: str) -> None:
    for first, second in ((torch.float64, torch.int64), (torch.float32, torch.int32)):
        check_error(
            lambda x, a, b: getattr(lucid, name)(x, 0, out=(a, b)),
            lambda x, a, b: getattr(torch, name)(x, 0, out=(a, b)),
            torch.ones(3, 3),
            torch.zeros((3, 3) if "cum" in name else 3, dtype=first),
            torch.zeros((3, 3) if "cum" in name else 3, dtype=second),
        )


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "std", "logsumexp", "cumsum", "softmax", "argmax", "prod"])
def test_numpy_names(name: str) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    check_op(op, reference, rows((2, 3)), axis=1)
    check_error(op, reference, rows((2, 3)), axis=1, dim=1)
    if name not in ("cumsum", "softmax"):
        check_op(op, reference, rows((2, 3)), axis=-1, keepdims=True)
        check_error(op, reference, rows((2, 3)), 7, keepdim="a")


def test_a_dtype_may_be_a_type_of_python() -> None:
    check_op(lucid.sum, torch.sum, rows((2, 3)).detach(), dtype=float)
    check_op(lucid.cumsum, torch.cumsum, rows((2, 3)).detach(), 0, dtype=int)
    check_error(lucid.sum, torch.sum, rows((2, 3)), dtype=3)


@pytest.mark.parametrize("name", ["amax", "amin", "sum", "mean"])
def test_a_numpy_integer_is_a_dimension(name: str) -> None:
    check_op(getattr(lucid, name), getattr(torch, name), rows((2, 3)), np.int64(1))


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_alone_takes_the_gradient_of_an_extremum(name: str) -> None:
    x = torch.tensor([1.0, float("nan"), 3.0, float("nan")], requires_grad=True)
    check_op(getattr(lucid, name), getattr(torch, name), x)
    check_error(getattr(lucid, name), getattr(torch, name), x, keepdim=True)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom is")
@pytest.mark.parametrize("name", ["var", "std"])
def test_gradient_with_fewer_elements_than_the_correction(name: str) -> None:
    check_op(getattr(lucid, name), getattr(torch, name), rows((2, 3)), 1, correction=5)


def test_differences_of_other_than_tensors() -> None:
    check_error(lucid.diff, torch.diff, rows((3,)), append=1)
    check_error(lucid.diff, torch.diff, rows((3,)), 1.5)
    check_error(lucid.trapezoid, torch.trapezoid, rows((3,)), dx=1j)
    check_op(lucid.trapezoid, torch.trapezoid, torch.ones(2, 0, dtype=torch.int32))


@pytest.mark.parametrize("name", ["sum", "prod", "nansum"])
def test_the_widest_unsigned_integers_add_up_in_int64(name: str) -> None:
    check_op(getattr(lucid, name), getattr(torch, name), torch.tensor([1, 2**63 + 5], dtype=torch.uint64))
