"""Normalisation against PyTorch's: which dtypes and shapes go together."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import lucid.nn.functional as F
from tests.checks import check_both

pytestmark = pytest.mark.parity

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64]


def both(name: str, *args: object) -> None:
    check_both(getattr(F, name), getattr(torch.nn.functional, name), *args, tol=2e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
def test_dtypes_of_weight_and_bias(dtype):
    given = torch.randn(2, 4).mul(3).to(dtype)
    for first, second in itertools.product([None, *DTYPES], repeat=2):
        w, b = (None if d is None else torch.randn(4).mul(2).to(d) for d in (first, second))
        both("layer_norm", given, (4,), w, b)
        both("layer_norm", given[:0], (4,), w, b)
        if first is second:
            both("group_norm", given, 2, w, b)
            both("rms_norm", given, (4,), w)


@pytest.mark.parametrize("shape", [(4,), (2, 4), (0, 4), (2, 3, 4)])
@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_shapes(name, shape):
    for sizes in ((4,), [4], 4, (3, 4), (), (0,), (-1,), (4.0,), torch.Size([4]), None, "4", (2, 3, 4), (1, 2, 3, 4)):
        both(name, torch.randn(shape, requires_grad=True), sizes)
        both(name, torch.randn(shape), sizes, torch.randn(4))
