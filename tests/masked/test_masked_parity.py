"""Masked reductions and normalisations against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import check_both, check_error, check_op

REDUCTIONS = ("sum", "prod", "amax", "amin", "mean", "norm", "var", "std", "logsumexp")
ROWS = ("cumsum", "cumprod", "softmax", "log_softmax", "softmin")
SMOOTH = ("sum", "mean", "var", "logsumexp", "softmax", "cumsum")
DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.float16, torch.complex64)


def pair(name):
    return getattr(lucid.masked, name), getattr(torch.masked, name)


def draw(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(sum(shape))
    x = (torch.randn(shape, generator=generator) * 3).to(dtype)
    return x.requires_grad_() if dtype.is_floating_point else x


def masks(*shape):
    """Of the full shape, broadcast, of numbers, with nothing left in a row, and none."""
    generator = torch.Generator().manual_seed(sum(shape))
    some = torch.rand(shape, generator=generator) < 0.6
    gap = some.clone()
    gap[0] = False
    return some, some[:1], some[0], some.long(), gap, None


@pytest.mark.parametrize("name", REDUCTIONS)
def test_dimensions(name):
    op, reference = pair(name)
    x = draw(3, 4, 2)
    for mask in masks(3, 4, 2):
        for dim in (None, 0, -1, (0, 2), (), (0, 1, 2)):
            check_op(op, reference, x, dim=dim, mask=mask, second=name in SMOOTH, tol=1e-4)
            check_op(op, reference, x, dim=dim, mask=mask, keepdim=True, tol=1e-4)


@pytest.mark.parametrize("name", REDUCTIONS + ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype):
    op, reference = pair(name)
    x = draw(4, 3, dtype=dtype)
    if (name, dtype) == ("softmin", torch.uint8):
        pytest.skip("PyTorch negates the bytes, which wrap around")
    tol = 5e-3 if dtype is torch.float16 else 1e-4
    for mask in masks(4, 3):
        check_both(op, reference, x, dim=1, mask=mask, tol=tol)
        if dtype is not torch.complex64:
            check_both(op, reference, x, dim=1, mask=mask, dtype=torch.float64, tol=tol)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_shapes_at_the_edge(name):
    op, reference = pair(name)
    for mask in (None, torch.tensor(True), torch.tensor(False)):
        check_op(op, reference, torch.tensor(2.0), mask=mask)
        check_op(op, reference, torch.tensor(2.0), dim=0, mask=mask, keepdim=True)
    for dim in (0, 1, None):
        check_both(op, reference, torch.zeros(0, 3), dim=dim)
        check_both(op, reference, torch.zeros(0, 3), dim=dim, mask=torch.ones(0, 3).bool())


@pytest.mark.parametrize("ord", [2, 1.0, 0, 3, 0.5, -1, -2.5, float("inf"), -float("inf")])
def test_norm_and_normalize(ord):
    x = draw(3, 4)
    for mask in masks(3, 4):
        for dim in (0, (0, 1), None):
            check_op(*pair("norm"), x, ord, dim, mask=mask, tol=1e-4)
            check_op(*pair("normalize"), x.detach(), ord, dim, mask=mask, tol=1e-4)
        check_op(*pair("normalize"), x.detach(), ord, 1, mask=mask, eps=5.0)
    check_op(*pair("normalize"), x, 2.0, 1, mask=masks(3, 4)[0])


@pytest.mark.parametrize("name", ["var", "std"])
def test_correction(name):
    op, reference = pair(name)
    x, mask = draw(4, 5).detach(), masks(4, 5)[0]
    for kwargs in ({"unbiased": False}, {"unbiased": True}, {"correction": 0}, {"correction": 2}, {"correction": 0.5}):
        check_op(op, reference, x, 1, mask=mask, **kwargs)
        check_op(op, reference, x, **kwargs)
    check_error(op, reference, x, 1, True, correction=1)
    check_error(op, reference, x > 0, 1, mask=mask)


@pytest.mark.parametrize("name", ROWS)
def test_rows(name):
    op, reference = pair(name)
    x = draw(3, 4, 2)
    for mask in masks(3, 4, 2):
        for dim in (0, 1, -1):
            check_op(op, reference, x, dim, mask=mask, second=name in SMOOTH, tol=1e-4)


@pytest.mark.parametrize("name", ["argmax", "argmin", "median"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.uint8, torch.float16])
def test_positions_and_median(name, dtype):
    op, reference = pair(name)
    x = draw(4, 5, dtype=dtype)
    for mask in masks(4, 5):
        for kwargs in ({"dim": 0}, {"dim": 1, "keepdim": True}, {"dim": -1, "dtype": torch.float64}, {}):
            check_both(op, reference, x, mask=mask, **kwargs)


def test_logaddexp():
    op, reference = pair("logaddexp")
    x, y = draw(3, 4), draw(3, 4).detach() + 1
    for mask in masks(3, 4):
        check_op(op, reference, x, y, input_mask=mask)
        check_op(op, reference, x, y, other_mask=mask)
        check_op(op, reference, x, y[0], input_mask=mask, dtype=torch.float64)
    check_op(op, reference, x, y.double())
    check_error(op, reference, x.detach().long(), y.long())


@pytest.mark.parametrize("name", REDUCTIONS + ROWS)
def test_errors(name):
    op, reference = pair(name)
    x = draw(3, 4).detach()
    for dim in (2, -3):
        check_error(op, reference, x, dim=dim)
    check_error(op, reference, x, dim=0, mask=torch.ones(3, 3).bool())
    check_error(op, reference, x, dim=0, mask=torch.ones(1, 3, 4).bool())
    with pytest.raises(TypeError, match="must be Tensor"):
        op(lucid.ones(3), dim=0, mask=[True])
    with pytest.raises(TypeError, match="must be Tensor"):
        op([1.0], dim=0)
    if name in REDUCTIONS:
        check_error(op, reference, x, dim=(0, 0))
    if name in ("sum", "prod", "amax", "amin", "mean", "logsumexp"):
        check_error(op, reference, x, 0, True)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "softmax", "mean", "logsumexp"])
def test_dtypes_without_an_identity(name):
    op, reference = pair(name)
    mask = torch.tensor([True, False])
    check_error(op, reference, torch.tensor([True, False]), 0, mask=mask)
    check_both(op, reference, torch.tensor([1, 2]), 0, mask=mask)
    check_both(op, reference, torch.tensor([1, 2]), 0)


def test_names():
    left_out = {"as_masked_tensor", "is_masked_tensor", "masked_tensor", "MaskedTensor"}
    assert set(lucid.masked.__all__) == set(torch.masked.__all__) - left_out
