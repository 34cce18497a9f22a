"""ctc_loss against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_error, check_op

pytestmark = pytest.mark.parity

CASES = (  # steps, batch, classes, row of targets, input lengths, target lengths
    (12, 3, 5, 4, (12, 12, 12), (4, 4, 4)),
    (12, 3, 5, 4, (12, 7, 9), (4, 0, 2)),
    (5, 2, 4, 5, (5, 4), (5, 1)),
    (5, 2, 4, 5, (5, 4), (0, 0)),
    (6, 2, 4, 5, (6, 0), (2, 1)),
    (6, 2, 4, 5, (6, 0), (2, 0)),
    (1, 1, 4, 1, (1,), (1,)),
)


def log_probs(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)
    return values.log_softmax(-1).requires_grad_()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_values_and_gradients(case, zero_infinity):
    steps, batch, classes, row, lengths, counts = case
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(1, classes, (batch, row), generator=generator)
    joined = torch.randint(1, classes, (sum(counts),), generator=generator)
    for dtype, targets in ((torch.float32, rows), (torch.float64, joined), (torch.float32, rows.int())):
        for reduction in ("none", "sum", "mean"):
            x = log_probs(steps, batch, classes, dtype=dtype)
            options = {"reduction": reduction, "zero_infinity": zero_infinity}
            check_op(F.ctc_loss, TF.ctc_loss, x, targets, lengths, counts, **options)
    both = torch.tensor(lengths), torch.tensor(counts)
    check_op(F.ctc_loss, TF.ctc_loss, x, rows, *both, **options)


def test_without_a_batch_and_with_another_blank():
    x = log_probs(6, 4)
    for reduction in ("none", "sum", "mean"):
        arguments = torch.tensor([1, 2]), torch.tensor(6), torch.tensor(2)
        check_op(F.ctc_loss, TF.ctc_loss, x, *arguments, reduction=reduction)
    targets = torch.tensor([[0, 1], [3, 3]])
    check_op(F.ctc_loss, TF.ctc_loss, log_probs(6, 2, 4), targets, [6, 6], [2, 2], blank=2)
    for number in range(3):
        check_op(lucid.ctc_loss, torch.ctc_loss, log_probs(6, 2, 4), targets, [6, 6], [2, 2], 2, number)


def test_what_is_refused():
    x, t = log_probs(6, 2, 4), torch.tensor([[1, 2], [1, 1]])
    for a in (
        (x, t, [7, 6], [2, 2]),
        (x, t, [6, 6], [3, 2]),
        (x, t, [6], [2, 2]),
        (x, t, [6, 6], [2]),
        (x, t, [6, 6], [2, 2], 4),
        (x, t, [6, 6], [2, 2], -1),
        (x, t, [6, 6], [2, 2], 0, "middle"),
        (x.half(), t, [6, 6], [2, 2]),
        (x, t, [6, -1], [2, 2]),
        (x, t[:1], [6, 6], [2, 2]),
        (x, t[0], [6, 6], [2, 2]),
        (x, t[None], [6, 6], [2, 2]),
        (x, t, torch.tensor([6.0, 6]), torch.tensor([2, 2])),
        (x, t, torch.tensor([6, 6]), [2, 2]),
        (x[:0], t, [0, 0], [2, 2]),
        (x[0, 0], t, [6, 6], [2, 2]),
        (x, [[1, 2]], [6, 6], [2, 2]),
    ):
        check_error(F.ctc_loss, TF.ctc_loss, *a)
