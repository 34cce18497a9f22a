"""Rounding to whole numbers, and replacing special values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._grad_mode import mode
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor

__all__ = ["ceil", "fix", "floor", "frac", "nan_to_num", "round", "trunc"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest whole number that is not above each element. Integers are returned as they are.

    >>> import lucid
    >>> lucid.floor(lucid.tensor([-0.5, 1.5]))
    tensor([-1.,  1.])
    """
    return give(_rounded("floor", mx.floor, input), out, "floor", exact=True)


@numpy_names
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest whole number that is not below each element. Integers are returned as they are."""
    return give(_rounded("ceil", mx.ceil, input), out, "ceil", exact=True)


@numpy_names
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Each element without its fraction. Integers are returned as they are."""
    return give(_rounded("trunc", mx.trunc, input), out, "trunc", exact=True)


fix = trunc


@numpy_names
def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The fraction of each element, with its sign: `input - trunc(input)`. Raises NotImplementedError for integers."""
    d = OF_MX[require_tensor("frac", input)._data.dtype]
    if not d.is_floating_point:
        raise NotImplementedError(f"frac: not implemented for {d!r}, expected a floating dtype")
    return give(apply(lambda a: a - mx.trunc(a), input), out, "frac", exact=True)


@numpy_names
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """Each element rounded to the nearest number with `decimals` decimals, halves to the even one.

    Args:
        input: floating tensor; integers are returned as they are.
        decimals: how many digits to keep behind the point; if negative, how many zeros to leave before it.
        out: where to put the result.

    >>> import lucid
    >>> lucid.round(lucid.tensor([0.5, 1.5])), lucid.round(lucid.tensor([0.1234]), decimals=2)
    (tensor([0., 2.]), tensor([0.1200]))
    """
    if isinstance(decimals, bool) or not hasattr(decimals, "__index__"):
        raise TypeError(f"round(): argument 'decimals' must be int, not {type(decimals).__name__}")
    if decimals == 0:
        return give(_rounded("round", mx.round, input), out, "round", exact=True)
    d = OF_MX[require_tensor("round", input)._data.dtype]
    if not d.is_floating_point:
        raise NotImplementedError(f"round: decimals={decimals} is not implemented for {d!r}, expected a floating dtype")

    def rounded(a: mx.array) -> mx.array:
        factor = 10.0 ** abs(decimals)
        wide = a.astype(mx.float32) if d.itemsize == 2 else a
        whole = mx.round(wide * factor) / factor if decimals > 0 else mx.round(wide / factor) * factor
        return whole.astype(a.dtype)

    return give(apply(rounded, input), out, "round")


def _rounded(name: str, fn: Any, input: Tensor) -> Tensor:
    d = OF_MX[require_tensor(name, input)._data.dtype]
    if d.rank in (0, 3):
        raise NotImplementedError(f"{name}: not implemented for {d!r}")
    return apply(fn if d.is_floating_point else _same, input)  # type: ignore[no-any-return]


def _same(a: mx.array) -> mx.array:
    return a


@numpy_names
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with NaN and the infinities replaced.

    Args:
        input: any tensor; integers are returned as they are.
        nan: instead of NaN; 0 if None.
        posinf: instead of infinity; the largest number of the dtype if None.
        neginf: instead of negative infinity; the smallest number of the dtype if None.
        out: where to put the result.
    """
    d = OF_MX[require_tensor("nan_to_num", input)._data.dtype]
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if not (value is None or isinstance(value, (int, float))):
            raise TypeError(f"nan_to_num(): argument '{name}' must be float, not {type(value).__name__}")
    if not d.is_inexact:
        return give(apply(lambda a: a, input), out, "nan_to_num", exact=True)
    limits = mx.finfo(d.to_real().mx)
    high, low = (limits.max if posinf is None else posinf), (limits.min if neginf is None else neginf)

    def replaced(a: mx.array) -> mx.array:
        if a.dtype == mx.complex64:
            parts = mx.stack([replaced(mx.real(a)), replaced(mx.imag(a))], axis=-1)  # i times an infinity has two parts
            return mx.view(parts, mx.complex64).squeeze(-1)
        a = mx.where(mx.isnan(a), mx.array(0 if nan is None else nan, a.dtype), a)
        return mx.where(a == mx.inf, mx.array(high, a.dtype), mx.where(a == -mx.inf, mx.array(low, a.dtype), a))

    if d.is_complex and input._node is not None and mode.grad:
        raise RuntimeError("nan_to_num: no gradient for complex tensors; apply it to .real and .imag")
    return give(apply(replaced, input), out, "nan_to_num", exact=True)
