"""Padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._channels import Last
from lucid._tape import apply
from lucid._views import lies_last
from lucid.nn.functional import _check
from lucid.ops._edges import MODES, positions
from lucid.ops._fits import fitting

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`input` with more elements before and after its last dimensions.

    Args:
        input: any shape; with a mode other than "constant", one batch dimension less or none is left in front of the
            channels.
        pad: how many, for the last dimension before and after, then for the one before it, and so on. Negative
            numbers cut off.
        mode: "constant"; "reflect", mirrored at the edge, which is not repeated; "replicate", the edge; "circular",
            the other end.
        value: what to pad with in mode "constant"; 0 if None.

    Raises RuntimeError or NotImplementedError for a `pad` that does not fit the shape or the mode.

    >>> import lucid
    >>> lucid.nn.functional.pad(lucid.tensor([1, 2, 3]), (1, 2))
    tensor([0, 1, 2, 3, 0, 0])
    """
    if not isinstance(mode, str):
        raise TypeError(f"pad(): argument 'mode' must be str, not {type(mode).__name__}")
    if isinstance(value, (str, complex)):
        raise TypeError(f"pad(): argument 'value' must be float, not {type(value).__name__}")
    return padded(input, pad, mode, None if value is None else float(value))


def padded(input: Tensor, pad: Sequence[int], mode: str, value: complex | None) -> Tensor:
    """`pad`, also with a complex or whole number."""
    _check.tensor("pad", "input", input)
    widths = _widths(pad)
    shape = input._data.shape
    if len(widths) % 2 or len(widths) // 2 > len(shape):
        raise RuntimeError(
            f"pad: expected an even number of paddings, at most two for each of {len(shape)} dimensions, got "
            f"{len(widths)}"
        )
    pairs = [(0, 0)] * (len(shape) - len(widths) // 2) + [
        (widths[k], widths[k + 1]) for k in range(len(widths) - 2, -1, -2)
    ]
    sizes = [s + a + b for s, (a, b) in zip(shape, pairs, strict=True)]
    if mode != "constant":
        return _indexed(input, mode, value, pairs, len(widths) // 2)
    if any(s + min(a, 0) + min(b, 0) < 0 for s, (a, b) in zip(shape, pairs, strict=True)):
        raise RuntimeError(f"pad: {tuple(widths)} cuts more off than there is in an input of shape {tuple(shape)}")
    fill = fitting(0 if value is None or max(widths, default=0) <= 0 else value, input._data.dtype, "pad")
    lies = lies_last(input)
    order = (0, *range(2, len(shape)), 1) if lies else range(len(shape))
    cut = tuple([slice(max(-pairs[k][0], 0), shape[k] + min(pairs[k][1], 0)) for k in order])
    more = [(max(pairs[k][0], 0), max(pairs[k][1], 0)) for k in order]
    sizes = [sizes[k] for k in order]

    def constant_pad(x: mx.array, v: mx.array) -> mx.array:
        x = x[cut] if min(widths, default=0) < 0 else x
        return mx.pad(x, more, constant_values=v) if x.size else mx.broadcast_to(v, sizes)

    return apply(Last(constant_pad) if lies else constant_pad, input, fill)  # type: ignore[no-any-return]


def _widths(pad: Any) -> list[int]:
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' must be tuple of ints, not {type(pad).__name__}")
    for k, p in enumerate(pad):
        if not hasattr(p, "__index__") or isinstance(p, bool):
            raise TypeError(
                f"pad(): argument 'pad' must be tuple of ints, but found element of type {type(p).__name__} at pos {k}"
            )
    return [p.__index__() for p in pad]


def _indexed(input: Tensor, mode: str, value: Any, pairs: list[tuple[int, int]], n: int) -> Tensor:
    """Padding with elements of the input: each padded dimension is taken at an index."""
    shape = input._data.shape
    if mode in ("reflect", "replicate") and input._data.dtype == mx.bool_:
        raise NotImplementedError(f"pad: mode {mode!r} is not implemented for bool tensors; convert with .int()")
    if mode not in MODES:
        raise NotImplementedError(
            f"pad: Unrecognised padding mode {mode}; expected constant, reflect, replicate or circular"
        )
    if value is not None and value != 0:
        raise RuntimeError(f'pad: Padding mode "{mode}" doesn\'t take in value argument')
    if n not in (1, 2, 3) or len(shape) not in (n + 1, n + 2):
        raise NotImplementedError(
            f"pad: with mode {mode!r}, the last 1 to 3 dimensions of an input with channels and maybe a batch can "
            "be padded, got "
            f"{len(shape)} dimensions and {n} to pad"
        )
    if mode != "circular" and 0 in shape[len(shape) - n - 1 :]:
        raise RuntimeError(f"pad: with mode {mode!r}, expected sizes above 0 beside the batch, got {tuple(shape)}")
    lies = lies_last(input)
    order = (0, *range(2, len(shape)), 1)
    indices: list[tuple[int, mx.array]] = []
    for axis in range(len(shape) - n, len(shape)):
        size, (before, after) = shape[axis], pairs[axis]
        if (before, after) == (0, 0):
            continue
        place = order.index(axis) if lies else axis
        at = positions(mode, size, before, after, axis, empty=n > 1 or mode == "circular")
        indices.append((place, mx.array(at)))

    def run(x: mx.array) -> mx.array:
        # gradients of what is taken more than once are added up in float32
        y = x.astype(mx.float32) if x.dtype in _check.HALF else x
        for axis, at in indices:
            y = mx.take(y, at, axis)
        return y.astype(x.dtype)

    run.__qualname__ = f"{mode}_pad"
    return apply(Last(run) if lies else run, input)  # type: ignore[no-any-return]
