"""Linear maps of the last dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._grad_mode import mode
from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.ops._custom import custom

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["bilinear", "linear"]

_FLOAT32 = mx.float32


def _product(x: mx.array, w: mx.array, *b: mx.array) -> mx.array:
    return mx.addmm(b[0], x, w.T) if b else mx.matmul(x, w.T)


def _pulled(primals: tuple[mx.array, ...], cotangent: mx.array, _: mx.array) -> tuple[mx.array, ...]:
    x, w, *b = primals
    flat = cotangent
    if x.ndim != 2:
        rows = math.prod(x.shape[:-1])
        flat, x = cotangent.reshape(rows, w.shape[0]), x.reshape(rows, w.shape[1])
    return (cotangent @ w, flat.T @ x, flat.sum(0)) if b else (cotangent @ w, flat.T @ x)


_derived: Any = custom(_product, _pulled)
"""`_product`, whose gradient for `w` lies in memory as `w` does.

That of MLX is a transposed view, and all that an optimizer does with it is strided: the compiled training step of an
MLP with Adam takes a sixth longer (MLX 0.32.4 on a CPU).
"""


def _linear(x: mx.array, w: mx.array, b: mx.array) -> mx.array:
    if x.dtype == w.dtype == b.dtype == _FLOAT32 and b.ndim < 2 == w.ndim and not mode.pulling:
        return mx.addmm(b, x, w.T)
    return _of_one_dtype(x, w, b)


def _linear_no_bias(x: mx.array, w: mx.array) -> mx.array:
    if x.dtype == w.dtype == _FLOAT32 and not mode.pulling:
        return mx.matmul(x, w.T)
    return _of_one_dtype(x, w)


def _of_one_dtype(x: mx.array, w: mx.array, *b: mx.array) -> mx.array:
    if x.dtype != w.dtype or w.ndim > 2 or (b and (b[0].dtype != w.dtype or b[0].ndim > 1 or w.ndim == 1)):
        raise ValueError("linear: not the usual")  # `_linear_checked` sees to it
    derived = mode.pulling and not (mode.mapping or mode.pushing or mode.careful) and w.dtype != mx.complex64
    product = _derived if derived and w.ndim == 2 and (not b or b[0].shape == w.shape[:1]) else _product
    if x.dtype in _check.HALF and mx.default_device() == mx.cpu:  # slow and inaccurate in MLX (0.32.4)
        return product(*[a.astype(mx.float32) for a in (x, w, *b)]).astype(x.dtype)
    return product(x, w, *b)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`.

    Args:
        input: shape (*, in_features).
        weight: shape (out_features, in_features), or (in_features), which leaves out the last dimension of the result.
        bias: shape (out_features).

    Raises RuntimeError for shapes or dtypes that do not fit.

    >>> import lucid
    >>> lucid.nn.functional.linear(lucid.ones(1, 2), lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 7.]])
    """
    try:
        if bias is None:
            return apply(_linear_no_bias, input, weight)  # type: ignore[no-any-return]
        return apply(_linear, input, weight, bias)  # type: ignore[no-any-return]
    except (ValueError, TypeError, AttributeError, RuntimeError):
        return _linear_checked(input, weight, bias)  # says what is wrong, or takes what the fast way does not


def _linear_checked(input: Any, weight: Any, bias: Any) -> Tensor:
    x, w = _check.tensor("linear", "input", input), _check.tensor("linear", "weight", weight)
    if bias is not None:
        _check.tensor("linear", "bias", bias)
    _check.same_dtype("linear", input=x, weight=w, bias=bias)
    if w.ndim not in (1, 2):
        raise RuntimeError(f"linear: expected weight of shape (out_features, in_features), got shape {w.shape}")
    if x.ndim == 0 or x.shape[-1] != w.shape[-1]:
        raise RuntimeError(
            f"linear: input and weight shapes cannot be multiplied: expected input of shape (*, {w.shape[-1]}), "
            f"got {x.shape}"
        )
    product = ops.matmul(x, w.mT if w.ndim == 2 else w)
    if bias is None:
        return product
    shape = product.shape
    if bias.shape == (1, *shape) and w.ndim == 2:
        bias = bias[0]
    pairs = zip(reversed(bias.shape), reversed(shape), strict=False)
    if bias.ndim > len(shape) or any(size not in (1, n) for size, n in pairs) or (w.ndim == 1 == bias.ndim):
        raise RuntimeError(
            f"linear: expected bias of shape ({w.shape[0] if w.ndim == 2 else ''}) or one that broadcasts to the "
            f"result's {shape}, got {bias.shape}"
        )
    return ops.add(product, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input1[..., i] * weight[k, i, j] * input2[..., j] + bias[k]`, summed over i and j.

    Args:
        input1: shape (*, in1_features).
        input2: shape (*, in2_features), with the same leading dimensions.
        weight: shape (out_features, in1_features, in2_features).
        bias: shape (out_features).

    Raises RuntimeError for shapes or dtypes that do not fit.
    """
    for name, t in (("input1", input1), ("input2", input2), ("weight", weight)):
        _check.tensor("bilinear", name, t)
    _check.same_dtype("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear: expected input1 and input2 to have the same leading sizes, got {input1.shape} and "
            f"{input2.shape}"
        )
    if weight.ndim != 3 or weight.shape[1:] != (input1.shape[-1], input2.shape[-1]):
        raise RuntimeError(
            f"bilinear: expected weight of shape (out_features, {input1.shape[-1]}, {input2.shape[-1]}), got "
            f"{weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise RuntimeError(f"bilinear: expected bias of shape ({weight.shape[0]},), got {bias.shape}")

    def run(x: mx.array, y: mx.array, w: mx.array, b: mx.array | None) -> mx.array:
        out, n, m = w.shape
        half = x.dtype in _check.HALF
        if half:
            x, y, w = x.astype(mx.float32), y.astype(mx.float32), w.astype(mx.float32)
        rows = mx.matmul(x.reshape(-1, n), w.transpose(1, 0, 2).reshape(n, out * m)).reshape(-1, out, m)
        z = mx.matmul(rows, y.reshape(-1, m, 1)).reshape(*x.shape[:-1], out)
        z = z if b is None else z + b
        return z.astype(input1._data.dtype) if half else z

    run.__qualname__ = "bilinear"
    return apply(run, input1, input2, weight, bias)  # type: ignore[no-any-return]
