"""Making tensors: from data, filled, and as ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _tape, _views, dtypes
from lucid import device as _device
from lucid._tape import TensorCore, array, wrap
from lucid.ops._dims import shape_of
from lucid.ops._out import give

if TYPE_CHECKING:
    from lucid.tensor import Tensor

_dtype = dtypes.dtype


def finish(data: mx.array, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`data` as a new tensor on `device`. Raises TypeError for float64 on a GPU, which has none."""
    t = wrap(data)
    if device is not None:
        where = _device.as_device(device)
        _views.pin(t, where)
    if data.dtype == mx.float64:
        check_float64(t.device)
    return t.requires_grad_() if requires_grad else t


def check_float64(where: _device.device) -> None:
    """Raise TypeError unless `where` computes in float64."""
    if where.type != "cpu":
        raise TypeError(f"float64 lives on the CPU only, not on {where.type}; call .cpu() first, or use lucid.float32")


def from_data(data: Any, dtype: _dtype | None = None) -> mx.array:
    """The array of `data`: numbers, nested sequences, numpy arrays, tensors. Floats become the default dtype, ints int64.

    Raises ValueError for ragged sequences, TypeError for what is no number, RuntimeError for an int beyond 64 bits.
    """
    if isinstance(data, TensorCore):
        found = array(data)
        return found if dtype is None else found.astype(dtype.mx)
    if isinstance(data, mx.array):
        return data if dtype is None else data.astype(dtype.mx)
    if dtype is None and data.__class__ in (float, int, bool):
        dtype = dtypes.as_dtype(data.__class__)
    if not isinstance(data, (np.ndarray, np.generic)):
        data = _host(data)
        if dtype is None and data.dtype == np.float64:
            dtype = dtypes.get_default_dtype()
    if dtype is None:
        dtype = dtypes.as_dtype(data.dtype, "tensor")
    if data.dtype.byteorder not in "=|<":
        raise ValueError("tensor: given numpy array has byte order different from the native byte order; use .astype with a native one")
    return from_numpy_array(data, dtype)


def from_numpy_array(data: Any, dtype: _dtype) -> mx.array:
    """A numpy array or scalar as an array of `dtype`."""
    if data.dtype.kind == "c" and not dtype.is_complex:
        raise TypeError(f"tensor: cannot convert complex values to {dtype!r}")
    with np.errstate(invalid="ignore", over="ignore"):
        return mx.array(np.asarray(data).astype(dtype.numpy), dtype=dtype.mx)


def _host(data: Any) -> np.ndarray[Any, Any]:
    """Nested sequences of numbers and tensors as one numpy array."""
    if isinstance(data, (str, bytes)) or data is None:
        raise TypeError(f"tensor: expected numbers or nested sequences of them, got {type(data).__name__}")
    if isinstance(data, Sequence) and data and any(isinstance(d, TensorCore) for d in data):
        data = [d.numpy(force=True) if isinstance(d, TensorCore) else _host(d) for d in data]
    try:
        found = np.array(data)
    except ValueError as error:
        raise ValueError(f"tensor: expected sequences of equal length at each depth: {error}") from None
    if found.size == 0 and found.dtype == np.float64:
        return found
    if found.dtype.kind == "O":
        if all(isinstance(v, int) for v in found.flat):
            raise RuntimeError("tensor: Overflow when unpacking long: an int does not fit in 64 bits")
        found = _elements(found)
    if found.dtype.kind == "u" and found.dtype.itemsize == 8 and not isinstance(data, np.ndarray):
        raise RuntimeError("tensor: Overflow when unpacking long: an int does not fit in 64 bits")
    if found.dtype.kind not in "biufc":
        raise TypeError(f"tensor: expected numbers or nested sequences of them, got elements of {found.dtype}")
    return found


def _elements(found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    bad = next((v for v in found.flat if not isinstance(v, (int, float, complex, np.generic))), None)
    if bad is None:
        return found.astype(np.result_type(*[np.asarray(v).dtype for v in found.flat]))
    raise TypeError(f"tensor: expected numbers or nested sequences of them, got an element of type {type(bad).__name__}")


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A new tensor holding a copy of `data`.

    Args:
        data: a number, nested sequences of them, a numpy array, an MLX array or a tensor (which loses its history).
        dtype: by default float for floats (`get_default_dtype()`), int64 for ints, bool for bools, and that of an array.
        device: where operations on it run; MLX's default device if None.
        requires_grad: whether to record operations on it.
        pin_memory: accepted in either value, since memory is unified.

    Raises ValueError for ragged sequences, TypeError for what is no number, RuntimeError if `requires_grad` is asked of integers.

    >>> import lucid
    >>> lucid.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if device is None and isinstance(data, TensorCore):
        device = _views.device_of(data)
    return finish(from_data(data, None if dtype is None else dtypes.as_dtype(dtype, "tensor")), device, requires_grad)


def legacy(cls: type[Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """What `Tensor(...)` makes: a tensor of the given sizes, or of the given values, in the default dtype."""
    device = kwargs.pop("device", None)
    if kwargs:
        raise TypeError(f"Tensor: unexpected arguments {sorted(kwargs)}; use lucid.tensor(data, dtype=...)")
    to = dtypes.get_default_dtype()
    if len(args) == 1 and not hasattr(args[0], "__index__") or len(args) == 1 and isinstance(args[0], TensorCore):
        t = finish(from_data(args[0], to), device)
    else:
        t = finish(mx.zeros(shape_of(args, "Tensor"), to.mx), device)
    return t if cls is _tape._Tensor else of_class(cls, t)


def of_class(cls: type[Any], t: Tensor) -> Any:
    """A tensor of the subclass `cls` over the array of `t`."""
    new = object.__new__(cls)
    new._data = array(t)
    new._node = new._grad = None
    new._extra = _views.Extra(device=t._extra.device) if t._extra is not None and t._extra.device is not None else None
    new._version = 0
    return new


def like_copy(t: Tensor, data: mx.array) -> Tensor:
    """A new leaf of the class, device and attributes of `t` that holds `data`."""
    source = wrap(data)
    _views.pin(source, t.device)
    new: Tensor = of_class(type(t), source)
    new.__dict__.update(t.__dict__)
    return new.requires_grad_() if t.requires_grad else new


def rebuild(cls: type[Tensor], values: np.ndarray[Any, Any], dtype: _dtype, requires_grad: bool, state: dict[str, Any] | None) -> Tensor:
    """The inverse of pickling."""
    new: Tensor = of_class(cls, wrap(from_numpy_array(values, dtype)))
    new.__dict__.update(state or {})
    return new.requires_grad_() if requires_grad else new


def zeros(*size: Any, out: Tensor | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return full(shape_of(size, "zeros"), 0.0, out=out, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def ones(*size: Any, out: Tensor | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    return full(shape_of(size, "ones"), 1.0, out=out, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def full(
    size: Any, fill_value: Any, *, out: Tensor | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of shape `size` filled with `fill_value`, whose type gives the dtype unless one is named."""
    if isinstance(fill_value, TensorCore):
        fill_value = fill_value.item()
    d = dtypes.as_dtype(type(fill_value) if dtype is None else dtype, "full")
    shape = shape_of((size,), "full")
    if any(s < 0 for s in shape):
        raise RuntimeError(f"full: Trying to create tensor with negative dimension: {list(shape)}")
    return give(finish(mx.full(shape, from_data(fill_value, d), d.mx), device, requires_grad), out, "full")
