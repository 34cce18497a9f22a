"""The parts of floating numbers: mantissa and exponent, and the next number."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.ops._custom import custom
from lucid.ops._derived import derived, stream
from lucid.ops._out import give
from lucid.ops._promotion import number, promoted, require_tensor, result_type
from lucid.ops.arithmetic import mul
from lucid.ops.powers import pow

__all__ = ["frexp", "ldexp", "nextafter"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class _Layout(NamedTuple):
    """How a floating dtype lies in an integer: bits of the mantissa, and the exponent's bias."""

    integer: mx.Dtype
    mantissa: int
    bias: int


_LAYOUTS = {
    mx.float16: _Layout(mx.int16, 10, 15),
    mx.bfloat16: _Layout(mx.int16, 7, 127),
    mx.float32: _Layout(mx.int32, 23, 127),
    mx.float64: _Layout(mx.int64, 52, 1023),
}


def frexp(input: Tensor, *, out: Any = None) -> return_types.frexp:
    """The mantissa, of size in [0.5, 1), and the exponent of 2 that give `input` when multiplied (see `ldexp`).

    Returns `(mantissa, exponent)`, the exponent as int32; 0, infinities and NaN are their own mantissas, with exponent
    0. Raises RuntimeError unless `input` is real and floating.

    >>> import lucid
    >>> mantissa, exponent = lucid.frexp(lucid.tensor([6.0, -0.1]))
    >>> mantissa, exponent
    (tensor([ 0.7500, -0.8000]), tensor([ 3, -3], dtype=lucid.int32))
    """
    if not OF_MX[require_tensor("frexp", input)._data.dtype].is_floating_point:
        raise RuntimeError(f"frexp: only floating dtypes are supported, got {input.dtype!r}; convert with .float()")

    def parts(a: mx.array) -> tuple[mx.array, mx.array]:
        with stream(a):
            return _mantissa(a), _split(mx.stop_gradient(a))[1]

    parts.__qualname__ = "frexp"
    found = apply(parts, input)
    if out is not None:
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise TypeError(f"frexp(): argument 'out' must be a tuple of 2 Tensors, got {type(out).__name__}")
        found = [give(f, require_tensor("frexp", o, "out"), "frexp", exact=True) for f, o in zip(found, out)]  # noqa: B905
    return return_types.frexp(*found)


def _split(a: mx.array) -> tuple[mx.array, mx.array]:
    if a.itemsize == 2:
        mantissa, exponent = _split(a.astype(mx.float32))
        return mantissa.astype(a.dtype), exponent
    integer, width, bias = _LAYOUTS[a.dtype]
    zero = (a == 0) | ~(mx.abs(a) < mx.inf)
    tiny = mx.abs(a) < 2.0 ** (1 - bias)  # no leading one: made into a normal number first
    bits = mx.where(tiny, a * 2.0 ** (width + 1), a).astype(a.dtype).view(integer)
    field = mx.right_shift(bits, number(width, integer)) & number(2 * bias + 1, integer)
    exponent = field - (bias - 1) - mx.where(tiny, width + 1, 0)
    sign_and_mantissa = bits & number(~((2 * bias + 1) << width), integer)
    mantissa = (sign_and_mantissa | number((bias - 1) << width, integer)).view(a.dtype)
    return mx.where(zero, a, mantissa), mx.where(zero, 0, exponent).astype(mx.int32)


def _mantissa_slope(a: mx.array) -> mx.array:
    # as PyTorch divides: by a power of 2 in float32, infinite or 0 beyond its exponents
    wide = a.dtype if a.itemsize == 8 else mx.float32
    return (1 / _power_of_2(_split(a)[1], mx.float32).astype(wide)).astype(a.dtype)


_mantissa = derived(lambda a: _split(a)[0], _mantissa_slope)


def _power_of_2(exponent: mx.array, to: mx.Dtype) -> mx.array:
    """2 to the power of an integer, exactly: infinite or 0 beyond the dtype."""
    half = exponent // 2
    return _normal_power(half, to) * _normal_power(exponent - half, to)


