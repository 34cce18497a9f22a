"""What the transforms of `lucid.fft` share: their arguments, their dtypes, and the way to MLX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import mlx.core as mx

from lucid import dtypes
from lucid._tape import TensorCore, apply
from lucid.dtypes import INEXACT, OF_MX
from lucid.ops._dims import wrap_dim
from lucid.ops._fourier import conjugate, to_real64
from lucid.ops._out import give
from lucid.ops._reduce import HALF

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Sizes = tuple[int, ...]
Transform = Callable[[mx.array], mx.array]
_NORMS = ("backward", "forward", "ortho")
# A Hermitian transform is the real one that goes the other way, on conjugates: only the scaling differs.
_OTHER_WAY = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
_LARGEST = 2**31 - 1  # MLX counts elements of a dimension in int32


class Kind(NamedTuple):
    """A public function: its name, that of the errors it shares with its family, and what it does."""

    operation: str
    family: str
    inverse: bool = False  # the exponent is positive
    from_real: bool = False  # gives half of the spectrum of real numbers
    to_real: bool = False  # takes such a half


def along_one(kind: Kind, input: Tensor, n: int | None, dim: int, norm: str | None, out: Tensor | None) -> Tensor:
    """The transform along `dim`, to (or for an inverse real one, from) `n` points."""
    if n is not None and n.__class__ is not int:
        n = _integer(n, kind.operation, "n")
    if dim.__class__ is not int:
        dim = _integer(dim, kind.operation, "dim")
    fn = _plan_one(kind, input._data.shape, input._data.dtype, dtypes.get_default_dtype(), n, dim, _mode(kind, norm))
    result: Tensor = apply(fn, input)
    return result if out is None else _given(kind, result, out)


@functools.lru_cache(maxsize=512)
def _plan_one(
    kind: Kind, shape: Sizes, have: mx.Dtype, default: dtypes.dtype, n: int | None, dim: int, norm: str
) -> Transform:
    to = _dtype(kind, have, default)
    axis = wrap_dim(dim, len(shape), kind.operation)
    if not shape:
        raise IndexError(f"{kind.operation}: Dimension specified as {dim} but tensor has no dimensions")
    return _plan(kind, shape, to, (axis,), (n,), norm)


def along_many(kind: Kind, input: Tensor, s: Any, dim: Any, norm: str | None, out: Tensor | None) -> Tensor:
    """The transform over the dimensions `dim`: by default the last `len(s)`, or all."""
    operation, shape, have = kind.operation, input._data.shape, input._data.dtype
    ndim = len(shape)
    if kind.family == "rfftn":  # PyTorch's order of complaints
        _check_real(kind, have)
    given = None if s is None else _integers(s, operation, "s")
    if dim is not None:
        dims = _integers(dim, operation, "dim")
        if dims and not ndim:
            raise IndexError(f"{operation}: Dimension specified as {dims[0]} but tensor has no dimensions")
        axes = tuple([wrap_dim(d, ndim, operation) for d in dims])
        if len(set(axes)) < len(axes):
            raise RuntimeError(f"{operation}: FFT dims must be unique, got {dims}")
        if given is not None and len(given) != len(axes):
            raise RuntimeError(
                f"{operation}: When given, dim and shape arguments must have the same length, got {dims} and {given}"
            )
    elif given is not None:
        if len(given) > ndim:
            raise RuntimeError(
                f"{operation}: Got shape with {len(given)} values but input tensor only has {ndim} dimensions."
            )
        axes = tuple(range(ndim - len(given), ndim))
    else:
        axes = tuple(range(ndim))
    sizes = (None,) * len(axes) if given is None else tuple([None if n == -1 else n for n in given])
    to = _dtype(kind, have, dtypes.get_default_dtype())
    if not axes and (kind.from_real or kind.to_real):
        raise RuntimeError(f"{kind.family} must transform at least one axis, got an input of shape {shape}")
    result: Tensor = apply(_plan(kind, shape, to, axes, sizes, _mode(kind, norm)), input)
    return result if out is None else _given(kind, result, out)


def _plan(kind: Kind, shape: Sizes, to: mx.Dtype, axes: Sizes, sizes: tuple[int | None, ...], norm: str) -> Transform:
    """The function of an array of `shape`. A size that is None is that of the input."""
    operation, halved = kind.operation, axes[-1] if kind.from_real or kind.to_real else None
    whole = list(shape)  # of the result
    counts = []
    for axis, n in zip(axes, sizes, strict=True):
        if n is None:
            n = shape[axis] if not (kind.to_real and axis == halved) else 2 * (shape[axis] - 1)
        if not 0 < n <= _LARGEST:
            raise RuntimeError(
                f"{operation}: Invalid number of data points ({n}) specified: expected at least 1"
                f"{' and less than 2**31' if n > 0 else ''}, got an input of shape {shape}"
            )
        counts.append(n)
        whole[axis] = n // 2 + 1 if kind.from_real and axis == halved else n
    if norm not in _NORMS:
        raise RuntimeError(f'{operation}: Invalid normalization mode: "{norm}"; expected one of {", ".join(_NORMS)}')
    if to == mx.float64 and not kind.to_real:
        raise TypeError(
            f"{operation}: float64 has no complex counterpart, MLX stores complex64 only; call .float() first"
        )
    fn = _function(kind, tuple(whole), to, axes, tuple(counts), norm)
    fn.__qualname__ = operation
    return fn


def _function(kind: Kind, whole: Sizes, to: mx.Dtype, axes: Sizes, counts: Sizes, norm: str) -> Transform:
    _, _, inverse, from_real, to_real = kind
    turned = (from_real and inverse) or (to_real and not inverse)
    if turned:
        norm = _OTHER_WAY[norm]
    empty = mx.complex64 if not to_real else mx.float32 if to == mx.complex64 else to

    def fn(a: mx.array) -> mx.array:
        if a.size == 0 or 0 in whole:
            return mx.zeros(whole, empty)
        if not axes:
            return a.astype(mx.complex64)
        a = a if a.dtype in INEXACT else a.astype(to)
        if to_real:
            if to == mx.float64:
                return to_real64(a, axes, counts, norm)
            return mx.fft.irfftn(conjugate(a) if turned else a, counts, axes, norm)
        if from_real:
            half = mx.fft.rfftn(a, counts, axes, norm)
            return mx.conjugate(half) if turned else half
        return (mx.fft.ifftn if inverse else mx.fft.fftn)(a, counts, axes, norm)

    return fn


def _check_real(kind: Kind, have: mx.Dtype) -> None:
    if have == mx.complex64:
        raise RuntimeError(f"{kind.family} expects a real-valued input tensor, but got {OF_MX[have]!r}; pass its .real")


def _dtype(kind: Kind, have: mx.Dtype, default: dtypes.dtype) -> mx.Dtype:
    """The dtype that the input is transformed in. Raises RuntimeError for those that PyTorch refuses too."""
    if kind.from_real:
        _check_real(kind, have)
    to = have if have in INEXACT else default.mx
    if to in HALF:
        raise RuntimeError(f"{kind.operation}: Unsupported dtype {OF_MX[to]!r}; call .float() first")
    return to


def _given(kind: Kind, result: Tensor, out: Tensor) -> Tensor:
    if isinstance(out, TensorCore):
        have = OF_MX[out._data.dtype]
        if not (have.is_floating_point if kind.to_real else have.is_complex):
            raise RuntimeError(
                f"{kind.family} expects a {'floating point' if kind.to_real else 'complex'} output tensor, but got "
                f"{have!r}"
            )
    return give(result, out, kind.operation)


def _mode(kind: Kind, norm: Any) -> str:
    if norm is None:
        return "backward"
    if not isinstance(norm, str):
        raise TypeError(f"{kind.operation}(): argument 'norm' must be str, not {type(norm).__name__}")
    return norm


def _integer(value: Any, operation: str, name: str) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"{operation}(): argument '{name}' must be int, not {type(value).__name__}")
    return int(value.__index__())


def _integers(values: Any, operation: str, name: str) -> Sizes:
    if not isinstance(values, (tuple, list)):
        values = (values,)
    for value in values:
        if not hasattr(value, "__index__") or isinstance(value, bool):
            raise TypeError(f"{operation}(): argument '{name}' must be tuple of ints, but it has {value!r}")
    return tuple([int(v.__index__()) for v in values])
