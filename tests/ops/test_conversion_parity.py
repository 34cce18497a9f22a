"""Conversions, copies and reinterpretations against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_op

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:Casting complex")]

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
]


def drawn(dtype: Any, shape: Any = (2, 3)) -> Any:
    x = (torch.rand(shape) * 50).to(dtype)
    return x.requires_grad_(dtype in (torch.float32, torch.float64))


def both(op: Any, *args: Any) -> None:
    check_op(lambda *a: op(lucid, *a), lambda *a: op(torch, *a), *args)


@pytest.mark.parametrize("have", DTYPES, ids=str)
def test_every_dtype_to_every_other(have: Any) -> None:
    for want in DTYPES:
        name = str(want).removeprefix("torch.")
        if have.is_complex and not want.is_complex:
            continue
        both(lambda m, x: x.to(getattr(m, name)), drawn(have))  # noqa: B023
        both(lambda m, x: x.type(getattr(m, name)), drawn(have, ()))  # noqa: B023
        real = want.is_floating_point and not have.is_floating_point
        if not real and not want.is_complex:
            both(lambda m, y, x: y.clone().copy_(x), drawn(want).detach(), drawn(have, (3,)).detach())


@pytest.mark.parametrize("have", DTYPES, ids=str)
def test_methods(have: Any) -> None:
    x = drawn(have)
    names = ["float", "double", "half", "bfloat16", "int", "long", "short", "byte", "char", "bool"]
    for name in names if not have.is_complex else []:
        both(lambda m, x: getattr(x, name)(), x)  # noqa: B023
    both(lambda m, x: (x.clone(), m.clone(x.t()), m.fill(x, 1), x.clone().fill_(2), x.clone().zero_()), x)
    both(lambda m, x: (x.is_floating_point(), x.is_complex(), x.is_signed(), x.element_size(), x.type()[6:][-11:]), x)
    both(lambda m, x: (x.new_zeros(2), x.new_ones((1, 2)), x.new_full((2,), 1), x.new_tensor([1]), x.new_empty(0)), x)
    assert lucid.zeros(1, dtype=getattr(lucid, str(have)[6:])).type() == "lucid." + x.type().rpartition(".")[2]
    if have is not torch.bfloat16:
        both(lambda m, x: (x.tolist(), x[0, 0].item()), x.detach())


@pytest.mark.parametrize("have", [torch.float32, torch.int64, torch.int16, torch.uint8, torch.complex64], ids=str)
def test_dtype_views(have: Any) -> None:
    for want in ("float32", "float64", "int64", "int32", "int16", "uint8", "complex64"):
        for x in (drawn(have, (2, 8)).detach(), drawn(have, (8, 2)).detach()[:, :1]):
            try:
                expected = x.view(getattr(torch, want))
            except RuntimeError:
                with pytest.raises(RuntimeError):
                    lucid.tensor(x.numpy())[:, : x.shape[1]].view(getattr(lucid, want))
                continue
            got = lucid.tensor(x.contiguous().numpy()).view(getattr(lucid, want))
            assert got.numpy().tobytes() == expected.contiguous().numpy().tobytes()
            assert got.shape == tuple(expected.shape)


def test_complex_views() -> None:
    z = torch.randn(3, dtype=torch.complex64, requires_grad=True)
    both(lambda m, z: m.view_as_real(z), z)
    both(lambda m, x: m.view_as_complex(x), torch.randn(3, 2, requires_grad=True))
    both(lambda m, z: (z.mT.conj() if z.ndim > 1 else z) * 1, z)
    both(lambda m, z: z.view(1, 3).H, z)
