"""Activations: functions of one element each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import ops
from lucid._grad_mode import mode
from lucid._tape import apply
from lucid.dtypes import FLOATING, OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._draw import uniform
from lucid.ops import _precise
from lucid.ops._fits import fitting
from lucid.ops._out import into
from lucid.ops._promotion import unary_float

if TYPE_CHECKING:
    from lucid._generator import Generator
    from lucid._tensor import Tensor

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _pointwise(name: str, fn: Callable[[mx.array], mx.array], input: Tensor, inplace: bool = False) -> Tensor:
    """`fn(input)` as the operation `name`; half precision is computed in float32 and rounded once."""
    _check.floating(name, input)
    if input._data.dtype in _check.HALF:

        def run(x: mx.array) -> mx.array:
            return fn(x.astype(mx.float32)).astype(x.dtype)

    else:

        def run(x: mx.array) -> mx.array:
            return fn(x)

    run.__qualname__ = name
    result: Tensor = apply(run, input)
    return into(input, result) if inplace else result


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`max(input, 0)`. Raises NotImplementedError for bool tensors."""
    result = ops.relu(input)
    return into(input, result) if inplace else result


def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    return relu(input, inplace=True)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """`input * Phi(input)`, with the Gaussian distribution function Phi.

    Args:
        input: any shape.
        approximate: "none", or "tanh" for the approximation by a tanh.

    Raises RuntimeError for another `approximate`.
    """
    _check.floating("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu: approximate argument must be either none or tanh, got {approximate!r}")
    first, second = (_gelu_erf, _gelu_of) if approximate == "none" else (_gelu_sigmoid, _silu_of)
    if mode.grad and input._node is not None and input._data.dtype not in _check.HALF:
        return apply(second, input, apply(first, input))  # type: ignore[no-any-return]  # in two, so that backward need not repeat the first
    return _pointwise("gelu", lambda x: second(x, first(x)), input)


def _gelu_erf(x: mx.array) -> mx.array:
    return _precise.erf(x * math.sqrt(0.5))


def _gelu_sigmoid(x: mx.array) -> mx.array:
    # (1 + tanh(u)) / 2 is sigmoid(2 u), and the second derivative of MLX's tanh (0.32.4) is NaN beyond 88
    return _precise.sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * (mx.square(x) * x)))


def _gelu_of(x: mx.array, inner: mx.array) -> mx.array:
    return (0.5 * x) * (1 + inner)


_gelu_erf.__qualname__ = _gelu_sigmoid.__qualname__ = _gelu_of.__qualname__ = "gelu"


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """`input * sigmoid(input)`, also called swish."""
    if _check.tensor("silu", "input", input)._data.dtype == mx.complex64:
        product = ops.mul(input, ops.sigmoid(input))
        return into(input, product) if inplace else product
    _check.floating("silu", input)
    if mode.grad and input._node is not None and input._data.dtype not in _check.HALF:
        result: Tensor = apply(_silu_of, input, apply(_precise.sigmoid, input))
        return into(input, result) if inplace else result
    return _pointwise("silu", lambda x: x * _precise.sigmoid(x), input, inplace)


def _silu_of(x: mx.array, inner: mx.array) -> mx.array:
    return x * inner


_silu_of.__qualname__ = "silu"


def sigmoid(input: Tensor) -> Tensor:
    """`1 / (1 + exp(-input))`: see `lucid.sigmoid`."""
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent: see `lucid.tanh`."""
    return ops.tanh(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """`input`, cut off below `min_val` and above `max_val`. Raises ValueError if `min_val` is above `max_val`."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _cut_off(input, min_val, max_val, inplace)


def _cut_off(input: Tensor, low: float, high: float, inplace: bool) -> Tensor:
    if _check.tensor("hardtanh", "input", input)._data.dtype not in FLOATING:
        return _clip_whole(input, int(low), int(high), inplace)
    return _pointwise("hardtanh", lambda x: mx.clip(x, low, high), input, inplace)


def _clip_whole(input: Tensor, low: int, high: int, inplace: bool) -> Tensor:
    if OF_MX[input._data.dtype].rank != 1:
        raise NotImplementedError(f'"hardtanh" not implemented for {input.dtype!r}; convert the input with .float()')
    if not input.dtype.is_signed and low < 0:
        raise RuntimeError(f"hardtanh: cannot cut off an unsigned tensor at negative limits, got {low} and {high}")
    result: Tensor = apply(lambda x: mx.clip(x, low, high).astype(x.dtype), input)
    return into(input, result) if inplace else result


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh` in place. As in PyTorch, `max_val` everywhere if `min_val` is above it."""
    return _cut_off(input, min_val, max_val, inplace=True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """`input`, cut off below 0 and above 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """`relu6(input + 3) / 6`."""
    return _pointwise("hardsigmoid", lambda x: mx.clip(x + 3, 0, 6) / 6, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """`input * relu6(input + 3) / 6`."""
    return _pointwise("hardswish", lambda x: x * mx.clip(x + 3, 0, 6) / 6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input` where positive, `negative_slope * input` elsewhere."""
    if 0 < negative_slope <= 1:  # as one maximum, which MLX computes many times faster than a choice
        return _pointwise("leaky_relu", lambda x: mx.maximum(x, negative_slope * x), input, inplace)
    return _pointwise("leaky_relu", lambda x: mx.where(x > 0, x, negative_slope * x), input, inplace)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`input` where positive, `weight * input` elsewhere: see `lucid.prelu`."""
    return ops.prelu(input, weight)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """`leaky_relu` with random slopes from [lower, upper) in training, and with their mean otherwise."""
    result = rrelu_with(input, lower, upper, training, None)
    return into(input, result) if inplace else result


