"""Derivatives of sampled functions: `gradient`, by differences of second order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._tape import TensorCore, apply, array
from lucid.ops._check import check_tensor
from lucid.ops._dims import wrap_dims
from lucid.ops._promotion import number, result_type

__all__ = ["gradient"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def gradient(
    input: Tensor,
    *,
    spacing: Any = 1,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """The derivatives of a function that `input` holds the values of, a tensor for each dimension.

    Inside they are central differences, weighted for unequal distances; at the edges one-sided ones.

    Args:
        input: the values of the function; integers become the default dtype.
        spacing: the distance between neighbours, one for all dimensions or one for each of `dim`; or a list of 1-d
            tensors with the coordinates along each of `dim`.
        dim: the dimensions to go along; by default all.
        edge_order: 1 or 2, the order of the differences at the edges.

    Raises RuntimeError if a dimension has fewer than `edge_order + 1` elements.

    >>> import lucid
    >>> lucid.gradient(lucid.tensor([1.0, 2.0, 4.0, 8.0]))
    (tensor([1.0000, 1.5000, 3.0000, 4.0000]),)
    """
    check_tensor("gradient", input)
    shape = array(input).shape
    dims = () if isinstance(dim, Sequence) and not dim else wrap_dims(dim, len(shape), "gradient")
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient only supports edge_order=1 and edge_order=2, got {edge_order}")
    if input._data.dtype in (mx.uint8, mx.bool_):
        raise RuntimeError(f"gradient does not support {input.dtype!r} input; call .float() first")
    spaces = _spaces(spacing, shape, dims)
    for d in dims:
        if shape[d] < edge_order + 1:
            raise RuntimeError(
                f"gradient: expected each dimension size to be at least edge_order+1, got {shape[d]} in dim {d}"
            )
    return tuple([_along(input, d, space, edge_order) for d, space in zip(dims, spaces, strict=True)])


def _spaces(spacing: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> list[Any]:
    if not isinstance(spacing, (list, tuple)):
        if isinstance(spacing, TensorCore):
            raise TypeError("gradient(): argument 'spacing' must be a number or a sequence, not Tensor; write [tensor]")
        return [1 if spacing is None else spacing] * len(dims)
    if len(spacing) != len(dims):
        raise RuntimeError(
            "gradient: expected spacing to be unspecified, a scalar, or it's spacing and dim arguments to have the "
            f"same length, but got a spacing argument of length {len(spacing)} for {len(dims)} dimensions"
        )
    for space, d in zip(spacing, dims, strict=True):
        if isinstance(space, TensorCore) and (space._data.ndim != 1 or space._data.size != shape[d]):
            raise RuntimeError(
                "gradient: expected each element in the spacing tensor list to have one dimension, of the size of the "
                f"corresponding dimension {shape[d]}, but got {tuple(space._data.shape)}"
            )
    return list(spacing)


def _along(input: Tensor, d: int, space: Any, edge_order: int) -> Tensor:
    found = result_type(input, space)
    kind = (found if found.is_inexact else dtypes.get_default_dtype()).mx
    slopes = _at_coordinates if isinstance(space, TensorCore) else _evenly

    def gradient(a: mx.array, h: mx.array) -> mx.array:
        a = mx.moveaxis(a.astype(kind), d, -1)
        return mx.moveaxis(mx.concatenate(slopes(a, h.astype(kind), edge_order), axis=-1), -1, d)

    result: Tensor = apply(gradient, input, space if isinstance(space, TensorCore) else number(space, kind))
    return result


def _evenly(a: mx.array, h: mx.array, edge_order: int) -> list[mx.array]:
    inner = (a[..., 2:] - a[..., :-2]) / (2 * h)
    if edge_order == 1:
        return [(a[..., 1:2] - a[..., :1]) / h, inner, (a[..., -1:] - a[..., -2:-1]) / h]
    first = (4 * a[..., 1:2] - 3 * a[..., :1] - a[..., 2:3]) / (2 * h)
    last = (3 * a[..., -1:] - 4 * a[..., -2:-1] + a[..., -3:-2]) / (2 * h)
    return [first, inner, last]


def _at_coordinates(a: mx.array, at: mx.array, edge_order: int) -> list[mx.array]:
    """The same where neighbours are not equally far from each other: slopes weighted by the opposite distance."""
    steps = at[1:] - at[:-1]
    slopes = (a[..., 1:] - a[..., :-1]) / steps
    before, after = steps[:-1], steps[1:]
    inner = (after * slopes[..., :-1] + before * slopes[..., 1:]) / (before + after)
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:  # parabolas: the slope at the edge, corrected by how it changes to the next one
        first = first + before[:1] / (before[:1] + after[:1]) * (first - slopes[..., 1:2])
        last = last + after[-1:] / (before[-1:] + after[-1:]) * (last - slopes[..., -2:-1])
    return [first, inner, last]
