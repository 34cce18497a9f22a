"""What `lucid.func._mapping` puts right in MLX, each beside MLX's own; and `vmap` where PyTorch is no guide."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.func._mapping import corrected, mapped

ROWS, NUMBERS = mx.arange(6.0).reshape(2, 3), mx.array([0.0, 4.0, 2.0])
BITS, MORE = mx.arange(6).reshape(2, 3), mx.array([1, 3, 5])
CUBE, TABLE = mx.arange(24.0).reshape(2, 3, 4), mx.arange(12.0).reshape(4, 3)


def one_after_the_other(fn: Callable[..., mx.array], arrays: Sequence[mx.array], axes: Sequence[int | None]) -> Any:
    size = next(a.shape[d] for a, d in zip(arrays, axes, strict=True) if d is not None)
    rows = [
        fn(*[a if d is None else mx.take(a, k, axis=d) for a, d in zip(arrays, axes, strict=True)]) for k in range(size)
    ]
    return np.array(mx.stack(rows))


def of_a_gradient(cotangent: mx.array) -> mx.array:
    """The gradient of columns that were taken: sums over MLX's scatter."""
    return mx.vjp(lambda a: mx.take(a, mx.array([0, 2, 1]), axis=1), [TABLE], [cotangent])[1][0]


WRONG: dict[str, tuple[Callable[..., mx.array], list[mx.array], list[int | None]]] = {
    "not_equal": (lambda a, b: a != b, [NUMBERS, ROWS], [None, 0]),
    "bitwise_and": (lambda a, b: a & b, [BITS, MORE], [0, None]),
    "bitwise_or": (lambda a, b: a | b, [BITS, MORE], [0, None]),
    "bitwise_xor": (lambda a, b: a ^ b, [BITS, MORE], [0, None]),
    "left_shift": (lambda a, b: a << b, [BITS, MORE], [0, None]),
    "right_shift": (lambda a, b: a >> b, [BITS, MORE], [0, None]),
    "bitwise_and, the other side": (lambda a, b: mx.bitwise_and(a, b), [MORE, BITS], [None, 0]),
    "addmm": (
        lambda c, a, b: mx.addmm(c, a, b),
        [mx.ones((2, 3, 3)), mx.ones((3, 4)), mx.ones((4, 3))],
        [0, None, None],
    ),
    "expand_dims": (lambda a: mx.expand_dims(a.T, (0, 1)), [mx.swapaxes(CUBE, 0, 1)], [1]),
    "indexing with None": (lambda a: a.T[None, None], [mx.swapaxes(CUBE, 0, 1)], [1]),
    "tri_inv": (lambda a: mx.linalg.tri_inv(a, stream=mx.cpu), [mx.arange(8.0).reshape(2, 2, 2) + 1], [0]),
}


def same(got: Any, want: Any) -> bool:
    return got.shape == want.shape and bool(np.allclose(got, want))


@pytest.mark.parametrize("name", WRONG)
def test_put_right(name: str) -> None:
    fn, arrays, axes = WRONG[name]
    want = one_after_the_other(fn, arrays, axes)
    assert same(np.array(mapped(fn, arrays, axes)), want)


@pytest.mark.parametrize("name", WRONG)
def test_mlx_has_not_caught_up(name: str) -> None:
    fn, arrays, axes = WRONG[name]
    want = one_after_the_other(fn, arrays, axes)
    try:
        got = np.array(mx.vmap(fn, in_axes=tuple(axes))(*arrays))
    except ValueError:
        return
    assert not same(got, want), f"MLX maps {name} rightly now: take it out of lucid.func._mapping"


OPERATORS = [operator.ne, operator.eq, operator.lt, operator.le, operator.gt, operator.ge, operator.and_, operator.or_]
OPERATORS += [operator.xor, operator.lshift, operator.rshift, operator.add, operator.sub, operator.mul]
OPERATORS += [operator.truediv, operator.floordiv, operator.mod, operator.pow]


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_with_examples_on_one_side(op: Any) -> None:
    a, b = lucid.tensor([[1, 2, 3], [4, 5, 6]]), lucid.tensor([1, 3, 5])
    for x, y, dims in ((a, b, (0, None)), (b, a, (None, 0)), (a, 2, (0, None)), (2, a, (None, 0))):
        want = op(x, y)
        got = lucid.vmap(op, in_dims=dims)(x, y)
        assert (got.dtype, got.tolist()) == (want.dtype, want.tolist())