def _normal_power(exponent: mx.array, to: mx.Dtype) -> mx.array:
    integer, width, bias = _LAYOUTS[to]
    field = mx.clip(exponent.astype(integer) + bias, 1, 2 * bias).astype(integer)
    return mx.left_shift(field, number(width, integer)).view(to)


def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input * 2 ** other`, without overflow in between where `other` is of an integer dtype.

    Floating `input` keeps its dtype beside integer exponents; otherwise the dtype is that of the product.

    >>> import lucid
    >>> lucid.ldexp(lucid.tensor([0.75, -0.8]), lucid.tensor([3, -3]))
    tensor([ 6.0000, -0.1000])
    """
    x = OF_MX[require_tensor("ldexp", input)._data.dtype]
    n = OF_MX[require_tensor("ldexp", other, "other")._data.dtype]
    if not x.is_floating_point or n.is_inexact:
        return give(mul(input, pow(2.0, other)), out, "ldexp")
    if n.rank == 0 or (not n.is_signed and n.itemsize > 1):
        raise NotImplementedError(f"ldexp: not implemented for exponents of {n!r}; convert them with .int()")

    def scaled(a: mx.array, exponent: mx.array) -> mx.array:
        with stream(a):
            wide = a.astype(mx.float32) if a.itemsize == 2 else a
            return _scale(wide, exponent).astype(a.dtype)

    scaled.__qualname__ = "ldexp"
    return give(apply(scaled, input, other), out, "ldexp")


def _scale(a: mx.array, exponent: mx.array) -> mx.array:
    """`a * 2 ** exponent`, rounded once: what is multiplied before the last step stays a normal number."""
    _, width, bias = _LAYOUTS[a.dtype]
    rest = mx.clip(exponent.astype(mx.int32) if exponent.itemsize < 8 else exponent, -4 * bias, 4 * bias)
    rest = rest.astype(mx.int32)
    for _ in range(2):
        step = mx.where(rest > bias, bias, mx.where(rest < 1 - bias, 1 - bias + width + 1, 0))
        a, rest = a * _normal_power(step, a.dtype), rest - step
    return a * _normal_power(mx.clip(rest, 1 - bias, bias), a.dtype)


def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The number next to `input` on the way to `other`; `other` itself if they are equal.

    Raises NotImplementedError unless the result's dtype is real and floating.

    >>> import lucid
    >>> lucid.nextafter(lucid.tensor(1.0), lucid.tensor(2.0)) == 1 + 2.0**-23
    tensor(True)
    """
    to = result_type(require_tensor("nextafter", input), require_tensor("nextafter", other, "other"))
    if not to.is_floating_point:
        raise NotImplementedError(f"nextafter: not implemented for {to!r}, expected a floating dtype")

    def neighbour(a: mx.array, b: mx.array) -> mx.array:
        with stream(a):
            return _neighbour()(*mx.broadcast_arrays(a, b))  # type: ignore[no-any-return]

    neighbour.__qualname__ = "nextafter"
    return give(promoted(neighbour, to, input, other), out, "nextafter")


@functools.cache
def _neighbour() -> Any:
    def pulled(primals: Any, cotangent: mx.array, _: mx.array) -> tuple[mx.array, mx.array]:
        a, b = primals
        return mx.where(a == b, 0, cotangent).astype(a.dtype), mx.zeros_like(b)

    return custom(_next, pulled)


def _next(a: mx.array, b: mx.array) -> mx.array:
    integer = _LAYOUTS[a.dtype].integer
    bits = a.view(integer)
    outwards = (b > a) == (a > 0)
    moved = mx.where(outwards, bits + number(1, integer), bits - number(1, integer)).view(a.dtype)
    smallest = number(1, integer).view(a.dtype)
    moved = mx.where(a == 0, mx.where(b > 0, smallest, -smallest), moved)
    moved = mx.where(a == b, b, moved)
    return mx.where(mx.isnan(a) | mx.isnan(b), mx.nan, moved).astype(a.dtype)
