"""Scans, sorting and searching, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error, check_op
from tests.ops.reduced import FLOATS, NAN, inputs, rows

pytestmark = pytest.mark.parity


def ops(name: str) -> tuple[Any, Any]:
    return getattr(lucid, name), getattr(torch, name)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp"])
def test_scans(name: str) -> None:
    op, reference = ops(name)
    for x in inputs():
        tol = 5e-3 if x.dtype is torch.float16 else None  # PyTorch takes gradients in float16
        for dim in (0, -1):
            check_both(op, reference, x, dim, tol=tol)
    check_op(op, reference, rows((3, 4), torch.float64), 1, second=True)
    check_op(op, reference, rows((5, 300), torch.float64) * 0.9, 1, tol=1e-13)


@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_extreme_scans(name: str) -> None:
    op, reference = ops(name)
    for x in inputs():
        if x.dtype is not torch.complex64:
            check_both(op, reference, x, 0)
            check_both(op, reference, x, -1)
    check_error(op, reference, torch.ones(3, dtype=torch.complex64), 0)
    check_error(op, reference, torch.ones(3), 1)


def test_scan_dtype_argument() -> None:
    for name in ("cumsum", "cumprod"):
        op, reference = ops(name)
        for x in (rows((3, 4)), rows((3, 4), torch.int64), rows((3, 4), torch.bool)):
            for dtype in (torch.float64, torch.float16, torch.int32, torch.uint8, torch.bool):
                check_both(op, reference, x.detach(), 0, dtype=dtype)


def test_diff() -> None:
    for x in inputs():
        x = x.detach()
        for n in (0, 1, 2, 9):
            check_both(lucid.diff, torch.diff, x, n, -1)
            check_both(lucid.diff, torch.diff, x, n, 0)
        if x.ndim:
            check_both(lucid.diff, torch.diff, x, 1, 0, x, x[:1])
    check_op(lucid.diff, torch.diff, rows((3, 4)), 2, 1)
    check_op(lucid.diff, torch.diff, rows((3,)), prepend=rows((2,)), append=torch.tensor([2]))
    check_error(lucid.diff, torch.diff, rows((3,)), -1)
    check_error(lucid.diff, torch.diff, rows((3,)), prepend=rows((1, 2)))
    check_error(lucid.diff, torch.diff, rows((3, 4)), prepend=rows((2, 4)), dim=1)


@pytest.mark.parametrize("name", ["trapezoid", "cumulative_trapezoid"])
def test_trapezoid(name: str) -> None:
    op, reference = ops(name)
    for x in inputs([torch.float32, torch.float64, torch.int64, torch.complex64], kinds=("transposed",)):
        if x.numel() == 0:
            continue
        x = x.detach() if not x.dtype.is_floating_point else x
        check_both(op, reference, x)
        check_both(op, reference, x, dx=0.5, dim=0)
        check_both(op, reference, x, x.detach() * 2, dim=0)
        if x.ndim:
            check_both(op, reference, x, torch.arange(x.shape[0]) * 0.3, dim=0)
            check_both(op, reference, x, torch.arange(x.shape[0] + 1.0), dim=0)
    check_error(op, reference, rows((3,), torch.bool))
    check_error(op, reference, torch.tensor(1.0))


# ---- sorting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
def test_sort(descending: bool) -> None:
    for x in inputs(kinds=("ties", "nan", "inf", "transposed")):
        for dim in (0, -1):
            check_both(lucid.sort, torch.sort, x, dim=dim, descending=descending, stable=True)
            check_both(lucid.argsort, torch.argsort, x, dim=dim, descending=descending, stable=True)
        if x.dtype is not torch.complex64 and not descending:
            check_both(lucid.msort, torch.msort, x)


@pytest.mark.parametrize("largest", [False, True])
def test_topk(largest: bool) -> None:
    for dtype in (*FLOATS[:2], torch.int64):
        for shape in [(), (1,), (5,), (3, 4), (2, 3, 4), (0, 3)]:
            x = rows(shape, dtype)
            if dtype is torch.int64:
                x = torch.randperm(max(x.numel(), 1), generator=torch.Generator().manual_seed(0))[: x.numel()].reshape(
                    shape
                )
            for k in (0, 1, 2, 9) if shape else (1, 2):
                check_both(lucid.topk, torch.topk, x, k, -1, largest)
                check_both(lucid.topk, torch.topk, x, k, 0, largest)
    x = rows((2, 5000))
    for k in (1, 7, 100):
        check_op(lucid.topk, torch.topk, x, k, 1, largest)
    y = x.detach().clone()
    y[0, 5], y[1, 7] = NAN, float("inf")
    check_op(lucid.topk, torch.topk, y, 5, 1, largest)


def test_kthvalue() -> None:
    for x in inputs(FLOATS, kinds=("nan", "transposed")):
        if x.dtype.is_floating_point and not (x.ndim and bool(torch.isnan(x.detach()).sum() > 1)):
            for k in (0, 1, 2, 9):
                check_both(lucid.kthvalue, torch.kthvalue, x, k)
                check_both(lucid.kthvalue, torch.kthvalue, x, k, 0, True)


# ---- searching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("out_int32", [False, True])
def test_searchsorted(right: bool, out_int32: bool) -> None:
    op, reference, options = lucid.searchsorted, torch.searchsorted, {"right": right, "out_int32": out_int32}
    edges, values = rows((3, 6)).detach().sort(dim=1).values, rows((3, 5)).detach()
    integers = torch.tensor([1, 3, 3, 5])
    for first, second in [
        (edges, values), (edges[0], values), (edges[0], edges[0]), (edges[0], 1), (edges[0], 0.3),
        (integers, torch.tensor([3, 0, 9])), (integers, values), (edges[0].double(), values),
        (torch.tensor([]), values),
        (edges[0], torch.tensor([NAN, 0.0, float("inf")])), (edges[0], torch.tensor(0.3)), (edges, values[:, :0]),
        (edges, values[:2]), (edges, 1), (torch.tensor(3.0), values),
    ]:  # fmt: skip
        check_both(op, reference, first, second, **options)
        check_both(lucid.bucketize, torch.bucketize, second, first, **options)
    order = torch.tensor([3, 0, 5, 2, 1, 4])
    shuffled = edges[0][order]
    check_op(op, reference, shuffled, values, sorter=torch.argsort(shuffled), **options)


def test_searchsorted_errors() -> None:
    edges, values = torch.tensor([1.0, 2.0]), rows((3,)).detach()
    check_error(lucid.searchsorted, torch.searchsorted, edges, values, side="middle")
    check_error(lucid.searchsorted, torch.searchsorted, edges, values, side="left", right=True)
    check_error(lucid.searchsorted, torch.searchsorted, edges, values, sorter=torch.tensor([0]))
    check_error(lucid.searchsorted, torch.searchsorted, edges, values, sorter=torch.tensor([0.0, 1.0]))
