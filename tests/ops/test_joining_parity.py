"""Joining, repeating, turning, triangles and grids against PyTorch: values, gradients, `out=`, errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op

pytestmark = pytest.mark.parity

SHAPES = [(3,), (2, 3), (3, 4), (2, 3, 4), (1, 3), (), (0, 3)]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64]


def both(op: Callable[..., Any], *args: Any, second: bool = False) -> None:
    mine, theirs = (lambda *a: op(lucid, *a)), (lambda *a: op(torch, *a))
    try:
        theirs(*args)
    except Exception:
        check_error(mine, theirs, *args)
    else:
        check_op(mine, theirs, *args, second=second)


def drawn(shape: Any, dtype: Any) -> Any:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape).to(dtype).requires_grad_(dtype in (torch.float32, torch.float64))
    return torch.randint(0, 2 if dtype is torch.bool else 6, shape).to(dtype)


@pytest.mark.parametrize("seed", range(10))
def test_joining(seed: int) -> None:
    r = random.Random(seed)
    torch.manual_seed(seed)
    shape = r.choice(SHAPES)
    d = r.randint(-len(shape), len(shape) - 1) if shape else 0
    pieces = [tuple(r.randint(0, 3) if k == d % len(shape) else n for k, n in enumerate(shape)) for _ in range(3)]
    parts = [drawn(s, r.choice(DTYPES[:4]) if seed % 2 else DTYPES[0]) for s in pieces]
    both(lambda m, *t: m.cat(t, d), *parts)
    both(lambda m, *t: m.concat(list(t), dim=d), *parts, torch.zeros(0))
    both(lambda m, *t: m.concatenate(list(t), axis=d), *parts, torch.zeros(2, 2))
    same = [drawn(shape, r.choice(DTYPES[:4])) for _ in range(2)]
    for k in range(-len(shape) - 2, len(shape) + 2):
        both(lambda m, *t: m.stack(t, k), *same)  # noqa: B023
    for name in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
        both(lambda m, *t: getattr(m, name)(t), *same)  # noqa: B023
    for name in ("block_diag", "cartesian_prod", "broadcast_tensors", "atleast_1d", "atleast_2d", "atleast_3d"):
        both(lambda m, *t: getattr(m, name)(*t), *same)  # noqa: B023
    vectors = [drawn((r.randint(0, 3),), torch.float32) for _ in range(r.randint(1, 3))]
    for indexing in ("ij", "xy"):
        both(lambda m, *t: m.meshgrid(*t, indexing=indexing), *vectors)  # noqa: B023
    both(lambda m, *t: m.cartesian_prod(*t), *vectors)


@pytest.mark.parametrize("seed", range(10))
def test_repeating_and_turning(seed: int) -> None:
    r = random.Random(100 + seed)
    torch.manual_seed(seed)
    shape = r.choice(SHAPES)
    n = len(shape)
    d = r.randint(-n, n - 1) if n else 0
    x = drawn(shape, r.choice(DTYPES))
    times = tuple(r.randint(0, 3) for _ in range(r.randint(0, n + 1)))
    both(lambda m, x: m.tile(x, times), x)
    if times:
        both(lambda m, x: (x.repeat(times), x.repeat(*times)), x)
    count = r.randint(0, 3)
    both(lambda m, x: m.repeat_interleave(x, count), x)
    if n:
        both(lambda m, x: x.repeat_interleave(count, dim=d), x)
        both(lambda m, x, q: m.repeat_interleave(x, q, dim=d), x, torch.randint(0, 3, (shape[d],)))
        dims = tuple(r.sample(range(n), r.randint(0, n)))
        both(lambda m, x: m.flip(x, dims), x)
        both(lambda m, x: m.roll(x, (5, -1), (d, 0)), x)
    both(lambda m, q: m.repeat_interleave(q), torch.randint(0, 3, (4,)))
    for name in ("fliplr", "flipud", "rot90"):
        both(lambda m, x: getattr(m, name)(x), x)  # noqa: B023
    both(lambda m, x: m.roll(x, r.randint(-1, 1) * 0 + 2), x)
    both(lambda m, x: m.roll(x, (1, 2), (0,)), x)
    k, plane = r.randint(-5, 5), (r.randint(-n - 1, n), r.randint(-n, n))
    both(lambda m, x: m.rot90(x, k, plane), x)


@pytest.mark.parametrize("seed", range(8))
def test_triangles_and_diagonals(seed: int) -> None:
    r = random.Random(200 + seed)
    torch.manual_seed(seed)
    shape = r.choice(SHAPES)
    n = len(shape)
    x = drawn(shape, r.choice(DTYPES))
    for offset in (-9, -1, 0, 2):
        both(lambda m, x: m.tril(x, offset), x)  # noqa: B023
        both(lambda m, x: m.triu(x, offset), x)  # noqa: B023
    for offset in (-1, 0, 2):
        both(lambda m, x: m.diag(x, offset), x)  # noqa: B023
        both(lambda m, x: m.diagflat(x, offset), x)  # noqa: B023
        both(lambda m, x: m.diag_embed(x, offset), x)  # noqa: B023
        both(lambda m, x: m.diag_embed(x, offset, r.randint(-n - 1, n) * 0 - 2, 0), x)  # noqa: B023
        both(lambda m: (m.tril_indices(3, 4, offset), m.triu_indices(4, 2, offset)))  # noqa: B023
    for count in (0, 1, 2, 3):
        both(lambda m, x: m.combinations(x, count), x)  # noqa: B023
        both(lambda m, x: m.combinations(x, count, with_replacement=True), x)  # noqa: B023


def test_out_and_errors() -> None:
    a, b = torch.ones(2, 2), torch.zeros(2, 3)
    for name in ("hstack", "column_stack"):
        out = lucid.empty(0)
        assert getattr(lucid, name)([lucid.ones(2), lucid.ones(2)], out=out) is out
        assert out.numel() == 4
    for op in (
        lambda m, a, b: m.cat([]),
        lambda m, a, b: m.stack([]),
        lambda m, a, b: m.hstack([]),
        lambda m, a, b: m.cat([a, b]),
        lambda m, a, b: m.cat([a, b], 5),
        lambda m, a, b: m.cat([a, b[0]]),
        lambda m, a, b: m.cat([a, 1]),
        lambda m, a, b: m.cat(a),
        lambda m, a, b: m.stack([a, b]),
        lambda m, a, b: m.meshgrid(a, b, indexing="ij"),
        lambda m, a, b: m.meshgrid(a[0], b[0], indexing="yx"),
        lambda m, a, b: m.meshgrid([], indexing="ij"),
        lambda m, a, b: m.broadcast_tensors(a, b),
        lambda m, a, b: m.broadcast_shapes((2, 2), (2, 3)),
        lambda m, a, b: m.block_diag(a[None], b),
        lambda m, a, b: m.cartesian_prod(a, b),
        lambda m, a, b: a.repeat(2),
        lambda m, a, b: a.repeat(-1, 2),
        lambda m, a, b: m.repeat_interleave(a, m.tensor([1, 2, 3]), dim=0),
        lambda m, a, b: m.repeat_interleave(a, m.tensor([1, -1]), dim=0),
        lambda m, a, b: m.repeat_interleave(a, -1),
        lambda m, a, b: m.flip(a, (0, 0)),
        lambda m, a, b: m.rot90(a, 1, (0,)),
        lambda m, a, b: m.diag(a[None]),
        lambda m, a, b: m.diag_embed(a, 0, 1, 1),
        lambda m, a, b: m.tril(a[0]),
        lambda m, a, b: m.tril_indices(-1, 2),
        lambda m, a, b: m.combinations(a),
        lambda m, a, b: m.combinations(a[0], -1),
    ):
        both(op, a, b)
