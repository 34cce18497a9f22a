"""The classical orthogonal polynomials, of an order given for each element.

None has a derivative in PyTorch: results require no gradient. An order is cut to a whole number; below 0 the value is
0. A tensor of orders is evaluated, because the largest one says how far the recurrence has to go.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid._grad_mode import no_grad
from lucid._tape import TensorCore, apply, array
from lucid.ops import _double, _precise
from lucid.ops._derived import stream
from lucid.ops._out import give
from lucid.ops._promotion import Number, number, promoted, require_one_tensor, result_type

__all__ = [
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_FAR = 1000  # the Chebyshev polynomials have a closed form, which is used for orders beyond this one
_FARTHEST = 2**16  # the others have not


class _Family(NamedTuple):
    first: Callable[[mx.array], mx.array]  # the polynomial of order 1
    step: Callable[[mx.array, mx.array, mx.array, int], mx.array]  # of order k from x and those of k - 1 and k - 2
    closed: Callable[[mx.array, mx.array], mx.array] | None = None  # at x in float64, for any order
    inside_from: int = 0  # the closed form is more exact in (-1, 1) from this order on
    ends: Callable[[mx.array, mx.array], mx.array] | None = None  # the exact values at 1 and -1
    highest: tuple[int, int] | None = None  # beyond this order PyTorch has NaN, in float32 and in float64


def _double_x(x: mx.array, q: mx.array, p: mx.array, k: int) -> mx.array:
    return (x + x) * q - p


def _even(order: mx.array) -> mx.array:
    return mx.remainder(order, 2) == 0


def _angle(x: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """Where x is in [-1, 1], its angle there, and the hyperbolic one of abs(x) elsewhere."""
    inside = mx.abs(x) <= 1
    return inside, mx.arccos(mx.where(inside, x, 0.0)), mx.arccosh(mx.where(inside, 1.0, mx.abs(x)))


def _outside(x: mx.array, order: mx.array, value: mx.array) -> mx.array:
    """`value`, of abs(x), with its sign at x; NaN where it overflows, as differences of infinities are."""
    return mx.where(mx.isinf(value), mx.nan, mx.where((x < 0) & ~_even(order), -value, value))


def _cosh(t: mx.array) -> mx.array:
    return (_precise.exp(t) + _precise.exp(-t)) / 2


def _sinh(t: mx.array) -> mx.array:
    return (mx.expm1(t) - mx.expm1(-t)) / 2


def _closed_t(x: mx.array, n: mx.array) -> mx.array:
    inside, angle, outer = _angle(x)
    return mx.where(inside, _precise.cos(n * angle), _outside(x, n, _cosh(n * outer)))


def _closed_u(x: mx.array, n: mx.array) -> mx.array:
    inside, angle, outer = _angle(x)
    sine = _precise.sin(angle)
    inner = _precise.sin((n + 1) * angle) / mx.where(sine == 0, 1.0, sine)
    return mx.where(inside, inner, _outside(x, n, _sinh((n + 1) * outer) / _sinh(mx.where(inside, 1.0, outer))))


def _closed_v(x: mx.array, n: mx.array) -> mx.array:
    inside, angle, outer = _angle(x)
    cosine = _precise.cos(angle / 2)
    inner = _precise.cos((n + 0.5) * angle) / mx.where(cosine == 0, 1.0, cosine)
    below = _sinh((n + 0.5) * outer) / _sinh(mx.where(inside, 1.0, outer) / 2)
    above = _cosh((n + 0.5) * outer) / _cosh(outer / 2)
    return mx.where(inside, inner, _outside(x, n, mx.where(x < 0, below, above)))


def _closed_w(x: mx.array, n: mx.array) -> mx.array:
    reflected = _closed_v(-x, n)
    return mx.where(_even(n), reflected, -reflected)


def _sign(x: mx.array, n: mx.array) -> mx.array:
    return mx.where((x > 0) | _even(n), 1, -1)


_T = _Family(lambda x: x, _double_x, _closed_t, 7, _sign)
_U = _Family(lambda x: x + x, _double_x, _closed_u, 9, lambda x, n: _sign(x, n) * (n + 1))
_V = _Family(lambda x: x + x - 1, _double_x, _closed_v, 9, lambda x, n: mx.where(x > 0, 1, _sign(x, n) * (n + n + 1)))
_W = _Family(lambda x: x + x + 1, _double_x, _closed_w, 9, lambda x, n: mx.where(x > 0, n + n + 1, _sign(x, n)))
_HERMITE_H = _Family(lambda x: x + x, lambda x, q, p, k: (x + x) * q - (2 * k - 2) * p, highest=(128, 512))
_HERMITE_HE = _Family(lambda x: x, lambda x, q, p, k: x * q - (k - 1) * p, highest=(128, 512))
_LAGUERRE = _Family(lambda x: 1 - x, lambda x, q, p, k: ((2 * k - 1 - x) * q - (k - 1) * p) / k)
_LEGENDRE = _Family(lambda x: x, lambda x, q, p, k: ((2 * k - 1) * x * q - (k - 1) * p) / k, ends=_sign)


def chebyshev_polynomial_t(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Chebyshev polynomial of the first kind: cos(n t) at cos(t).

    >>> import lucid
    >>> lucid.special.chebyshev_polynomial_t(lucid.tensor([0.5, 2.0]), 3)
    tensor([-1., 26.])
    """
    return _polynomial("chebyshev_polynomial_t", _T, input, n, out)


