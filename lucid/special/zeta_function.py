"""Hurwitz' zeta function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore
from lucid.ops import _double, _gamma
from lucid.ops._custom import custom
from lucid.ops._derived import underivable
from lucid.ops._out import give
from lucid.ops._promotion import Number

__all__ = ["zeta"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def zeta(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The sum of `1 / (k + other) ** input` over all k >= 0; Riemann's zeta function for an `other` of 1.

    Infinite at an `input` of 1 and NaN below; infinite where `other` is a whole number that is not positive. There is
    no derivative in `input`. Computed in float64, on the CPU.

    >>> import lucid
    >>> lucid.special.zeta(2.0, lucid.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    fixed = underivable("zeta")
    positive = not isinstance(other, (TensorCore, complex)) and other > 0
    return give(_double.binary("zeta", lambda s, q: _zeta(positive)(fixed(s), q), input, other), out, "zeta")


@functools.cache
def _zeta(positive: bool) -> Callable[[mx.array, mx.array], mx.array]:
    def pulled(primals: Any, cotangent: mx.array, _: mx.array) -> tuple[mx.array, mx.array]:
        s, q = primals
        with mx.stream(mx.cpu):
            slope = cotangent * -s * result(s + 1, q)
            return mx.zeros_like(s), slope

    result: Any = custom(lambda s, q: _gamma.zeta(s, q, positive), pulled)
    return result  # type: ignore[no-any-return]
