"""Channels last inside: functions that compute in MLX's layout, for tensors in PyTorch's.

MLX's convolutions want the channels last. A transpose is a free view, so a layer is a function between channels-last
arrays, put between two of them: a `Last`. Elementwise operations on two such views would be written row by row, and the
next convolution would copy them back (MLX 0.32.4). So a tensor that came out of a `Last` knows that it lies channels
last (`lucid._views.ChannelsLast`), and `POINTWISE` operations on it run as a `Last` themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid._op_names import op_name

# The order of dimensions that puts the channels last, and that which puts them back first, by how many there are.
_LAST = {n: (0, *range(2, n), 1) for n in range(3, 9)}
_FIRST = {n: (0, n - 1, *range(1, n - 1)) for n in range(3, 9)}

# Operations whose functions compute each element for itself and broadcast.
POINTWISE = frozenset(
    """
    abs add addcdiv addcmul alpha_dropout bitwise_and bitwise_not bitwise_or bitwise_xor ceil celu clamp clamp_max
    clamp_min clone copied cos div dropout elu eq erf exp expm1 feature_alpha_dropout floor fmax fmin ge gelu gt
    hardshrink hardsigmoid hardswish hardtanh le leaky_relu lerp log log1p log2 log10 logical_and logical_not logical_or
    logical_xor logsigmoid lt masked_fill maximum minimum mish mul nan_to_num ne neg pow reciprocal relu rrelu rsqrt
    selu sigmoid sign silu sin softplus softshrink softsign sqrt square sub tanh tanhshrink threshold to_copy where
    """.split()
)


def last(a: mx.array, ndim: int = 0) -> mx.array:
    """`a` with its channels, dimension 1, last; dimensions in front make it `ndim` first."""
    if a.ndim < ndim:
        a = a.reshape((1,) * (ndim - a.ndim) + a.shape)
    return a.transpose(_LAST[a.ndim])


def first(a: mx.array) -> mx.array:
    """`a`, whose channels are last, with them at dimension 1."""
    return a.transpose(_FIRST[a.ndim])


class Last:
    """A pure function of channels-last arrays, as one of arrays with the channels at dimension 1.

    Attributes:
        fn: the function. Of what it returns, an array or a list, the first `outputs` arrays are channels last.
        inside: the numbers of the arguments that it takes channels last, which have three dimensions or more.
    """

    __slots__ = ("__qualname__", "fn", "inside", "outputs")

    def __init__(self, fn: Callable[..., Any], inside: Sequence[int] = (0,), outputs: int = 1) -> None:
        self.fn, self.inside, self.outputs = fn, inside, outputs
        self.__qualname__ = op_name(fn)

    def __call__(self, *arguments: Any) -> Any:
        return self.outside(self.fn(*self.turned(arguments)))

    def turned(self, arguments: Sequence[Any]) -> list[Any]:
        """`arguments` as `fn` takes them."""
        found, ndim = list(arguments), self.ndim(arguments)
        for k in self.inside:
            found[k] = last(found[k], ndim)
        return found

    def ndim(self, arguments: Sequence[Any]) -> int:
        """How many dimensions the arrays inside have, once they are broadcast."""
        inside = self.inside
        ndim: int = arguments[inside[0]].ndim if len(inside) == 1 else max([arguments[k].ndim for k in inside])
        return ndim

    def outside(self, results: Any) -> Any:
        """What `fn` returned, with the channels at dimension 1."""
        if isinstance(results, mx.array):
            return first(results)
        return [first(y) if k < self.outputs else y for k, y in enumerate(results)]


def pointwise(fn: Any, arguments: Sequence[Any], lies: Sequence[bool]) -> Last | None:
    """`fn` between channels-last arrays; None if it is not pointwise, or if its result would not lie like that.

    `lies` says of each argument whether it lies channels last already: the largest has to.
    """
    # What `Node.pull` records is named after the operation whose gradient it is.
    if op_name(fn) not in POINTWISE or getattr(fn, "__name__", "") == "vjp":
        return None
    inside, largest, most, ndim = [], 0, 0, 0
    for k, a in enumerate(arguments):
        if isinstance(a, mx.array) and a.ndim:
            inside.append(k)
            ndim = max(ndim, a.ndim)
            most = max(most, a.size)
            if lies[k]:
                largest = max(largest, a.size)
    return Last(fn, inside) if largest == most and ndim < 9 else None
