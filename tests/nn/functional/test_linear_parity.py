"""Linear maps against PyTorch's, of every shape of weight and bias."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import lucid.nn.functional as F
from tests.checks import check_both

pytestmark = pytest.mark.parity

BIASES = [None, (), (3,), (1,), (2,), (1, 1), (1, 3), (2, 3), (2, 1, 3), (2, 3, 3)]


@pytest.mark.parametrize("shape", [(4,), (2, 4), (0, 4), (1, 4), (2, 3, 4), (2, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_shapes(shape, dtype):
    for size, bias in itertools.product([(3, 4), (0, 4), (1, 3, 4)], BIASES):
        given = [torch.randn(s).mul(3).to(dtype) for s in (shape, size, *([] if bias is None else [bias]))]
        check_both(F.linear, torch.nn.functional.linear, *[t.requires_grad_(dtype.is_floating_point) for t in given])


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_weights_of_one_dimension(shape):
    for bias in (None, (), (1,), (3,), (2, 3, 3)):
        given = [torch.randn(s, requires_grad=True) for s in (shape, (4,), *([] if bias is None else [bias]))]
        check_both(F.linear, torch.nn.functional.linear, *given)


def test_dtypes_have_to_be_one():
    for first, second in itertools.permutations([torch.float32, torch.float64, torch.bfloat16, torch.int64], 2):
        a, w = torch.ones(2, 4, dtype=first), torch.ones(3, 4, dtype=second)
        check_both(F.linear, torch.nn.functional.linear, a, w)
        check_both(F.linear, torch.nn.functional.linear, a, w.to(first), w[:, 0])