def test_the_gradient_of_take() -> None:
    # MLX 0.32.4 alone writes to memory that is not its own here, so that is not shown.
    cotangents = mx.arange(24.0).reshape(4, 3, 2)
    want = one_after_the_other(of_a_gradient, [cotangents], [2])

    def moved(cotangent: mx.array) -> mx.array:
        return of_a_gradient(mx.moveaxis(cotangent, 0, 1))  # so that the dimension of examples is not the first

    got = mapped(moved, [mx.moveaxis(cotangents, 0, 1)], [2])
    assert same(np.array(got), want)


def test_tangents_through_where() -> None:
    def fn(a: mx.array) -> mx.array:
        return mx.where(a > 0, mx.log(a), 0.0)

    a, ones = mx.array([0.0, 2.0]), mx.ones(2)
    assert np.isnan(np.array(mx.jvp(fn, [a], [ones])[1][0])[0]), "MLX chooses tangents now: take where out of _mapping"
    with corrected("pushing"):
        assert np.array(mx.jvp(fn, [a], [ones])[1][0]).tolist() == [0.0, 0.5]


def test_everything_is_put_back() -> None:
    before = mx.not_equal, mx.take, mx.array.__getitem__
    with corrected("mapping"):
        assert mx.take is not before[1]
    with pytest.raises(ZeroDivisionError):
        lucid.vmap(lambda _: 1 / 0)(lucid.ones(2))
    assert (mx.not_equal, mx.take, mx.array.__getitem__) == before


# ---- what PyTorch has no rule for ------------------------------------------------------------------------------------


def weighed(out: Any) -> Any:
    out = out[0] if isinstance(out, tuple) else out
    return (out * lucid.sin(lucid.arange(out.numel()).reshape(out.shape) * 1.0)).sum()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind: Any) -> None:
    layer, x = kind(4, 3), lucid.randn(3, 5, 2, 4)
    weights = dict(layer.named_parameters())

    def loss(p: Any, x: Any) -> Any:
        return weighed(lucid.func.functional_call(layer, p, (x,)))

    want = [lucid.func.grad(loss)(weights, part) for part in x]
    got = lucid.vmap(lucid.func.grad(loss), in_dims=(None, 0))(weights, x)
    for name, value in got.items():
        assert lucid.allclose(value, lucid.stack([w[name] for w in want]), atol=1e-5), name
    many = {name: lucid.stack([p, p * 0.5]) for name, p in weights.items()}
    losses = lucid.vmap(loss, in_dims=(0, None))(many, x[0])
    for k in range(2):
        assert lucid.allclose(losses[k], loss({name: p[k] for name, p in many.items()}, x[0]), atol=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.TransformerEncoderLayer])
def test_tangents_through_layers_that_pytorch_pushes_nothing_through(kind: Any) -> None:
    layer = kind(4, 2, 8, 0.0) if kind is nn.TransformerEncoderLayer else kind(4, 3)
    x, v = lucid.randn(5, 2, 4), lucid.randn(5, 2, 4)

    def loss(x: Any) -> Any:
        return weighed(layer(x))

    _, along = lucid.func.jvp(loss, (x,), (v,))
    assert lucid.allclose(along, (lucid.func.grad(loss)(x) * v).sum(), atol=1e-4)


def test_a_product_beside_zeros_has_all_derivatives() -> None:
    """MLX 0.32.4 gives NaN where tangents go forward, and for the third one."""
    for x in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0]):
        a, b, c = x
        hessian = lucid.func.hessian(lambda t: t.prod())(lucid.tensor(x))
        assert hessian.tolist() == [[0.0, c, b], [c, 0.0, a], [b, a, 0.0]]
        third = lucid.func.jacrev(lucid.func.hessian(lambda t: t.prod()))(lucid.tensor(x))
        assert third.sum().item() == 6.0


def test_values_are_refused_with_a_way_out() -> None:
    for function in (
        lambda x: x * x.sum().item(),
        lambda x: x if x.sum() > 3 else -x,
        lambda x: x[x > 2],
        lambda x: x.nonzero(),
        lambda x: x.tolist(),
        lambda x: float(x.sum()),
    ):
        with pytest.raises(RuntimeError, match=r"vmap: .*there are no values: no \.item\(\).*Use lucid\.where"):
            lucid.vmap(function)(lucid.ones(2, 3))
