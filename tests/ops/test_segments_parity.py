"""`segment_reduce` held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both, check_error

pytestmark = pytest.mark.parity
REDUCTIONS = ("sum", "mean", "max", "min", "prod")


def _distinct(*shape):
    """Different values: among equal ones PyTorch shares a gradient only where it is positive."""
    n = torch.Size(shape).numel()
    torch.manual_seed(0)
    return ((torch.randperm(n) - n // 2) / 8).reshape(shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("initial", [None, 2, -1.5])
def test_lengths_and_offsets(dtype, reduce, initial):
    tol = 2e-2 if dtype.itemsize == 2 else 1e-4
    x = _distinct(5, 3).to(dtype).requires_grad_()
    for lengths in ([2, 3], [0, 5], [1, 1, 3], [5, 0, 0]):
        given = torch.tensor(lengths)
        offsets = torch.tensor([0, *lengths]).cumsum(0)
        for how in ({"lengths": given}, {"offsets": offsets}, {"lengths": given.int()}):
            check_both(lucid.segment_reduce, torch.segment_reduce, x, reduce, initial=initial, tol=tol, **how)
    y = _distinct(2, 5, 3).to(dtype).requires_grad_()
    lengths = torch.tensor([[2, 3, 0], [1, 1, 3]])
    check_both(lucid.segment_reduce, torch.segment_reduce, y, reduce, lengths=lengths, axis=1, initial=initial, tol=tol)


def test_nan_and_ties():
    for values in ([1.0, 2.0, 2.0, float("nan")], [1.0, 1.0]):
        x = torch.tensor(values, requires_grad=True)
        for reduce in ("max", "min", "sum", "mean"):
            check_both(lucid.segment_reduce, torch.segment_reduce, x, reduce, lengths=torch.tensor([len(values)]))


@pytest.mark.parametrize(
    "given",
    [
        {"reduce": "foo", "lengths": torch.tensor([5])},
        {"reduce": "sum"},
        {"reduce": "sum", "lengths": torch.tensor([4])},
        {"reduce": "sum", "lengths": torch.tensor([6, -1])},
        {"reduce": "sum", "lengths": torch.tensor([5.0])},
        {"reduce": "sum", "lengths": torch.tensor([1, 1]), "axis": 1},
        {"reduce": "sum", "lengths": torch.tensor([5]), "indices": torch.tensor([1])},
    ],
)
def test_refused(given):
    check_error(lucid.segment_reduce, torch.segment_reduce, torch.zeros(5, 3), **given)


def test_unsafe_and_empty():
    x, lengths = torch.arange(8.0).reshape(4, 2), torch.tensor([1, 2])
    check_both(lucid.segment_reduce, torch.segment_reduce, x, "sum", lengths=lengths, unsafe=True)
    check_both(lucid.segment_reduce, torch.segment_reduce, x[:0], "sum", lengths=torch.tensor([0]))
    check_error(lucid.segment_reduce, torch.segment_reduce, x.long(), "sum", lengths=torch.tensor([4]))
