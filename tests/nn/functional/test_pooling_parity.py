"""Fractional max pooling and the inverse of max pooling against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_both, check_error, check_op

pytestmark = pytest.mark.parity

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def values(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)
    return made.to(dtype).requires_grad_()


@pytest.mark.parametrize(("n", "size"), [(1, (11,)), (2, (9, 8)), (3, (7, 8, 6))])
@pytest.mark.parametrize("dtype", FLOATS)
def test_max_unpool(n, size, dtype):
    unpool, reference = getattr(F, f"max_unpool{n}d"), getattr(TF, f"max_unpool{n}d")
    for lead in ((2, 3), (3,), (0, 3)):
        x = values(*lead, *size, dtype=dtype)
        for kernel, stride, padding in ((2, None, 0), (3, 2, 1), (2, 2, 1), (3, 3, 0)):
            found = getattr(TF, f"max_pool{n}d")(x, kernel, stride, padding, return_indices=True)
            y, where = found[0].detach().requires_grad_(), found[1]
            check_both(unpool, reference, y, where, kernel, stride, padding, second=dtype is torch.float64)
            for given in (x.shape, size, [s + 7 for s in size]):
                check_both(unpool, reference, y, where, kernel, stride, padding, given)


def test_what_max_unpool_refuses():
    y, where = TF.max_pool2d(torch.randn(1, 1, 4, 4), 2, return_indices=True)
    for a in (
        (y, where.int(), 2),
        (y.int(), where, 2),
        (y, where[0], 2),
        (y, where + 20, 2),
        (y, where - 20, 2),
        (y[0, 0], where[0, 0], 2),
        (y, where, 2, 2, 0, (4,)),
        (y, where, 2, 2, 3),
        (y[None], where[None], 2),
    ):
        check_error(F.max_unpool2d, TF.max_unpool2d, *a)
    check_error(F.max_unpool1d, TF.max_unpool1d, y, where, 2)
    with pytest.raises(RuntimeError, match="stride"):
        F.max_unpool2d(lucid.ones(1, 1, 1), lucid.zeros(1, 1, 1, dtype=lucid.int64), 2, 0)


@pytest.mark.parametrize(("n", "size"), [(2, (9, 8)), (3, (7, 8, 6))])
@pytest.mark.parametrize("dtype", FLOATS)
def test_fractional_max_pool(n, size, dtype):
    name = f"fractional_max_pool{n}d"
    pool, reference = getattr(F, name), getattr(TF, name)
    both = getattr(F, f"{name}_with_indices"), getattr(TF, f"{name}_with_indices")
    for lead in ((2, 3), (3,), (0, 3)):
        x = values(*lead, *size, dtype=dtype)
        where = torch.rand(lead[0] if len(lead) == 2 else 1, 3, n, dtype=torch.float64).to(dtype)
        for kernel, out in ((2, 3), (3, 2), (1, 4), ((2, 3, 2)[:n], (4, 1, 3)[:n]), (5, 9)):
            check_both(pool, reference, x, kernel, out, _random_samples=where)
            check_both(pool, reference, x, kernel, out, return_indices=True, _random_samples=where)
            check_both(*both, x, kernel, output_ratio=(0.5, 0.4, 0.5)[:n], _random_samples=where)
        drawn = pool(lucid.ones(*x.shape), 2, 3)
        assert drawn.shape == (*lead, *[3] * n)


def test_fractional_max_pool_of_no_numbers_and_what_it_refuses():
    samples = torch.rand(1, 1, 2)
    x = torch.tensor([[[[1.0, float("nan"), 2], [3, 3, 1], [5, 0, float("nan")]]]])
    check_op(F.fractional_max_pool2d, TF.fractional_max_pool2d, x, 2, 2, return_indices=True, _random_samples=samples)
    for a, options in (
        ((x, 2), {}),
        ((x, 2), {"output_ratio": (0.5, 0.5, 0.5)}),
        ((x, 2, (2, 2, 2)), {}),
        ((x, 5, 2), {}),
        ((x, 2, 2), {"_random_samples": samples.double()}),
        ((x, 2, 2), {"_random_samples": samples[0]}),
        ((x[0, 0], 2, 2), {"_random_samples": samples}),
        ((x.int(), 2, 2), {"_random_samples": samples.int()}),
        ((x[:, :0], 2, 2), {"_random_samples": samples}),
    ):
        check_error(F.fractional_max_pool2d, TF.fractional_max_pool2d, *a, **options)
