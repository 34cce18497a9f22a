"""gather, scatter, index_* and their relatives against PyTorch: values, gradients, repeated indices, errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]  # torch calls some of these beta

Op = Callable[..., Any]
SHAPES = [(3,), (2, 3), (2, 3, 4), (1, 3), (), (0, 3)]
DTYPES = [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.complex64]


def both(op: Op, *args: Any, tol: float | None = None, second: bool = False) -> None:
    """Hold `op(library, *args)` of lucid against torch's: the result, or the class of the error."""
    mine, theirs = (lambda *a: op(lucid, *a)), (lambda *a: op(torch, *a))
    try:
        theirs(*args)
    except Exception:
        check_error(mine, theirs, *args)
    else:
        check_op(mine, theirs, *args, tol=tol, second=second)


def drawn(shape: Any, dtype: Any = torch.float32) -> Any:
    if dtype.is_floating_point or dtype.is_complex:
        return (torch.randn(shape) * 3).to(dtype).requires_grad_(dtype.is_floating_point)
    return torch.randint(0, 2 if dtype is torch.bool else 6, shape).to(dtype)


class Case:
    """A tensor, a dimension, and indices along it."""

    def __init__(self, r: random.Random) -> None:
        torch.manual_seed(r.randint(0, 10**6))
        self.shape = shape = r.choice(SHAPES)
        self.dim = r.randint(-len(shape), len(shape) - 1) if shape else r.choice([0, -1])
        self.d = self.dim % len(shape) if shape else 0
        self.size = shape[self.d] if shape else 1
        self.x = drawn(shape, r.choice(DTYPES))
        self.kind = r.choice([torch.int64, torch.int64, torch.int32])
        wanted = [n + 1 if k == self.d else r.randint(1, n) if n else 0 for k, n in enumerate(shape)]
        if shape and self.size == 0:
            wanted[self.d] = 0
        self.index = torch.randint(0, max(self.size, 1), wanted, dtype=self.kind)
        self.count = 0 if self.size == 0 else r.randint(0, 3)
        self.vector = torch.randint(0, max(self.size, 1), (self.count,), dtype=torch.int64)
        self.distinct = torch.randperm(self.size)[: self.count]

    def slices(self, count: int) -> Any:
        """Values for `count` indices along the dimension."""
        shape = tuple(count if k == self.d else n for k, n in enumerate(self.shape))
        return drawn(shape, self.x.dtype)


@pytest.mark.parametrize("seed", range(12))
def test_along_a_dimension(seed: int) -> None:
    c = Case(random.Random(seed))
    d = c.dim
    both(lambda m, x, i: m.gather(x, d, i), c.x, c.index, second=seed < 3)
    both(lambda m, x, i: m.take_along_dim(x, i, d), c.x, c.index.long())
    distinct = torch.rand(c.index.shape).argsort(c.d) if c.shape else c.index.long()
    distinct = distinct.narrow(c.d, 0, min(c.size, distinct.shape[c.d])) if c.shape else distinct
    both(lambda m, x, i, v: m.scatter(x, d, i, v), c.x, distinct, drawn(distinct.shape, c.x.dtype), second=seed < 3)
    both(lambda m, x, i: m.scatter(x, d, i, 2), c.x, c.index)
    both(lambda m, x, i: x.clone().scatter_(d, i, value=1), c.x, c.index)
    values = drawn(c.index.shape, c.x.dtype)
    both(lambda m, x, i, v: m.scatter_add(x, d, i, v), c.x, c.index, values, second=seed < 3)
    if not c.x.is_complex():
        for reduce in ("sum", "prod", "mean", "amax", "amin"):
            for own in (True, False):
                both(lambda m, x, i, v: m.scatter_reduce(x, d, i, v, reduce, include_self=own), c.x, c.index, values)  # noqa: B023
        for reduce in ("add", "multiply"):
            both(lambda m, x, i, v: m.scatter(x, d, i, v, reduce=reduce), c.x.detach(), c.index, values.detach())  # noqa: B023


@pytest.mark.parametrize("seed", range(12))
def test_whole_slices(seed: int) -> None:
    c = Case(random.Random(100 + seed))
    d = c.dim
    if not c.shape:
        return
    both(lambda m, x, i: m.index_select(x, d, i), c.x, c.vector)
    both(lambda m, x, i, v: m.index_add(x, d, i, v), c.x, c.vector, c.slices(c.count))
    both(lambda m, x, i, v: x.clone().index_add_(d, i, v, alpha=2), c.x, c.vector, c.slices(c.count))
    both(lambda m, x, i, v: m.index_copy(x, d, i, v), c.x, c.distinct, c.slices(len(c.distinct)))
    both(lambda m, x, i: m.index_fill(x, d, i - 1, 1), c.x, c.vector)
    both(lambda m, x, i, v: m.index_fill(x, d, i, v), c.x, c.vector, drawn((), c.x.dtype))
    if not c.x.is_complex():
        for reduce in ("prod", "mean", "amax", "amin"):
            both(lambda m, x, i, v: m.index_reduce(x, d, i, v, reduce), c.x, c.vector, c.slices(c.count))  # noqa: B023
    if c.size:
        both(lambda m, x, v: m.select_scatter(x, v, d, -1), c.x, drawn(c.shape[: c.d] + c.shape[c.d + 1 :], c.x.dtype))
        both(lambda m, x, v: m.slice_scatter(x, v, d, 0, 1), c.x, c.slices(1))


