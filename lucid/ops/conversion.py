"""Tensors of another dtype or on another device, and copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _views, dtypes
from lucid._device import as_device
from lucid._device import device as _Device
from lucid._tape import apply, array
from lucid.dtypes import as_dtype, dtype
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._fits import fitting
from lucid.ops.geometry import copied, is_contiguous, laid_out_as
from lucid.ops.memory_formats import check, memory_format, preserve_format

__all__ = ["clone", "fill", "fill_", "is_complex", "is_floating_point", "is_signed", "zero_"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

# ---- copies ----------------------------------------------------------------------------------------------------------


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy of `input` that gradients flow through; its strides are those of `input`, or as `memory_format` says."""
    check_tensor("clone", input)
    if input._extra is None and memory_format is preserve_format:
        return copied(input)
    check("clone", memory_format)
    return _laid_out(input, memory_format)


def _laid_out(input: Tensor, format: memory_format) -> Tensor:
    """A copy of `input` in `format`; preserved are the strides of a tensor whose elements fill its memory."""
    if format is not preserve_format:
        return copied(input, format)
    found = laid_out_as(input, input)
    return copied(input) if found is input else found


def copy_(input: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Write `other`, a tensor or number, broadcast and converted, into `input`, and return `input`.

    Raises RuntimeError if the shape does not fit.
    """
    to, shape = array(input).dtype, array(input).shape
    if isinstance(other, (int, float, complex)):
        return fill_(input, other)
    if not is_tensor(other):
        raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(other).__name__}")
    src = other
    _check_broadcast(array(src).shape, shape)

    def copy(a: mx.array) -> mx.array:
        return mx.broadcast_to(_cast(a, to), shape)

    if src.device.type != input.device.type:
        src = _to_device(src, input.device)
    if input._node is None:
        return _views.assign(input, apply(copy, src))

    def copy_(a: mx.array, b: mx.array) -> mx.array:
        return copy(b)  # what was computed before stays connected, with a gradient of zero

    return _views.assign(input, apply(copy_, input, src))


def _check_broadcast(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    if have == want:
        return
    lead = len(want) - len(have)
    if lead < 0:
        raise RuntimeError(f"output with shape {list(want)} doesn't match the broadcast shape {list(have)}")
    for k, s in enumerate(have):
        if s not in (1, want[lead + k]):
            raise RuntimeError(
                f"The size of tensor a ({want[lead + k]}) must match the size of tensor b ({s}) at non-singleton "
                f"dimension {lead + k}"
            )


def fill_(input: Tensor, value: Any) -> Tensor:
    """Fill `input` with `value`, a number or a 0-dim tensor, and return it."""
    return _views.assign(input, fill(input, value), uniform=True)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` filled with `value`, a number or a 0-dim tensor.

    Raises RuntimeError for a tensor with dimensions.
    """
    check_tensor("fill", input)
    data = array(input)
    to, shape = data.dtype, data.shape
    if not is_tensor(value):
        value = fitting(value, to, "fill")
    elif array(value).ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
        )

    def fn(a: mx.array, v: mx.array) -> mx.array:
        return mx.broadcast_to(_cast(v, to), shape)

    fn.__qualname__ = "fill"
    result: Tensor = apply(fn, input, value)
    return result


def zero_(input: Tensor) -> Tensor:
    """Fill `input` with zeros, and return it."""

    def zero(a: mx.array) -> mx.array:
        return mx.zeros(a.shape, a.dtype)

    return _views.assign(input, apply(zero, input), uniform=True)


# ---- dtype and device ------------------------------------------------------------------------------------------------


def _cast(a: mx.array, to: mx.Dtype) -> mx.array:
    """`a` as `to`; floats become integers as in C, and complex numbers lose their imaginary part."""
    if a.dtype == mx.complex64 and to != mx.complex64:
        a = a != 0 if to == mx.bool_ else mx.real(a)
    return a.astype(to)


