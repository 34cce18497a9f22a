"""Functions that bring their derivative along, for where `mx.vjp` of the formula would be slower or less exact."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.ops._custom import custom

Fn = Callable[[mx.array], mx.array]


def stream(a: mx.array) -> Any:
    """A context in which float64 is computed where MLX has it: on the CPU."""
    return mx.stream(mx.cpu) if a.dtype == mx.float64 else contextlib.nullcontext()


def derived(fn: Fn, slope: Fn) -> Fn:
    """`fn`, a function of one array, with `slope` as its derivative; both go element by element."""

    def pulled(a: mx.array, cotangent: mx.array, _: mx.array) -> mx.array:
        with stream(a):
            return cotangent * slope(a)

    def pushed(a: mx.array, tangent: mx.array) -> mx.array:
        with stream(a):
            return tangent * slope(a)

    return custom(fn, pulled, pushed)  # type: ignore[no-any-return]


def underivable(name: str) -> Fn:
    """The identity, for an argument in which PyTorch has no derivative: asking for one raises NotImplementedError."""

    def refused(*_: mx.array) -> mx.array:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented")

    return custom(lambda a: a, refused, refused)  # type: ignore[no-any-return]
