"""Tensors from data: numbers, nested sequences, numpy arrays, buffers, other tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _tape, _views, dtypes
from lucid._device import as_device
from lucid._from_data import from_data, from_numpy_array
from lucid._tape import TensorCore, apply, array, wrap
from lucid.creation._place import finish, options, running_on
from lucid.ops.geometry import laid_out_as

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["as_tensor", "asarray", "from_file", "from_numpy", "frombuffer", "tensor"]

_dtype = dtypes.dtype


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor holding a copy of `data`.

    Args:
        data: a number, nested sequences of them, a numpy array, an MLX array or a tensor (which loses its history).
        dtype: by default `get_default_dtype()` for floats, int64 for ints, bool for bools, and that of an array.
        device: where operations on it run; MLX's default device if None.
        requires_grad: whether to record operations on it.
        pin_memory: accepted in either value, since memory is unified.

    Raises ValueError for ragged sequences, TypeError or RuntimeError for what is no number, RuntimeError for numbers
    that the dtype does not hold and for integers that should require a gradient.

    >>> import lucid
    >>> lucid.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if device is None and isinstance(data, TensorCore):
        device = _views.device_of(data)
    return finish(from_data(data, None if dtype is None else dtypes.as_dtype(dtype, "tensor")), device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: itself if it is one of that dtype and device already, else converted, keeping its history."""
    if not isinstance(data, TensorCore):
        return tensor(data, dtype=dtype, device=device)
    return _moved(data, dtype, device)


def _moved(t: Tensor, dtype: Any, device: Any) -> Tensor:
    to = None if dtype is None else dtypes.as_dtype(dtype, "as_tensor").mx
    if to is not None and to != t._data.dtype:
        with running_on(device, to):
            t = apply(lambda a: a.astype(to), t)
    if device is not None and as_device(device) != _views.device_of(t):
        t = _views.pin(apply(lambda a: a, t), as_device(device))
    return t


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor: a tensor, a numpy array, a buffer, a number or nested sequences.

    A tensor is returned as it is if nothing about it has to change, unless `copy=True`. `copy=False` raises ValueError
    where data would have to be copied: MLX copies from everything but tensors.
    """
    if isinstance(obj, TensorCore):
        t = _moved(obj, dtype, device)
        if copy is False and t is not obj:
            raise ValueError("asarray: can't alias tensor with copy=False if its dtype or device has to change")
        if copy and t is obj:
            t = apply(lambda a: a, t)
        if t.requires_grad and not requires_grad:
            t = t.detach()
        return t.requires_grad_() if requires_grad and not t.requires_grad else t
    if copy is False:
        raise ValueError(f"asarray: can't alias {type(obj).__name__} with copy=False, MLX copies what it is given")
    if (not isinstance(obj, (np.ndarray, np.generic)) and hasattr(obj, "__buffer__")) or isinstance(
        obj, (bytes, bytearray, memoryview)
    ):
        return finish(
            from_data(np.frombuffer(obj, (dtypes.get_default_dtype() if dtype is None else dtype).numpy)),
            device,
            requires_grad,
        )
    return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor of the values of a numpy array, copied: unlike in PyTorch, writing to one does not change the other.

    Raises TypeError for what is no numpy array and for dtypes that MLX does not have.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    return finish(from_data(ndarray))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor of the values in a buffer, copied. `offset` counts bytes, `count` elements; -1 is all.

    Raises ValueError for a buffer that is empty or too short.

    >>> import lucid
    >>> lucid.frombuffer(bytes([1, 0, 2, 0]), dtype=lucid.int16)
    tensor([1, 2], dtype=lucid.int16)
    """
    to = dtypes.as_dtype(dtype, "frombuffer")
    try:
        whole = memoryview(buffer).cast("B")
    except TypeError:
        raise ValueError(f"frombuffer: {type(buffer).__name__} does not implement Python's buffer protocol") from None
    if whole and not 0 <= offset < len(whole):
        raise ValueError(
            f"frombuffer: offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({len(whole)} bytes) minus 1"
        )
    raw = whole[offset:]
    if count == 0 or not len(raw):
        raise ValueError(f"frombuffer: both buffer length ({len(raw)}) and count ({count}) must not be 0")
    if count < 0 and len(raw) % to.itemsize:
        raise ValueError(
            f"frombuffer: buffer length ({len(raw)} bytes after offset) must be a multiple of {to.itemsize}"
        )
    size = len(raw) // to.itemsize if count < 0 else count
    if size * to.itemsize > len(raw):
        raise ValueError(
            f"frombuffer: requested length ({size} elements of {to!r}) must not be greater than {len(raw)} bytes"
        )
    data = mx.array(np.frombuffer(raw[: size * to.itemsize], np.uint8)).view(to.mx)
    return finish(data, None, requires_grad)


def from_file(
    filename: str,
    shared: bool | None = None,
    size: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A 1-d tensor of the first `size` elements of a file of raw numbers, read now.

    Raises RuntimeError if the file is not there or too short, NotImplementedError for `shared=True`: a tensor has
    memory of its own, so writing to it cannot change the file.
    """
    if shared:
        raise NotImplementedError("from_file: shared=True is not supported; write tensor.numpy().tofile(filename)")
    options("from_file", layout)
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "from_file")
    try:
        with open(filename, "rb") as file:
            raw = file.read(size * to.itemsize)
    except OSError as error:
        raise RuntimeError(f"from_file: unable to open file <{filename}> in read-only mode: {error.strerror}") from None
    if len(raw) < size * to.itemsize:
        raise RuntimeError(
            f"from_file: file <{filename}> size <{len(raw)}> is smaller than the {size * to.itemsize} bytes asked for"
        )
    data = mx.array(np.frombuffer(raw, np.uint8)).view(to.mx) if raw else mx.zeros((0,), to.mx)
    return finish(data, device, requires_grad)


def of_class(cls: type[Any], t: Tensor) -> Any:
    """A tensor of the subclass `cls` over the array of `t`."""
    new = _tape._new(cls)
    new._data = array(t)
    new._node = new._grad = None
    new._extra = (
        _views.elsewhere_than_default(t._extra.device) if t._extra is not None and t._extra.device is not None else None
    )
    new._writes = 0
    return new


def like_copy(t: Tensor, data: mx.array) -> Tensor:
    """A new leaf of the class, device and attributes of `t` that holds `data`."""
    source = wrap(data)
    _views.pin(source, t.device)
    new: Tensor = of_class(type(t), source)
    if t._extra is not None:
        new._extra = laid_out_as(source, t)._extra
    new.__dict__.update(t.__dict__)
    return new.requires_grad_() if t.requires_grad else new


def rebuild(
    cls: type[Tensor], values: np.ndarray[Any, Any], dtype: _dtype, requires_grad: bool, state: dict[str, Any] | None
) -> Tensor:
    """The inverse of pickling."""
    new: Tensor = of_class(cls, wrap(from_numpy_array(values, dtype)))
    new.__dict__.update(state or {})
    return new.requires_grad_() if requires_grad else new