@pytest.mark.parametrize("seed", range(6))
def test_elements(seed: int) -> None:
    c = Case(random.Random(200 + seed))
    n = c.x.numel()
    index = torch.randint(-n, n, (2, 2)) if n else torch.zeros(0, dtype=torch.long)
    both(lambda m, x, i: m.take(x, i), c.x, index)
    both(lambda m, x, i, v: m.put(x, i, v, accumulate=True), c.x, index, drawn(index.shape, c.x.dtype))
    both(lambda m, x, i: m.take_along_dim(x, i), c.x, index)
    mask = torch.rand(c.shape[1:] if seed % 2 else c.shape) > 0.5
    for value in (1, 0.5, float("-inf")):
        both(lambda m, x, k: m.masked_fill(x, k, value), c.x, mask)  # noqa: B023
    both(lambda m, x, k, v: m.masked_fill(x, k, v), c.x, mask, drawn((), c.x.dtype))
    both(lambda m, x, k: m.masked_select(x, k), c.x, mask)
    both(lambda m, x, k, v: m.masked_scatter(x, k, v), c.x, mask, drawn((30,), c.x.dtype))
    both(lambda m, x, k, y: m.where(k, x, y), c.x, mask, drawn(c.shape, c.x.dtype))
    both(lambda m, x, k: (m.where(k, x, 2), m.where(k, 1, x), x.where(k, 0), m.where(k, 1.0, 2)), c.x, mask)
    both(lambda m, x: (m.nonzero(x), m.nonzero(x, as_tuple=True), m.argwhere(x), m.where(x)), c.x.detach())


def test_errors() -> None:
    x, i = torch.zeros(3, 4), torch.tensor([[0]])
    for op in (
        lambda m, x, i: m.gather(x, 1, m.tensor([[9]])),
        lambda m, x, i: m.gather(x, 1, m.tensor([[-1]])),
        lambda m, x, i: m.index_select(x, 0, m.tensor([3])),
        lambda m, x, i: m.scatter(x, 0, m.tensor([[3]]), 1.0),
        lambda m, x, i: m.index_copy(x, 0, m.tensor([-1]), x[:1]),
        lambda m, x, i: m.take(x, m.tensor([12])),
        lambda m, x, i: m.gather(x, 1, i[0]),
        lambda m, x, i: m.gather(x, 1, i.float()),
        lambda m, x, i: m.gather(x, 1, i.expand(9, 1)),
        lambda m, x, i: m.gather(x, 5, i),
        lambda m, x, i: m.gather(x, 1, 0),
        lambda m, x, i: m.scatter(x, 1, i, x.long()),
        lambda m, x, i: m.scatter(x, 1, i, x, reduce="mean"),
        lambda m, x, i: m.scatter_reduce(x, 1, i, x, "median"),
        lambda m, x, i: m.scatter_add(x, 1, i.expand(1, 9), x),
        lambda m, x, i: m.index_select(x, 0, i),
        lambda m, x, i: m.index_add(x, 0, i[0], x),
        lambda m, x, i: m.index_copy(x, 0, i[0].int(), x[:1]),
        lambda m, x, i: m.index_fill(x, 0, i[0].int(), 1.0),
        lambda m, x, i: m.index_fill(x, 0, i[0], 1j),
        lambda m, x, i: m.index_fill(x, 0, i[0], x),
        lambda m, x, i: m.index_reduce(x, 0, i[0], x[:1], "sum"),
        lambda m, x, i: m.index_add(x, 0, i[0], x[:1, :2]),
        lambda m, x, i: m.take(x, i.int()),
        lambda m, x, i: m.take(x[:0], i),
        lambda m, x, i: m.put(x, i, x),
        lambda m, x, i: m.put(x, i.int(), x),
        lambda m, x, i: m.put(x, i, i),
        lambda m, x, i: m.take_along_dim(x, i[0], 0),
        lambda m, x, i: m.take_along_dim(x, i.int(), 0),
        lambda m, x, i: m.masked_fill(x, x, 1.0),
        lambda m, x, i: m.masked_fill(x, x > 0, x),
        lambda m, x, i: m.masked_fill(x, x > 0, 1j),
        lambda m, x, i: m.masked_fill(i, i > 0, 1e30),
        lambda m, x, i: m.masked_select(x, i),
        lambda m, x, i: m.masked_select(x, (x > 0)[:2]),
        lambda m, x, i: m.masked_scatter(x, m.tensor([True]), x[0]),
        lambda m, x, i: m.masked_scatter(x, x == 0, i),
        lambda m, x, i: m.masked_scatter(x, x, x),
        lambda m, x, i: m.where(x, 1, 2),
        lambda m, x, i: m.where(x > 0, x),
        lambda m, x, i: m.where(1, x, x),
        lambda m, x, i: m.select_scatter(x, x, 0, 0),
        lambda m, x, i: m.diagonal_scatter(x, 1.0),
    ):
        both(op, x, i)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 2), (7, 3), (3, 3, 3), (2, 3, 2), (3,), (0, 2)], ids=str)
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape: tuple[int, ...], wrap: bool) -> None:
    x = drawn(shape)
    both(lambda m, x: x.clone().fill_diagonal_(5, wrap), x)


def test_unravel_index() -> None:
    i = torch.tensor([[5, 0], [3, 11]])
    for shape in ((3, 4), (2, 3, 2), 12, (0, 3), (-1, 2)):
        both(lambda m, i: m.unravel_index(i, shape), i)  # noqa: B023
    both(lambda m, i: m.unravel_index(i, (2, 3)), i)
    both(lambda m, i: m.unravel_index(i.float(), (3, 4)), i)
