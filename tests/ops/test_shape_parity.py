"""Views against PyTorch: values, gradients, strides, offsets and errors, over shapes and dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

Op = Callable[..., Any]
SHAPES = [(), (1,), (3,), (2, 3), (3, 1, 2), (0, 3), (2, 3, 4)]


def _geometry(t: Any) -> tuple[Any, ...]:
    return t.stride(), t.storage_offset(), t.is_contiguous()


def both(op: Op, x: Any, copies: bool = False) -> None:
    """Compare the result of `op`, one view or several, with its strides."""

    def run(library: Any, t: Any) -> Any:
        found = op(library, t)
        pieces = list(found) if isinstance(found, (tuple, list)) else [found]
        return found, [] if copies else [_geometry(p) for p in pieces]

    try:
        op(torch, x)
    except Exception:
        check_error(lambda t: op(lucid, t), lambda t: op(torch, t), x)
    else:
        check_op(lambda t: run(lucid, t), lambda t: run(torch, t), x)


@pytest.fixture(params=SHAPES, ids=str)
def x(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return torch.randn(request.param, requires_grad=True)


def test_one_dimension(x: Any) -> None:
    for d in range(-x.ndim - 2, x.ndim + 2):
        for op in (
            lambda m, x: m.unsqueeze(x, d),  # noqa: B023
            lambda m, x: m.squeeze(x, d),  # noqa: B023
            lambda m, x: m.select(x, d, -1),  # noqa: B023
            lambda m, x: m.select(x, d, 7),  # noqa: B023
            lambda m, x: m.unbind(x, d),  # noqa: B023
            lambda m, x: m.flatten(x, d),  # noqa: B023
            lambda m, x: m.split(x, [1, 2], d),  # noqa: B023
            lambda m, x: m.split_with_sizes(x, [1, 1, 0], d),  # noqa: B023
            lambda m, x: m.tensor_split(x, (0, -1, 7), d),  # noqa: B023
            lambda m, x: m.unflatten(x, d, (1, -1)),  # noqa: B023
            lambda m, x: m.unflatten(x, d, (2, 2)),  # noqa: B023
            lambda m, x: (x.size(d), x.stride(d)) and x,  # noqa: B023
        ):
            both(op, x)
        for k in (0, 1, 2, 3):
            for op in (
                lambda m, x: m.split(x, k, d),  # noqa: B023
                lambda m, x: m.chunk(x, k, d),  # noqa: B023
                lambda m, x: m.tensor_split(x, k, d),  # noqa: B023
                lambda m, x: m.narrow(x, d, k, 1),  # noqa: B023
                lambda m, x: m.narrow(x, d, -k, k),  # noqa: B023
                lambda m, x: x.unfold(d, k, 2),  # noqa: B023
            ):
                both(op, x)


def test_two_dimensions(x: Any) -> None:
    n = x.ndim
    for d, e in itertools.product(range(-1, n + 1), repeat=2):
        for op in (
            lambda m, x: m.transpose(x, d, e),  # noqa: B023
            lambda m, x: m.swapaxes(x, d, e),  # noqa: B023
            lambda m, x: m.movedim(x, d, e),  # noqa: B023
            lambda m, x: m.flatten(x, d, e),  # noqa: B023
            lambda m, x: m.squeeze(x, (d, e)),  # noqa: B023
            lambda m, x: m.diagonal(x, 0, d, e),  # noqa: B023
            lambda m, x: m.diagonal(x, 1, d, e),  # noqa: B023
            lambda m, x: m.diagonal(x, -9, d, e),  # noqa: B023
        ):
            both(op, x)


def test_orders(x: Any) -> None:
    for order in itertools.permutations(range(x.ndim)):
        both(lambda m, x: m.permute(x, order), x)  # noqa: B023
    for order in [(0,), (0, 0), (1, 2), (0, 1, 5)]:
        both(lambda m, x: m.permute(x, order), x)  # noqa: B023
    for op in (
        lambda m, x: m.t(x),
        lambda m, x: x.T if x.ndim == 2 else x.mT,
        lambda m, x: x.mH,
        lambda m, x: x.H if x.ndim else x,
        lambda m, x: m.adjoint(x),
        lambda m, x: m.ravel(x),
        lambda m, x: m.squeeze(x),
        lambda m, x: m.squeeze(x, ()),
        lambda m, x: m.moveaxis(x, (0, 1), (1, 0)),
        lambda m, x: m.movedim(x, (0, 0), (1, 0)),
        lambda m, x: m.movedim(x, (0, 1), (1,)),
        lambda m, x: x.transpose(0, -1).contiguous(),
        lambda m, x: m.hsplit(x, 1),
        lambda m, x: m.hsplit(x, (1, 2)),
        lambda m, x: m.vsplit(x, 2),
        lambda m, x: m.dsplit(x, 2),
    ):
        both(op, x)


SIZES = [(-1,), (6,), (2, -1), (3, 2), (4, 6), (1, -1, 1), (), (0, -1), (-1, -1), (0, 3), (-2, 3), (24,), (2, 3, 2, 2)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_other_shapes(x: Any, sizes: tuple[int, ...]) -> None:
    turned = lambda x: x.T if x.ndim < 3 else x.transpose(0, -1)  # noqa: E731
    for op in (
        lambda m, x: m.reshape(x, sizes),
        lambda m, x: x.view(sizes),
        lambda m, x: x.view(*sizes),
        lambda m, x: m.reshape(turned(x), sizes),
        lambda m, x: turned(x).view(sizes),
        lambda m, x: x[..., 1:].view(sizes),
        lambda m, x: x[..., ::2].reshape(sizes),
    ):
        both(op, x)


@pytest.mark.parametrize(
    "sizes", [(2, 3), (4, 2, 3), (-1, 3), (3, -1), (2, 3, 4), (-1, -1, -1), (), (2, 0, 3)], ids=str
)
def test_expanding(x: Any, sizes: tuple[int, ...]) -> None:
    both(lambda m, x: x.expand(sizes), x)
    both(lambda m, x: x.expand(*sizes), x)
    both(lambda m, x: m.broadcast_to(x, sizes), x)


@pytest.mark.parametrize(
    ("sizes", "strides", "offset"),
    [((2, 2), (1, 1), 0), ((2,), (2,), 1), ((3, 3), (1, 0), 0), ((0,), (1,), 0), ((2, 2), (-1, 1), 3), ((9,), (1,), 0)],
)
def test_strided(x: Any, sizes: Any, strides: Any, offset: int) -> None:
    both(lambda m, x: m.as_strided(x, sizes, strides, offset), x)
    both(lambda m, x: m.as_strided(x.detach()[..., 1:], sizes, strides), x)


def test_clones_keep_dense_strides(x: Any) -> None:
    both(lambda m, x: x.transpose(0, -1).clone() if x.ndim > 1 else x, x)
    both(lambda m, x: x[..., ::2].clone(), x, copies=x.ndim < 2)
