"""The views as copies, and pieces that are no views: what is written into them changes nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lucid import _views
from lucid._grad_mode import mode
from lucid._tape import array
from lucid.dtypes import dtype as _dtype
from lucid.ops import expansion, pieces, reinterpret, shape
from lucid.ops._check import check_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops.geometry import copied, storage_offset, strides_of

__all__ = [
    "alias_copy",
    "as_strided_copy",
    "detach_copy",
    "diagonal_copy",
    "expand_copy",
    "permute_copy",
    "select_copy",
    "slice_copy",
    "slice_inverse",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "unbind_copy",
    "unfold_copy",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze_copy",
    "view_as_complex_copy",
    "view_as_real_copy",
    "view_copy",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


# ---- one view --------------------------------------------------------------------------------------------------------


def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of `input`, which gradients flow through."""
    check_tensor("alias_copy", input)
    return give(copied(input), out, "alias_copy")


def detach_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of `input` without its history. (PyTorch's claims to have one, and refuses to go back through it.)"""
    check_tensor("detach_copy", input)
    return give(copied(_views.alias(input)), out, "detach_copy")


def view_copy(input: Tensor, size: Any = None, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """`input.view(size)`, or with a dtype `input.view(dtype)`, as a copy."""
    check_tensor("view_copy", input)
    if dtype is None and not isinstance(size, (_dtype, Sequence)):
        raise TypeError(f"view_copy(): expected a sequence of sizes or a dtype, got {type(size).__name__}")
    return give(copied(shape.view(input, size) if dtype is None else shape.view(input, dtype=dtype)), out, "view_copy")


def permute_copy(input: Tensor, dims: Sequence[int], *, out: Tensor | None = None) -> Tensor:
    """`permute` as a copy."""
    return give(copied(shape.permute(input, dims=dims)), out, "permute_copy")


def t_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`t` as a copy."""
    return give(copied(shape.t(input)), out, "t_copy")


def transpose_copy(input: Tensor, dim0: int, dim1: int, *, out: Tensor | None = None) -> Tensor:
    """`transpose` as a copy."""
    return give(copied(shape.transpose(input, dim0, dim1)), out, "transpose_copy")


def squeeze_copy(input: Tensor, dim: int | Sequence[int] | None = None, *, out: Tensor | None = None) -> Tensor:
    """`squeeze` as a copy."""
    return give(copied(expansion.squeeze(input, dim)), out, "squeeze_copy")


def unsqueeze_copy(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """`unsqueeze` as a copy."""
    return give(copied(expansion.unsqueeze(input, dim)), out, "unsqueeze_copy")


def expand_copy(input: Tensor, size: Sequence[int], *, implicit: bool = False, out: Tensor | None = None) -> Tensor:
    """`input.expand(size)` as a copy. `implicit` is accepted in either value, as PyTorch has it."""
    check_tensor("expand_copy", input)
    return give(copied(expansion.expand(input, size=size)), out, "expand_copy")


def slice_copy(
    input: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of `input[start:end:step]` along `dim`. Raises RuntimeError unless `step` is positive."""
    check_tensor("slice_copy", input)
    sizes = array(input).shape
    if not sizes:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, len(sizes), "slice_copy")
    if step <= 0:
        raise RuntimeError(f"slice step must be positive, got {step}")
    bounds = slice(start, end, step).indices(sizes[d])
    key = (slice(None),) * d + (slice(*bounds),)
    return give(copied(pieces.sliced("slice", input, key)), out, "slice_copy")


def select_copy(input: Tensor, dim: int, index: int, *, out: Tensor | None = None) -> Tensor:
    """`select` as a copy."""
    return give(copied(pieces.select(input, dim, index)), out, "select_copy")


def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out: Tensor | None = None) -> Tensor:
    """`diagonal` as a copy."""
    return give(copied(pieces.diagonal(input, offset, dim1, dim2)), out, "diagonal_copy")


def unfold_copy(input: Tensor, dimension: int, size: int, step: int, *, out: Tensor | None = None) -> Tensor:
    """`input.unfold(dimension, size, step)` as a copy."""
    return give(copied(pieces.unfold(input, dimension, size, step)), out, "unfold_copy")


def as_strided_copy(
    input: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`as_strided` as a copy."""
    return give(copied(pieces.as_strided(input, size, stride, storage_offset)), out, "as_strided_copy")


def slice_inverse(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """The view of `input`'s memory that has the shape and strides of `src`.

    PyTorch uses it to undo a slice whose source it no longer has; `dim`, `start`, `end` and `step` of that slice are
    taken as they are there, and change nothing.
    """
    check_tensor("slice_inverse", input)
    check_tensor("slice_inverse", src, "src")
    return pieces.as_strided(input, array(src).shape, strides_of(src), storage_offset(src))


def view_as_real_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`view_as_real` as a copy."""
    return give(copied(reinterpret.view_as_real(input)), out, "view_as_real_copy")


def view_as_complex_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`view_as_complex` as a copy."""
    return give(copied(reinterpret.view_as_complex(input)), out, "view_as_complex_copy")


# ---- several pieces --------------------------------------------------------------------------------------------------


def _filled(operation: str, results: tuple[Tensor, ...], out: Sequence[Tensor] | None) -> Any:
    """`results`, or the tensors of `out` filled with them."""
    if out is None:
        return results
    if len(out) != len(results):
        raise RuntimeError(f"{operation}() expected an out= argument of size {len(results)}, got size {len(out)}")
    for place, result in zip(out, results, strict=True):
        give(result, place, operation)
    return tuple(out)


def _no_views(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors without the memory of their common source."""
    for part in parts:
        device, known = _views.device_of(part), part._extra
        part._extra = None
        _views.pin(part, device)
        if mode.dual is not None:
            mode.dual.carry(part, known)
    return parts


def unbind_copy(input: Tensor, dim: int = 0, *, out: Sequence[Tensor] | None = None) -> Any:
    """`unbind` as copies; `out` is a sequence of tensors to put them into."""
    return _filled("unbind_copy", _no_views(pieces.unbind(input, dim)), out)


def split_copy(input: Tensor, split_size: int, dim: int = 0, *, out: Sequence[Tensor] | None = None) -> Any:
    """`split` as copies; `out` is a sequence of tensors to put them into."""
    return _filled("split_copy", _no_views(pieces.split(input, _whole("split_copy", split_size), dim)), out)


def split_with_sizes_copy(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> Any:
    """`split_with_sizes` as copies; `out` is a sequence of tensors to put them into."""
    return _filled("split_with_sizes_copy", _no_views(pieces.split_with_sizes(input, split_sizes, dim)), out)


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` without the promise that writing into a piece changes `input`: it does not."""
    return _no_views(pieces.split(input, _whole("unsafe_split", split_size), dim))


def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes` without the promise that writing into a piece changes `input`: it does not."""
    return _no_views(pieces.split_with_sizes(input, split_sizes, dim))


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` without the promise that writing into a piece changes `input`: it does not."""
    return _no_views(pieces.chunk(input, chunks, dim))


def _whole(operation: str, value: Any) -> int:
    if not hasattr(value, "__index__"):
        raise TypeError(f"{operation}(): argument 'split_size' must be int, not {type(value).__name__}")
    return int(value.__index__())
