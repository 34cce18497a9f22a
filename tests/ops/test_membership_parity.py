"""`isin` and `nonzero_static` held against PyTorch."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error

pytestmark = pytest.mark.parity
DTYPES = [torch.float32, torch.int64, torch.float16, torch.uint8, torch.float64, torch.bfloat16, torch.bool]


@pytest.mark.parametrize(("a", "b"), list(itertools.product([*DTYPES, torch.complex64], repeat=2)))
def test_isin(a, b):
    torch.manual_seed(0)
    for n in (3, 100):  # by comparing, and by sorting
        x, y = torch.randint(0, 9, (4, 5)).to(a), torch.randint(0, 20, (n,)).to(b)
        check_both(lucid.isin, torch.isin, x, y)
        check_both(lucid.isin, torch.isin, x.T, y, invert=True)


def test_isin_takes_numbers_nan_and_nothing():
    x, nan = torch.tensor([1, 2]), float("nan")
    for value in (1, 1.5, True):
        check_both(lucid.isin, torch.isin, x, value)
        check_both(lucid.isin, torch.isin, value, x)
    check_both(lucid.isin, torch.isin, torch.tensor([1.0, nan]), torch.tensor([nan, 1.0] * 30))
    check_both(lucid.isin, torch.isin, torch.zeros(0), torch.zeros(3))
    check_both(lucid.isin, torch.isin, torch.zeros(3), torch.zeros(0))
    check_both(lucid.isin, torch.isin, torch.tensor(3), torch.zeros(2, 2))
    check_error(lucid.isin, torch.isin, 1, 2)
    check_error(lucid.isin, torch.isin, x, [1])


@pytest.mark.parametrize("size", [0, 1, 4, 100])
@pytest.mark.parametrize("fill_value", [-1, 7])
def test_nonzero_static(size, fill_value):
    torch.manual_seed(0)
    tensors = [torch.tensor([3, 0, 2]), torch.zeros(2, 3), torch.randint(0, 2, (3, 4, 2)).transpose(0, 2)]
    for x in [*tensors, torch.tensor(3), torch.zeros(0, 2), torch.tensor([True, False])]:
        check_both(lucid.nonzero_static, torch.nonzero_static, x, size=size, fill_value=fill_value)
    check_error(lucid.nonzero_static, torch.nonzero_static, torch.zeros(2), size=-1)