def cast(input: Tensor, to: dtype) -> Tensor:
    """`input` in the dtype `to`; itself if it has it already."""
    target = to.mx
    if input._data.dtype == target:
        return input
    if to is dtypes.float64 and input.device.type != "cpu":
        raise TypeError(
            f"float64 lives on the CPU only, not on {input.device.type}; call .cpu() first, or use lucid.float32"
        )

    def fn(a: mx.array) -> mx.array:
        return _cast(a, target)

    fn.__qualname__ = "_to_copy"
    result: Tensor = apply(fn, input)
    if input._extra is not None:
        return laid_out_as(result, input)
    if not to.is_inexact and not input.dtype.is_inexact and _known.is_known(input):
        _known.know(result._data)
    return result


def _to_device(input: Tensor, where: _Device) -> Tensor:
    if input.dtype is dtypes.float64 and where.type != "cpu":
        raise TypeError(f"float64 lives on the CPU only, not on {where.type}; call .to(lucid.float32) first")

    def fn(a: mx.array) -> mx.array:
        return a

    fn.__qualname__ = "_to_copy"
    return _views.pin(apply(fn, input), where)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`input` in another dtype, on another device, or both; itself if nothing changes and `copy` is False.

    `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(other)`, each followed by `non_blocking=False, copy=False`,
    and `memory_format=` as a keyword. Raises TypeError for arguments that fit none of them.
    """
    where, kind, copy, format = _to_arguments(args, kwargs)
    found = input
    if (
        where is not None
        and where != input.device
        and (where.type, where.index or 0) != (input.device.type, input.device.index or 0)
    ):
        found = _to_device(found, where)
    if kind is not None:
        found = cast(found, kind)
    if found is input and copy:
        return _laid_out(input, format)
    if format is not preserve_format and not is_contiguous(found, format):
        return _laid_out(found, format)
    return found


def _to_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dtype | None, bool, memory_format]:
    rest = list(args)
    where: Any = None
    kind: Any = None
    if rest and is_tensor(rest[0]):
        other = rest.pop(0)
        where, kind = other.device, other.dtype
    elif "tensor" in kwargs or "other" in kwargs:
        other = kwargs.pop("tensor" if "tensor" in kwargs else "other")
        where, kind = other.device, other.dtype
    elif rest and isinstance(rest[0], dtype):
        kind = rest.pop(0)
    elif rest and (isinstance(rest[0], (str, _Device)) or rest[0].__class__ is int):
        where = as_device(rest.pop(0))
        if rest and (rest[0] is None or isinstance(rest[0], dtype)):
            kind = rest.pop(0)
    elif rest and rest[0] is None:
        rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], dtype)):
            kind = rest.pop(0)
    elif rest and (isinstance(rest[0], (type, np.dtype, mx.Dtype))):
        kind = as_dtype(rest.pop(0), "to")
    elif rest:
        raise TypeError(
            f"to() received an invalid combination of arguments: {args!r}; expected a dtype, a device or a tensor"
        )
    for name in ("non_blocking", "copy"):
        if rest:
            kwargs.setdefault(name, rest.pop(0))
    if rest:
        raise TypeError(
            f"to() received an invalid combination of arguments: {args!r}; expected a dtype, a device or a tensor"
        )
    if "device" in kwargs:
        value = kwargs.pop("device")
        where = where if value is None else as_device(value)
    if "dtype" in kwargs:
        value = kwargs.pop("dtype")
        kind = kind if value is None else as_dtype(value, "to")
    copy, format = kwargs.pop("copy", False), kwargs.pop("memory_format", None) or preserve_format
    kwargs.pop("non_blocking", None)  # memory is unified: no move takes time
    check("to", format)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument {sorted(kwargs)[0]!r}")
    return where, kind, bool(copy), format


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` in the dtype and on the device of `other`."""
    check_tensor("type_as", other)
    return to(input, other)


