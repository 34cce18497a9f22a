"""Histograms held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_program

pytestmark = pytest.mark.parity
DTYPES = [torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bins", [1, 3, 7, 100])
def test_equal_bins(dtype, bins):
    torch.manual_seed(0)
    x, weight = torch.rand(200, dtype=dtype) * 10, torch.rand(200, dtype=dtype)
    for values in (x, x.reshape(20, 10).T, torch.arange(0, 11, dtype=dtype) / 10, torch.full((3,), 5.0, dtype=dtype)):
        for between in (None, (0.0, 5.0), (0.0, 1.0), (2.0, 2.0)):
            check_both(lucid.histogram, torch.histogram, values, bins, range=between)
            check_both(lucid.histogram, torch.histogram, values, bins, range=between, density=True)
    check_both(lucid.histogram, torch.histogram, x, bins, weight=weight, density=True)
    check_both(lucid.histogram, torch.histogram, x, bins, weight=weight, range=(1.0, 4.0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_dimensions(dtype):
    torch.manual_seed(0)
    x, weight = torch.rand(50, 3, dtype=dtype), torch.rand(50, dtype=dtype)
    edges = torch.tensor([0.0, 0.2, 1.0], dtype=dtype)
    for bins in (2, [1, 2, 3], [edges] * 3, [edges] * 2, [2, 3]):
        check_both(lucid.histogramdd, torch.histogramdd, x, bins)
    between = (0.0, 1.0, 0.2, 0.5, 0.0, 2.0)
    check_both(lucid.histogramdd, torch.histogramdd, x, [1, 2, 3], range=between, weight=weight, density=True)
    check_both(lucid.histogramdd, torch.histogramdd, x, 2, range=between[:4])
    check_both(lucid.histogramdd, torch.histogramdd, x.reshape(5, 10, 3), 4, weight=weight.reshape(5, 10))
    check_both(lucid.histogramdd, torch.histogramdd, x[0], 4)
    check_both(lucid.histogramdd, torch.histogramdd, x[:0], 4)


@pytest.mark.parametrize(
    ("args", "given"),
    [
        ((torch.tensor([0.0, 2.0, 3.0]),), {}),
        ((torch.tensor([0.0, 2.0, 3.0], dtype=torch.float64),), {}),
        ((torch.tensor([0.0, 2.0, 3.0]),), {"range": (0.0, 1.0)}),
        ((torch.zeros(2, 2),), {}),
        ((torch.zeros(0),), {}),
        ((torch.zeros(1),), {}),
        ((0,), {}),
        ((3,), {"range": (4.0, 0.0)}),
        ((3,), {"range": (0.0, 1.0, 2.0)}),
        ((3,), {"weight": torch.ones(4)}),
        ((3,), {"weight": torch.ones(5, dtype=torch.float64)}),
        ((torch.tensor(3),), {}),
        ((), {}),
    ],
)
def test_arguments(args, given):
    check_both(lucid.histogram, torch.histogram, torch.tensor([1.0, 2.0, 3.0, 4.0, 4.0]), *args, **given)


def test_inputs():
    for x in (torch.tensor([1.0, float("nan")]), torch.zeros(0), torch.zeros(3).half(), torch.zeros(3).long()):
        check_both(lucid.histogram, torch.histogram, x, 3)
    check_both(lucid.histogram, torch.histogram, torch.tensor([1.0, float("nan")]), 3, range=(0.0, 4.0))
    check_program(lambda t: t.zeros(3).histogram(3).bin_edges)
    check_program(lambda t: t.histogram(t.arange(3.0), 2, out=(t.empty(0), t.empty(0))).hist)
