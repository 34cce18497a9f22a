"""Keeping gradients small: by their norm all together, or each value by itself."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable
from types import GeneratorType

import mlx.core as mx

from lucid import _tape, _views
from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.creation import zeros
from lucid.ops._promotion import promote_types
from lucid.ops.norms import vector_norm

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors together, as if they were one vector.

    Args:
        tensors: a tensor or an iterable of them.
        norm_type: the order of the norm; may be infinite, or "inf".
        error_if_nonfinite: raise RuntimeError if the norm is infinite or not a number, which waits for its value.
        foreach: changes nothing: MLX evaluates all tensors together.

    >>> import lucid
    >>> lucid.nn.utils.get_total_norm([lucid.tensor([3.0]), lucid.tensor([[4.0]])])
    tensor(5.)
    """
    found = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not found:
        return zeros(())
    for t in found:
        if not t.dtype.is_inexact:
            raise RuntimeError(f"get_total_norm: Expected a floating point or complex tensor as input. Got {t.dtype!r}")
    norms = mx.stack([vector_norm(_tape.array(t), order, None, False) for t in found])
    dtype = functools.reduce(promote_types, [t.dtype.to_real() for t in found])
    total = _tape.wrap(vector_norm(norms, order, None, False).astype(dtype.mx))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of `parameters` down so that the norm of all of them together is at most `max_norm`.

    Args:
        parameters: a tensor or an iterable of them; those without a gradient are left out.
        max_norm: the largest norm.
        norm_type: the order of the norm; may be infinite, or "inf".
        error_if_nonfinite: raise RuntimeError if the norm is infinite or not a number, which waits for its value.
        foreach: changes nothing: MLX evaluates all tensors together.

    Returns the norm before the scaling.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.tensor([1.0, 2.0]))
    >>> w.grad = lucid.tensor([3.0, 4.0])
    >>> lucid.nn.utils.clip_grad_norm_([w], max_norm=0.5)
    tensor(5.)
    >>> w.grad
    tensor([0.3000, 0.4000])
    """
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator: clip_grad_norm_ changes nothing. Was it used up?", stacklevel=2
        )
    gradients = [g for t in tensors if (g := t.grad) is not None]
    total = get_total_norm(gradients, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(tensors, max_norm, total, foreach)
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of `parameters`, whose norm is `total_norm`, by `max_norm / total_norm` if that is less than
    one.

    Args:
        parameters: a tensor or an iterable of them; those without a gradient are left out.
        max_norm: the largest norm.
        total_norm: the norm that the gradients have, see `get_total_norm`.
        foreach: changes nothing: MLX evaluates all tensors together.
    """
    norm = _tape.array(total_norm)
    factor = float(max_norm) / (norm.astype(mx.float64 if norm.dtype == mx.float64 else mx.float32) + 1e-6)
    factor = mx.contiguous(mx.minimum(factor, 1.0))  # computed once, not for each element, where a step is compiled
    _change(parameters, lambda a: (a * factor).astype(a.dtype))


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of `clip_grad_norm_`."""
    warnings.warn("`clip_grad_norm` is deprecated; use `clip_grad_norm_`", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each value in the gradients of `parameters` to between `-clip_value` and `clip_value`.

    Args:
        parameters: a tensor or an iterable of them; those without a gradient are left out.
        clip_value: the largest magnitude.
        foreach: changes nothing: MLX evaluates all tensors together.
    """
    limit = float(clip_value)
    _change(parameters, lambda a: mx.clip(a, -limit, limit).astype(a.dtype))


def _change(parameters: Tensors, fn: Callable[[mx.array], mx.array]) -> None:
    """Replace the gradients of `parameters` by `fn` of them, in place and without recording it."""
    with no_grad():
        for t in [parameters] if isinstance(parameters, Tensor) else parameters:
            if (grad := t.grad) is not None:
                _views.assign(grad, _tape.wrap(fn(_tape.array(grad))))