TYPE_NAMES = {
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
    "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16,
    "ByteTensor": dtypes.uint8,
    "CharTensor": dtypes.int8,
    "ShortTensor": dtypes.int16,
    "IntTensor": dtypes.int32,
    "LongTensor": dtypes.int64,
    "BoolTensor": dtypes.bool_,
    "ComplexFloatTensor": dtypes.complex64,
}
_NAMES_OF = {d: name for name, d in TYPE_NAMES.items()} | {
    dtypes.uint16: "UInt16Tensor",
    dtypes.uint32: "UInt32Tensor",
    dtypes.uint64: "UInt64Tensor",
}


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, such as 'lucid.FloatTensor'; given a dtype or such a name, the tensor converted.

    Raises ValueError for a name that is no type.
    """
    if dtype is None:
        where = input.device.type
        return f"lucid.{'' if where == 'cpu' else where + '.'}{_NAMES_OF[input.dtype]}"
    if isinstance(dtype, str):
        prefix, _, name = dtype.rpartition(".")
        if not prefix or name not in TYPE_NAMES:
            raise ValueError(f"type: invalid type: {dtype!r}; expected a name such as 'lucid.FloatTensor'")
        return cast(input, TYPE_NAMES[name])
    legacy = getattr(dtype, "dtype", None)  # of a type such as lucid.FloatTensor
    return cast(input, legacy if legacy.__class__ is dtypes.dtype else as_dtype(dtype, "type"))


def float_(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in float32."""
    return (
        cast(input, dtypes.float32)
        if memory_format is preserve_format
        else to(input, dtypes.float32, memory_format=memory_format)
    )


def double(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in float64, which lives on the CPU only."""
    return (
        cast(input, dtypes.float64)
        if memory_format is preserve_format
        else to(input, dtypes.float64, memory_format=memory_format)
    )


def half(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in float16."""
    return (
        cast(input, dtypes.float16)
        if memory_format is preserve_format
        else to(input, dtypes.float16, memory_format=memory_format)
    )


def bfloat16(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in bfloat16."""
    return (
        cast(input, dtypes.bfloat16)
        if memory_format is preserve_format
        else to(input, dtypes.bfloat16, memory_format=memory_format)
    )


def cfloat(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in complex64."""
    return (
        cast(input, dtypes.complex64)
        if memory_format is preserve_format
        else to(input, dtypes.complex64, memory_format=memory_format)
    )


def int_(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in int32."""
    return (
        cast(input, dtypes.int32)
        if memory_format is preserve_format
        else to(input, dtypes.int32, memory_format=memory_format)
    )


def long(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in int64."""
    return (
        cast(input, dtypes.int64)
        if memory_format is preserve_format
        else to(input, dtypes.int64, memory_format=memory_format)
    )


def short(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in int16."""
    return (
        cast(input, dtypes.int16)
        if memory_format is preserve_format
        else to(input, dtypes.int16, memory_format=memory_format)
    )


def byte(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in uint8."""
    return (
        cast(input, dtypes.uint8)
        if memory_format is preserve_format
        else to(input, dtypes.uint8, memory_format=memory_format)
    )


def char(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in int8."""
    return (
        cast(input, dtypes.int8)
        if memory_format is preserve_format
        else to(input, dtypes.int8, memory_format=memory_format)
    )


def bool_(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` in bool: True where it is not zero."""
    return (
        cast(input, dtypes.bool_)
        if memory_format is preserve_format
        else to(input, dtypes.bool_, memory_format=memory_format)
    )


def cpu(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`input` on the CPU."""
    return to(input, "cpu", memory_format=memory_format)


def metal(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: memory_format = preserve_format
) -> Tensor:
    """`input` on Metal. Raises RuntimeError where there is none."""
    return to(input, _Device("metal") if device is None else device, memory_format=memory_format)


def mps(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """`metal` under PyTorch's name."""
    return metal(input, memory_format=memory_format)


def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: memory_format = preserve_format
) -> Tensor:
    """`input` on the CUDA GPU. Raises RuntimeError where there is none."""
    return to(input, _Device("cuda") if device is None else device, memory_format=memory_format)


# ---- what it is ------------------------------------------------------------------------------------------------------


def is_floating_point(input: Tensor) -> bool:
    """True for a floating dtype."""
    check_tensor("is_floating_point", input)
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """True for a complex dtype."""
    check_tensor("is_complex", input)
    return input.dtype.is_complex


def is_signed(input: Tensor) -> bool:
    """True for a dtype that has negative numbers."""
    check_tensor("is_signed", input)
    return input.dtype.is_signed


def element_size(input: Tensor) -> int:
    """The size of one element in bytes."""
    return input._data.itemsize