def rrelu_with(input: Tensor, lower: float, upper: float, training: bool, generator: Generator | None) -> Tensor:
    """`rrelu` with slopes drawn from `generator`."""
    if lower > upper:
        raise RuntimeError(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    _check.floating("rrelu", input)
    slopes = uniform(input.shape, lower, upper, generator).astype(input._data.dtype)

    def run(x: mx.array, s: mx.array) -> mx.array:
        return mx.where(x > 0, x, s * x)

    run.__qualname__ = "rrelu"
    return apply(run, input, slopes)  # type: ignore[no-any-return]


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def _elu(x: mx.array, alpha: float, scale: float, rate: float) -> mx.array:
    low = x <= 0  # and not `x > 0`: NaN has a gradient of its own, as in PyTorch
    below = mx.where(low, x, 0)  # keeps exp from overflowing, where its gradient would be NaN
    return mx.where(low, (alpha * scale) * mx.expm1(rate * below), scale * x)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where positive, `alpha * (exp(input) - 1)` elsewhere."""
    return _pointwise("elu", lambda x: _elu(x, alpha, 1.0, 1.0), input, inplace)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the two constants that keep mean 0 and variance 1 through many layers (Klambauer et al. 2017)."""
    return _pointwise("selu", lambda x: _elu(x, _SELU_ALPHA, _SELU_SCALE, 1.0), input, inplace)


def selu_(input: Tensor) -> Tensor:
    """`selu` in place."""
    return selu(input, inplace=True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where positive, `alpha * (exp(input / alpha) - 1)` elsewhere. Raises RuntimeError for an `alpha` of 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: celu: alpha cannot be 0")
    return _pointwise("celu", lambda x: _elu(x, alpha, 1.0, 1.0 / alpha), input, inplace)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu` in place."""
    return celu(input, alpha, inplace=True)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """`log(1 + exp(beta * input)) / beta`, and `input` itself where `beta * input` is above `threshold`."""

    def fn(x: mx.array) -> mx.array:
        z = x * beta
        return mx.where(z > threshold, x, _precise.softplus(z) / beta)

    return _pointwise("softplus", fn, input)


def logsigmoid(input: Tensor) -> Tensor:
    """`log(sigmoid(input))`, also where the sigmoid itself would be 0."""
    return _pointwise("logsigmoid", lambda x: -_precise.softplus(-x), input)


def softsign(input: Tensor) -> Tensor:
    """`input / (1 + |input|)`."""
    if _check.tensor("softsign", "input", input)._data.dtype == mx.bool_:
        raise NotImplementedError("softsign: not implemented for bool tensors; convert the input with .float()")
    return unary_float(_softsign_of, input)


def tanhshrink(input: Tensor) -> Tensor:
    """`input - tanh(input)`."""
    if _check.tensor("tanhshrink", "input", input)._data.dtype == mx.bool_:
        raise RuntimeError("tanhshrink: bool tensors cannot be subtracted; convert the input with .float()")
    return unary_float(_tanhshrink_of, input)


def _softsign_of(x: mx.array) -> mx.array:
    return x / (1 + mx.abs(x))


def _tanhshrink_of(x: mx.array) -> mx.array:
    return x - mx.tanh(x)


_softsign_of.__qualname__, _tanhshrink_of.__qualname__ = "softsign", "tanhshrink"


def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """`input`, and 0 where it lies in [-lambd, lambd]: see `lucid.hardshrink`."""
    return ops.hardshrink(input, lambd, out=out)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` moved towards 0 by `lambd`, and 0 where it is nearer. Raises RuntimeError for a negative `lambd`."""
    _check.floating("softshrink", input)
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}.")

    def fn(x: mx.array) -> mx.array:
        return mx.where(x > lambd, x - lambd, mx.where(x >= -lambd, x * 0, x + lambd))  # NaN goes on

    return _pointwise("softshrink", fn, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`input` where it is above `threshold`, `value` elsewhere."""
    dtype = _check.tensor("threshold", "input", input)._data.dtype
    if OF_MX[dtype].rank == 1:
        limit, new = (fitting(v, dtype, "threshold") for v in (threshold, value))
        result: Tensor = apply(lambda x: mx.where(x <= limit, new, x), input)
        return into(input, result) if inplace else result
    return _pointwise("threshold", lambda x: mx.where(x <= threshold, value, x), input, inplace)


_threshold = threshold


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold` in place."""
    return _threshold(input, threshold, value, inplace=True)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """`input * tanh(softplus(input))`."""
    return _pointwise("mish", lambda x: x * mx.tanh(_precise.softplus(x)), input, inplace)
