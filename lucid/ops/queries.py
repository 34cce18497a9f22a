"""Questions about a tensor whose answer is nearly always the same here: what kinds of tensors there are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lucid._tape import TensorCore, array
from lucid.dtypes import OF_MX, dtype
from lucid.ops._check import check_tensor
from lucid.ops.conversion import to, type_
from lucid.ops.geometry import is_contiguous, storage_offset, strides_of
from lucid.ops.memory_formats import layout, memory_format, strided
from lucid.ops.reseating import get_device, is_same_size

__all__ = [
    "get_device",
    "is_conj",
    "is_distributed",
    "is_inference",
    "is_neg",
    "is_same_size",
    "typename",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def is_conj(input: Tensor) -> bool:
    """False: conjugates are computed when they are needed, no tensor carries a mark that it still has to be."""
    check_tensor("is_conj", input)
    return False


def is_neg(input: Tensor) -> bool:
    """False: no tensor carries a mark that it still has to be negated."""
    check_tensor("is_neg", input)
    return False


def is_inference(input: Tensor) -> bool:
    """False: a tensor made in `inference_mode` is like any other, and may be used for gradients afterwards."""
    check_tensor("is_inference", input)
    return False


def is_distributed(input: Tensor) -> bool:
    """False: a tensor lies on one machine."""
    check_tensor("is_distributed", input)
    return False


def typename(obj: Any, /) -> str:
    """The full name of the type of `obj`: of a tensor such as "lucid.FloatTensor"; of a class or function its own."""
    if isinstance(obj, TensorCore):
        name: str = type_(obj)
        return name
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    qualified: str = named.__qualname__
    return qualified if module in (None, "builtins") else f"{module}.{qualified}"


# ---- methods and properties ------------------------------------------------------------------------------------------


def no(input: Tensor) -> bool:
    """False: MLX has dense arrays of numbers on the CPU and on GPUs, nothing else."""
    return False


def the_layout(input: Tensor) -> layout:
    """`lucid.strided`, as of all tensors."""
    return strided


def to_dense(input: Tensor, dtype: Any = None, *, masked_grad: bool = True) -> Tensor:
    """The tensor itself, which is dense, in `dtype` if one is given."""
    return input if dtype is None else to(input, dtype)


def dense_dim(input: Tensor) -> int:
    """The number of dimensions: all of them are dense."""
    return array(input).ndim


def sparse_dim(input: Tensor) -> int:
    """0: no dimension is sparse."""
    return 0


def dim_order(input: Tensor, *, ambiguity_check: bool | list[memory_format] = False) -> tuple[int, ...]:
    """The dimensions from the one with the largest strides to the one with the smallest.

    Raises RuntimeError with `ambiguity_check=True` where strides leave the order open; with a list of memory formats,
    unless exactly one of them fits.
    """
    shape, strides = array(input).shape, strides_of(input)
    plain = [k for k, s in enumerate(strides) if s]  # what is expanded stays where it is
    places = iter(sorted(plain, key=lambda k: (-strides[k], k)))
    order = tuple([next(places) if s else k for k, s in enumerate(strides)])
    if ambiguity_check is False or (len(set(strides)) == len(strides) and 0 not in strides and 1 not in shape):
        return order
    if isinstance(ambiguity_check, (list, tuple)):
        found = [f for f in ambiguity_check if is_contiguous(input, f)]
        if len(found) == 1:
            return tuple(found[0].order) or tuple(range(len(shape)))
    raise RuntimeError(
        "dim_order: the tensor does not have a unique dim order, or cannot map to exactly one of the given memory "
        f"formats: its shape is {tuple(shape)}, its strides are {strides}"
    )


def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """True if both look at the same memory, with the same shape, strides and offset."""
    check_tensor("is_set_to", tensor, "tensor")
    if array(input).shape != array(tensor).shape or root(input) is not root(tensor):
        return False
    return strides_of(input) == strides_of(tensor) and storage_offset(input) == storage_offset(tensor)


def root(t: Tensor) -> Tensor:
    """The tensor whose memory `t` looks at."""
    return t if t._extra is None or t._extra.base is None else t._extra.base


def name(input: Tensor) -> None:
    """None: tensors have no names."""


def volatile(input: Tensor) -> bool:
    """False: PyTorch replaced it by `no_grad`."""
    warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
    return False


def grad_dtype(input: Tensor) -> dtype:
    """The dtype of the gradients of this tensor: its own."""
    return OF_MX[input._data.dtype]
