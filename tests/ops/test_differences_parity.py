"""`gradient` held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_both

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64, torch.complex64])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 5, 4)])
@pytest.mark.parametrize("edge_order", [1, 2])
def test_every_spacing_and_dimension(dtype, shape, edge_order):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=dtype) if dtype.is_complex else torch.randn(shape).mul(5).to(dtype)
    x = x.requires_grad_() if dtype.is_floating_point else x
    for dim in (None, 0, -1, (0,), tuple(range(len(shape)))):
        along = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim
        coordinates = [torch.rand(shape[d]).add(0.5).cumsum(0).requires_grad_() for d in along]
        for spacing in (None, 2, 0.5, [2.0] * len(along), coordinates):
            if spacing is None and isinstance(dim, int):
                continue  # PyTorch takes no number without a spacing here
            arguments = {"dim": dim, "edge_order": edge_order, "spacing": spacing}
            given = {k: v for k, v in arguments.items() if v is not None}
            tol = 3e-2 if dtype is torch.float16 else 1e-3
            second = dtype is torch.float64 and spacing is not coordinates
            check_both(lucid.gradient, torch.gradient, x, tol=tol, second=second, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"spacing": (1, 2, 3)},
        {"spacing": (1,), "dim": (0, 1)},
        {"spacing": torch.tensor([1.0, 2.0])},
        {"spacing": [torch.tensor([1.0, 2.0, 4.0])]},
        {"spacing": [torch.ones(3, 1), torch.ones(4)]},
        {"spacing": 0},
        {"spacing": 2 + 1j},
        {"dim": (0, 0)},
        {"dim": ()},
        {"dim": 5},
        {"edge_order": 3},
        {"edge_order": 2},
    ],
)
def test_arguments(given):
    check_both(lucid.gradient, torch.gradient, torch.arange(12.0).reshape(3, 4) ** 2, **given)


def test_inputs():
    for x in (torch.tensor(3.0), torch.tensor([3.0]), torch.zeros(0), torch.zeros(3, 0), torch.tensor([3, 4, 7])):
        check_both(lucid.gradient, torch.gradient, x)
    for dtype in (torch.uint8, torch.bool, torch.int8):
        check_both(lucid.gradient, torch.gradient, torch.tensor([1, 0, 1], dtype=dtype))
    check_both(lucid.gradient, torch.gradient, torch.arange(12.0).reshape(3, 4).T)
