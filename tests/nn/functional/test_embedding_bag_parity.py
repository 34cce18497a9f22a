"""embedding_bag against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

pytestmark = pytest.mark.parity

HALF = {torch.float16: 1e-2, torch.bfloat16: 5e-2}
ints = torch.tensor


def table(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
def test_values_and_gradients(mode, dtype):
    w = table(dtype)
    for ids, offsets, last in (
        (ints([1, 2, 2, 4, 0, 1]), ints([0, 2, 4]), False),
        (ints([1, 2, 2, 4, 0, 1]), ints([0, 2, 2, 6]), False),
        (ints([1, 2, 2, 4, 0, 1]), ints([0, 2, 2, 6]), True),
        (ints([[1, 2, 5], [4, 0, 2]]), None, False),
        (ints([2, 2, 1]).int(), ints([0, 1]).int(), False),
        (ints([], dtype=torch.long), ints([0, 0]), False),
    ):
        for padding in (None, 0, -1, 2):
            options = {"mode": mode, "padding_idx": padding, "include_last_offset": last}
            check_op(F.embedding_bag, TF.embedding_bag, ids, w, offsets, tol=HALF.get(dtype), **options)
            factors = torch.rand(ids.shape, dtype=torch.float64).to(dtype).requires_grad_()
            options["per_sample_weights"] = factors
            check_both(F.embedding_bag, TF.embedding_bag, ids, w, offsets, tol=HALF.get(dtype), **options)


def test_the_gradient_by_frequency():
    ids, offsets = lucid.tensor([1, 2, 2, 4, 2]), lucid.tensor([0, 2])
    w = lucid.ones(6, 2, requires_grad=True)
    F.embedding_bag(ids, w, offsets, mode="sum", scale_grad_by_freq=True).sum().backward()
    assert w.grad[:, 0].tolist() == pytest.approx([0, 1, 1, 0, 1, 0])  # PyTorch looks up another row's frequency


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_rows_are_scaled_down(p):
    w = torch.randn(5, 4, generator=torch.Generator().manual_seed(2))
    mine = to_lucid(w)
    ids, offsets = ints([1, 2, 2, 4]), ints([0, 3])
    want = TF.embedding_bag(ids, w, offsets, max_norm=1.0, norm_type=p)
    assert_same(F.embedding_bag(to_lucid(ids), mine, to_lucid(offsets), max_norm=1.0, norm_type=p), want)
    assert_same(mine, w)


def test_what_is_refused():
    w = table().detach()
    for a in (
        (ints([1, 2]), w, ints([1, 2])),
        (ints([1, 2]), w, ints([0, 3])),
        (ints([1, 6]), w, ints([0])),
        (ints([1, -1]), w, ints([0])),
        (ints([1.0, 2]), w, ints([0])),
        (ints([1, 2]), w, ints([0.0])),
        (ints([1, 2]), w, ints([0]), None, 2, False, "median"),
        (ints([1, 2]), w, ints([0]), None, 2, True, "max"),
        (ints([1, 2]), w, ints([0]), None, 2, False, "sum", False, torch.ones(2).half()),
        (ints([1, 2]), w, ints([0]), None, 2, False, "sum", False, torch.ones(3)),
        (ints([1, 2]), w, ints([0]), None, 2, False, "mean", False, None, False, 7),
        (ints([1, 2]), w, ints([], dtype=torch.long), None, 2, False, "mean", False, None, True),
        (ints([1, 2]), w.long(), ints([0])),
        (ints([1, 2]), w[0], ints([0])),
        (ints([1, 2]), w),
        (ints([1, 2]), w, ints([[0]])),
        (ints([[1, 2]]), w, ints([0])),
        (ints([[[1, 2]]]), w),
        (torch.zeros(3, 0, dtype=torch.long), w),
    ):
        check_error(F.embedding_bag, TF.embedding_bag, *a)
    with pytest.raises(NotImplementedError, match="sparse"):
        F.embedding_bag(lucid.tensor([[1]]), lucid.ones(2, 2), sparse=True)
    # PyTorch reads outside of its memory where offsets fall: it raises or not.
    with pytest.raises(RuntimeError, match="offsets"):
        F.embedding_bag(lucid.tensor([1, 2]), lucid.ones(4, 2), lucid.tensor([0, 2, 1]))


def test_the_operation_below():
    w, ids, offsets = table(), ints([1, 2, 3, 2]), ints([0, 2, 2])
    for mode in range(3):
        for options in ({}, {"padding_idx": 2}):
            check_op(
                lucid.embedding_bag,
                torch.embedding_bag,
                w,
                ids,
                offsets,
                False,
                mode,
                **{"sparse": False, "per_sample_weights": None, "include_last_offset": False, **options},
            )
    check_op(lucid.embedding_bag, torch.embedding_bag, w, ids, offsets, False, 0, False, torch.rand(4))
    check_error(lucid.embedding_bag, torch.embedding_bag, w, ids, offsets, False, 1, False, torch.rand(4))
    with pytest.raises(RuntimeError, match="mode"):
        lucid.embedding_bag(lucid.ones(2, 2), lucid.tensor([0]), lucid.tensor([0]), False, 5)