def chebyshev_polynomial_u(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Chebyshev polynomial of the second kind: sin((n + 1) t) / sin(t) at cos(t)."""
    return _polynomial("chebyshev_polynomial_u", _U, input, n, out)


def chebyshev_polynomial_v(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Chebyshev polynomial of the third kind: cos((n + 1/2) t) / cos(t / 2) at cos(t)."""
    return _polynomial("chebyshev_polynomial_v", _V, input, n, out)


def chebyshev_polynomial_w(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Chebyshev polynomial of the fourth kind: sin((n + 1/2) t) / sin(t / 2) at cos(t)."""
    return _polynomial("chebyshev_polynomial_w", _W, input, n, out)


def shifted_chebyshev_polynomial_t(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_t` at `2 * input - 1`.

    >>> import lucid
    >>> lucid.special.shifted_chebyshev_polynomial_t(lucid.tensor([0.75, 1.5]), 3)
    tensor([-1., 26.])
    """
    return _polynomial("shifted_chebyshev_polynomial_t", _T, input, n, out, shifted=True)


def shifted_chebyshev_polynomial_u(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_u` at `2 * input - 1`."""
    return _polynomial("shifted_chebyshev_polynomial_u", _U, input, n, out, shifted=True)


def shifted_chebyshev_polynomial_v(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_v` at `2 * input - 1`."""
    return _polynomial("shifted_chebyshev_polynomial_v", _V, input, n, out, shifted=True)


def shifted_chebyshev_polynomial_w(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_w` at `2 * input - 1`."""
    return _polynomial("shifted_chebyshev_polynomial_w", _W, input, n, out, shifted=True)


def hermite_polynomial_h(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The physicist's Hermite polynomial, orthogonal under exp(-x^2); NaN beyond order 512 (128 in float32).

    >>> import lucid
    >>> lucid.special.hermite_polynomial_h(lucid.tensor([1.0, 2.0]), 2)
    tensor([ 2., 14.])
    """
    return _polynomial("hermite_polynomial_h", _HERMITE_H, input, n, out)


def hermite_polynomial_he(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The probabilist's Hermite polynomial, orthogonal under exp(-x^2 / 2); NaN beyond order 512 (128 in float32)."""
    return _polynomial("hermite_polynomial_he", _HERMITE_HE, input, n, out)


def laguerre_polynomial_l(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Laguerre polynomial. Raises RuntimeError for orders above 65536."""
    return _polynomial("laguerre_polynomial_l", _LAGUERRE, input, n, out)


def legendre_polynomial_p(input: Tensor | Number, n: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The Legendre polynomial. Raises RuntimeError for orders above 65536.

    >>> import lucid
    >>> lucid.special.legendre_polynomial_p(lucid.tensor([0.5, 1.0]), lucid.tensor([2, 3]))
    tensor([-0.1250,  1.0000])
    """
    return _polynomial("legendre_polynomial_p", _LEGENDRE, input, n, out)


def _polynomial(name: str, family: _Family, x: Any, n: Any, out: Tensor | None, shifted: bool = False) -> Tensor:
    require_one_tensor(name, x, n)
    _double.refuse_complex(name, x, n)
    to = _double.floating(result_type(x, n))
    _double.check_halves(name, to)
    orders = _orders(name, n, to.mx)
    if family.highest is not None:
        most = family.highest[to.itemsize == 8]
        orders = np.where(orders > most, most + 1, orders)
    elif family.closed is None and orders.max(initial=0) > _FARTHEST:
        raise RuntimeError(f"{name}: expected orders up to {_FARTHEST}, got {orders.max()}")

    def value(a: mx.array, order: mx.array) -> mx.array:
        with stream(a):
            shape = mx.broadcast_arrays(a, order)[0].shape
            return _value(family, a + a - 1 if shifted else a, orders, shape)

    value.__qualname__ = name
    with no_grad():
        result = promoted(value, to, x, n)
    return give(result, out, name)


def _orders(name: str, n: Any, to: mx.Dtype) -> Any:
    """`n` as whole numbers, in numpy: cut as PyTorch does it, with what is none of them below 0."""
    if isinstance(n, TensorCore):
        with no_grad():
            wanted = apply(lambda a: a.astype(to), n)
        try:
            found = np.array(array(wanted))
        except ValueError as error:
            raise RuntimeError(
                f"{name}: a tensor of orders needs values, which a transformation has not yet"
            ) from error
    else:
        found = np.array(number(n, to))
    found = found.astype(np.float64)
    return np.where(np.abs(found) < 2.0**63, found, -1).astype(np.int64)


def _value(family: _Family, x: mx.array, orders: Any, shape: tuple[int, ...]) -> mx.array:
    if 0 in shape:
        return mx.zeros(shape, x.dtype)
    several = orders.ndim > 0
    top = int(orders.max())
    if several:
        x = mx.broadcast_to(x, shape)
    wanted = mx.array(orders)
    result = mx.where(wanted < 0, 0, 1).astype(x.dtype)
    last = top if family.closed is None else min(top, _FAR)
    among = set(np.unique(orders).tolist())
    q, p = family.first(x), mx.ones_like(x)
    for k in range(1, last + 1):
        if k > 1:
            q, p = family.step(x, q, p, k), q
        if k in among:
            result = mx.where(wanted == k, q, result) if several else q
    result = mx.broadcast_to(result, shape)
    if family.closed is not None and top >= family.inside_from:
        with mx.stream(mx.cpu):
            closed = family.closed(x.astype(mx.float64), wanted.astype(mx.float64)).astype(x.dtype)
        inside = (mx.abs(x) < 1) & (wanted >= family.inside_from)
        result = mx.where(inside | (wanted > _FAR), closed, result)
    if family.ends is not None:
        at_end = (mx.abs(x) == 1) & (wanted >= 0)
        result = mx.where(at_end, family.ends(x, wanted).astype(x.dtype), result)
    if family.highest is not None:
        result = mx.where(wanted > family.highest[x.dtype == mx.float64], math.nan, result)
    return result.astype(x.dtype)
