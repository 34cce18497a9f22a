"""Filling parameters with starting values, in place and without gradients."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._generator import Generator, draw_normal, draw_uniform, fresh_key
from lucid._grad_mode import no_grad
from lucid._tape import TensorCore, array, wrap
from lucid.dtypes import OF_MX
from lucid.ops import sampling

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_P = ParamSpec("_P")
_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which to scale initial weights before the given nonlinearity.

    Args:
        nonlinearity: the name of a function of `nn.functional`: linear, conv1d and so on, sigmoid, tanh, relu,
            leaky_relu, selu.
        param: the negative slope of leaky_relu, 0.01 if None.

    Raises ValueError for another name or parameter.

    >>> import lucid
    >>> lucid.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if isinstance(param, bool) or not (param is None or isinstance(param, (int, float))):
        raise ValueError(f"negative_slope {param} not a valid number")
    slope = 0.01 if param is None else param
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with uniform numbers from [a, b).

    Raises RuntimeError if `a` is above `b`, NotImplementedError for integers.
    """
    with no_grad():
        return sampling.uniform_(_check(tensor), a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers. Raises RuntimeError for a negative `std`, NotImplementedError for integers."""
    with no_grad():
        return sampling.normal_(_check(tensor), mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers, those outside [a, b] drawn again. The bounds are values, not multiples of `std`.

    Raises RuntimeError if `a` is above `b`, NotImplementedError for tensors that are not of a floating dtype.
    """
    if a > b:
        raise RuntimeError(f"trunc_normal_: expected a to be at most b, but found a={a} and b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    low, high = (math.erf((edge - mean) / std / math.sqrt(2)) for edge in (a, b))
    # The inverse of the distribution function, of numbers uniform between its values at the bounds.
    drawn = mx.erfinv(_uniform(tensor, generator) * (high - low) + low) * (std * math.sqrt(2)) + mean
    return _fill(tensor, mx.clip(drawn, a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`. Raises RuntimeError for a number that the dtype cannot hold."""
    with no_grad():
        return _check(tensor).fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity. Raises ValueError unless it has 2 dimensions."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _fill(tensor, mx.eye(tensor.shape[0], tensor.shape[1], dtype=array(tensor).dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it passes its input channels on, as many as each group has outputs.

    Raises ValueError unless the weight has 3 to 5 dimensions and `groups` divides the first.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tuple(tensor.shape)
    if shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    each = shape[0] // groups
    values = np.zeros(shape, np.float32)
    middle = tuple(s // 2 for s in shape[2:])
    for group in range(groups):
        for k in range(min(each, shape[1])):
            values[(group * each + k, k, *middle)] = 1
    return _fill(tensor, mx.array(values))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with uniform numbers of variance `2 * gain**2 / (fan_in + fan_out)` (Glorot and Bengio 2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of variance `2 * gain**2 / (fan_in + fan_out)` (Glorot and Bengio 2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with uniform numbers that keep the variance through a layer and its nonlinearity (He et al. 2015).

    Args:
        tensor: what to fill; at least 2 dimensions.
        a: the negative slope of leaky_relu, if that is the nonlinearity.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: see `calculate_gain`.
        generator: where the numbers come from.

    Raises ValueError for fewer dimensions or another mode.
    """
    if 0 in tensor.shape:
        return _nothing(tensor)
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers that keep the variance through a layer. Arguments as in `kaiming_uniform_`."""
    if 0 in tensor.shape:
        return _nothing(tensor)
    std = calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with an orthogonal matrix times `gain`; dimensions after the first count as one (Saxe et al. 2013).

    Raises ValueError for fewer than 2 dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    shape = tuple(tensor.shape)
    _wanted(tensor)
    if 0 in shape:
        return tensor
    rows, columns = shape[0], math.prod(shape[1:])
    flat = draw_normal((max(rows, columns), min(rows, columns)), mx.float32, fresh_key(generator))
    with mx.stream(mx.cpu):  # MLX (0.32.4) has its decompositions on the CPU only
        q, r = mx.linalg.qr(flat)
        q = q * mx.sign(mx.diagonal(r))  # makes the distribution uniform
        return _fill(tensor, ((q if rows >= columns else q.T) * gain).reshape(shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers, a share `sparsity` of each column being 0.

    Raises ValueError unless it has 2 dimensions.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    _wanted(tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    rank = mx.argsort(mx.argsort(draw_uniform((rows, columns), mx.float32, fresh_key(generator)), axis=0), axis=0)
    values = draw_normal((rows, columns), mx.float32, fresh_key(generator)) * std
    return _fill(tensor, mx.where(rank < zeros, 0, values))


def _fill(tensor: Tensor, values: mx.array) -> Tensor:
    """Write `values` into `tensor`, converted to its dtype, without recording it."""
    with no_grad():
        return _views.assign(tensor, wrap(values.astype(array(tensor).dtype)))


def _check(tensor: Any) -> Tensor:
    """`tensor`. Raises TypeError for anything that is none."""
    if not isinstance(tensor, TensorCore):
        raise TypeError(f"init: expected a Tensor, got {type(tensor).__name__}")
    return tensor


def _wanted(tensor: Any) -> tuple[tuple[int, ...], mx.Dtype]:
    """The shape to draw, and the dtype to draw in. Raises NotImplementedError for what is not of a floating dtype."""
    data = array(_check(tensor))
    kind = OF_MX[data.dtype]
    if not kind.is_floating_point:
        raise NotImplementedError(f"init: expected a tensor of a floating dtype, got {kind!r}")
    return tuple(data.shape), mx.float64 if kind.itemsize == 8 else mx.float32


def _uniform(tensor: Any, generator: Generator | None) -> mx.array:
    return draw_uniform(*_wanted(tensor), fresh_key(generator))


def _nothing(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many numbers an output is computed from, and how many an input goes into."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    outs, ins, *kernel = tensor.shape
    area = math.prod(kernel)
    return ins * area, outs * area


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def _former(new: Callable[_P, Tensor]) -> Callable[_P, Tensor]:
    """The function `new` under its former name, without the underscore: it warns."""
    name = new.__name__[:-1]

    def former(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return new(*args, **kwargs)

    former.__name__ = former.__qualname__ = name
    former.__doc__ = f"Deprecated: use `{name}_`. Raises a FutureWarning."
    return former


uniform = _former(uniform_)
normal = _former(normal_)
constant = _former(constant_)
eye = _former(eye_)
dirac = _former(dirac_)
xavier_uniform = _former(xavier_uniform_)
xavier_normal = _former(xavier_normal_)
kaiming_uniform = _former(kaiming_uniform_)
kaiming_normal = _former(kaiming_normal_)
orthogonal = _former(orthogonal_)
sparse = _former(sparse_)
