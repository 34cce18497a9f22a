"""Functions along one dimension: softmax and its relatives, gated units."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.nn.functional._draw import uniform
from lucid.ops import _precise
from lucid.ops._dims import wrap_dim

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["glu", "gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _dim(operation: str, input: Tensor, dim: int | None) -> int:
    if dim is None:
        dim = 0 if _check.tensor(operation, "input", input).ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{operation}: Implicit dimension choice is deprecated; write dim={dim}", UserWarning, stacklevel=3
        )
    return dim


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`exp(input)`, divided by its sum along `dim`.

    Args:
        input: any shape.
        dim: the dimension that sums to 1; chosen with a warning if None.
        dtype: what to convert the input to first.

    Raises IndexError for a `dim` out of range, NotImplementedError for integers.

    >>> import lucid
    >>> lucid.nn.functional.softmax(lucid.zeros(2, 4), dim=-1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500],
            [0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return ops.softmax(input, _dim("softmax", input, dim), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax(-input)`. Arguments as there."""
    dim = _dim("softmin", input, dim)
    return ops.softmax(ops.neg(input), dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`log(softmax(input, dim))`, also where the softmax itself would be 0. Arguments as there."""
    return ops.log_softmax(input, _dim("log_softmax", input, dim), dtype)


def log_softmax_of(x: mx.array, axis: int) -> mx.array:
    """`log_softmax` of an array, for losses."""
    if not x.size:
        return x
    if x.dtype != mx.float64:
        return x - mx.logsumexp(x, axis=axis, keepdims=True)
    shifted = x - mx.stop_gradient(x.max(axis, keepdims=True))
    return shifted - mx.log(_precise.exp(shifted).sum(axis, keepdims=True))


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample from the Gumbel-softmax distribution (Jang et al. 2017).

    Args:
        logits: unnormalised log probabilities.
        tau: temperature.
        hard: return one-hot vectors, with the gradient of the soft ones.
        eps: has no effect; a warning says so where it is not the default.
        dim: the dimension that sums to 1.

    Raises IndexError for a `dim` out of range, NotImplementedError for integers.
    """
    if eps != 1e-10:
        warnings.warn("gumbel_softmax: `eps` parameter is deprecated and has no effect.", UserWarning, stacklevel=2)
    _check.floating("gumbel_softmax", logits)
    axis = wrap_dim(dim, logits.ndim, "gumbel_softmax")
    if logits.ndim == 0:
        return gumbel_softmax(logits.reshape(1), tau, hard)[0]
    if hard and not logits.shape[axis]:
        raise IndexError(f"gumbel_softmax: expected dimension {axis} to have a size above 0, got {logits.shape}")
    noise = -mx.log(-mx.log(uniform(logits.shape, 1e-20, 1.0)))

    def sample(x: mx.array, g: mx.array) -> mx.array:
        y = _precise.softmax((x + g) / tau, axis) if x.size else x
        if not hard:
            return y
        best = mx.argmax(mx.stop_gradient(y), axis=axis, keepdims=True)
        shape = [1] * y.ndim
        shape[axis] = -1
        one_hot = (mx.arange(y.shape[axis], dtype=best.dtype).reshape(shape) == best).astype(y.dtype)
        return one_hot - mx.stop_gradient(y) + y

    sample.__qualname__ = "gumbel_softmax"
    return apply(sample, logits, noise.astype(logits._data.dtype))  # type: ignore[no-any-return]


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of `input` along `dim`, times the sigmoid of the second half.

    Raises RuntimeError for an odd size, and for a 0-dim tensor.
    """
    if _check.tensor("glu", "input", input).ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = wrap_dim(dim, input.ndim, "glu")
    size = input.shape[axis]
    if size % 2:
        raise RuntimeError(f"glu: Halving dimension must be even, but dimension {axis} is size {size}")
    _check.floating("glu", input)

    def glu(x: mx.array) -> mx.array:
        if x.size == 0:
            return x[tuple([slice(None)] * axis + [slice(0, size // 2)])]
        a, b = mx.split(x, 2, axis=axis)
        return a * _precise.sigmoid(b)

    return apply(glu, input)  # type: ignore[no-any-return]
