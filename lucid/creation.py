"""Making tensors: from data, filled, and as ranges."""

from __future__ import annotations

import builtins
import contextlib
import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _tape, _views, dtypes
from lucid import device as _device
from lucid._from_data import from_data, from_numpy_array
from lucid._tape import TensorCore, apply, array, wrap
from lucid.dtypes import OF_MX
from lucid.ops._dims import shape_of
from lucid.ops._out import give

if TYPE_CHECKING:
    from lucid.tensor import Tensor

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "complex",
    "empty",
    "empty_like",
    "empty_strided",
    "eye",
    "frombuffer",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "polar",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]

_dtype = dtypes.dtype
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38, "float64": math.inf}
_NOWHERE = contextlib.nullcontext()
complex_number = builtins.complex


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


def running_on(device: Any, kind: mx.Dtype) -> Any:
    """A context that sends MLX operations to `device`, where it is not the default. Raises TypeError for float64 on a GPU."""
    if device is None:
        if kind == mx.float64:
            check_float64(_device.default())
        return _NOWHERE
    where = _device.as_device(device)
    if kind == mx.float64:
        check_float64(where)
    return _NOWHERE if where.mx == mx.default_device() else mx.stream(where.mx)


def options(operation: str, layout: Any = None, memory_format: Any = None) -> None:
    """Accept the layout and memory format that every tensor has, and raise NotImplementedError for others."""
    if layout is not None and not str(layout).endswith("strided"):
        raise NotImplementedError(f"{operation}: layout {layout!r} is not supported, MLX has dense arrays only; leave it out")
    if memory_format is not None and not str(memory_format).endswith(("contiguous_format", "preserve_format")):
        raise NotImplementedError(
            f"{operation}: memory_format {memory_format!r} is not supported, MLX chooses the layout itself; leave it out"
        )


def sizes_of(sizes: tuple[Any, ...], size: Any, operation: str) -> tuple[int, ...]:
    """The shape asked for by `f(2, 3)`, `f((2, 3))` or `f(size=(2, 3))`."""
    if size is not None:
        sizes = (size,)
    elif not sizes:
        raise TypeError(f"{operation}() missing 1 required positional arguments: 'size'")
    return check_shape(shape_of(sizes, operation), operation)


def check_shape(shape: tuple[int, ...], operation: str) -> tuple[int, ...]:
    """`shape`. Raises RuntimeError if a size is negative."""
    for size in shape:
        if size < 0:
            raise RuntimeError(f"{operation}: Trying to create tensor with negative dimension {size}: {list(shape)}")
    return shape


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


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: itself if it is one of that dtype and device already, else converted, keeping its history."""
    if not isinstance(data, TensorCore):
        return tensor(data, dtype=dtype, device=device)
    return _moved(data, dtype, device)  # type: ignore[arg-type]


def _moved(t: Tensor, dtype: Any, device: Any) -> Tensor:
    to = None if dtype is None else dtypes.as_dtype(dtype, "as_tensor").mx
    if to is not None and to != t._data.dtype:
        with running_on(device, to):
            t = apply(lambda a: a.astype(to), t)
    if device is not None and _device.as_device(device) != _views.device_of(t):
        t = _views.pin(apply(lambda a: a, t), _device.as_device(device))
    return t


def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """`obj` as a tensor: a tensor, a numpy array, a buffer, a number or nested sequences.

    A tensor is returned as it is if nothing about it has to change, unless `copy=True`. `copy=False` raises ValueError where
    data would have to be copied: MLX copies from everything but tensors.
    """
    if isinstance(obj, TensorCore):
        t = _moved(obj, dtype, device)  # type: ignore[arg-type]
        if copy is False and t is not obj:
            raise ValueError("asarray: can't alias tensor with copy=False if its dtype or device has to change")
        if copy and t is obj:
            t = apply(lambda a: a, t)
        if t.requires_grad and not requires_grad:
            t = t.detach()
        return t.requires_grad_() if requires_grad and not t.requires_grad else t
    if copy is False:
        raise ValueError(f"asarray: can't alias {type(obj).__name__} with copy=False, MLX copies what it is given")
    if not isinstance(obj, (np.ndarray, np.generic)) and hasattr(obj, "__buffer__") or isinstance(obj, (bytes, bytearray, memoryview)):
        return finish(from_data(np.frombuffer(obj, (dtypes.get_default_dtype() if dtype is None else dtype).numpy)), device, requires_grad)
    return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor of the values of a numpy array. They are copied: unlike in PyTorch, writing to one does not change the other.

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
    raw = memoryview(buffer).cast("B")[offset:]
    if count == 0 or not len(raw):
        raise ValueError(f"frombuffer: both buffer length ({len(raw)}) and count ({count}) must not be 0")
    if count < 0 and len(raw) % to.itemsize:
        raise ValueError(f"frombuffer: buffer length ({len(raw)} bytes) after offset must be a multiple of element size ({to.itemsize})")
    size = len(raw) // to.itemsize if count < 0 else count
    if size * to.itemsize > len(raw):
        raise ValueError(f"frombuffer: requested buffer length ({size} elements of {to!r}) must not be greater than {len(raw)} bytes")
    data = mx.array(np.frombuffer(raw[: size * to.itemsize], np.uint8)).view(to.mx)
    return finish(data, None, requires_grad)


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


# ---- filled ----------------------------------------------------------------------------------------------------------


def _filled(
    operation: str, sizes: tuple[Any, ...], size: Any, value: float, dtype: Any, layout: Any, device: Any, memory_format: Any = None
) -> mx.array:
    if layout is not None or memory_format is not None:
        options(operation, layout, memory_format)
    shape = sizes_of(sizes, size, operation)
    to = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, operation)).mx
    with running_on(device, to):
        return mx.ones(shape, to) if value else mx.zeros(shape, to)


def zeros(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    data = _filled("zeros", sizes, size, 0, dtype, layout, device)
    return give(finish(data, device, requires_grad), out, "zeros")


def ones(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    data = _filled("ones", sizes, size, 1, dtype, layout, device)
    return give(finish(data, device, requires_grad), out, "ones")


def empty(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor to be filled: `empty(2, 3)` or `empty((2, 3))`. MLX has no uninitialised memory, so it holds zeros."""
    data = _filled("empty", sizes, size, 0, dtype, layout, device, memory_format)
    return give(finish(data, device, requires_grad), out, "empty")


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor to be filled, of row-major strides. Raises NotImplementedError for others: MLX chooses the layout itself."""
    shape, strides = shape_of((size,), "empty_strided"), shape_of((stride,), "empty_strided")
    if len(shape) != len(strides):
        raise RuntimeError(f"empty_strided: dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(strides)})")
    dense = tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))
    if any(s != d and n > 1 for s, d, n in zip(strides, dense, shape, strict=True)):
        raise NotImplementedError(f"empty_strided: expected row-major strides {dense}, got {strides}; use empty(...).permute(...)")
    return empty(shape, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` filled with `fill_value`, whose type gives the dtype unless one is named.

    Raises RuntimeError for a value that the dtype does not hold.

    >>> import lucid
    >>> lucid.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    options("full", layout)
    if isinstance(fill_value, TensorCore):
        fill_value = fill_value.item()
    to = dtypes.as_dtype(type(fill_value) if dtype is None else dtype, "full")
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    shape = check_shape(shape_of((size,), "full"), "full")
    with running_on(device, to.mx):
        data = mx.full(shape, constant(fill_value, to, "full"), to.mx)
    return give(finish(data, device, requires_grad), out, "full")


def constant(value: Any, to: _dtype, operation: str) -> mx.array:
    """A number as a 0-dim array of dtype `to`. Raises RuntimeError if it does not fit."""
    if to.rank == 1:
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise OverflowError(f"{operation}: int too big to convert: {value}")
        limits = np.iinfo(to.numpy)
        low = -int(limits.max) if not limits.min else int(limits.min)  # unsigned dtypes take negative numbers, wrapped
        if isinstance(value, complex_number) or not math.isfinite(value) or not low <= int(value) <= limits.max:
            raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
        return mx.array(np.array(int(value) % 2 ** (8 * to.itemsize), np.uint64).astype(to.numpy))
    if isinstance(value, complex_number) and not to.is_complex:
        if value.imag:
            raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
        value = value.real
    if to.is_floating_point and abs(value) > _LARGEST[to.name] and math.isfinite(value):
        raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
    return from_data(value, to)


def zeros_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor of zeros, of the shape, dtype and device of `input`."""
    return _like("zeros_like", 0, input, dtype, layout, device, requires_grad, memory_format)


def ones_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor of ones, of the shape, dtype and device of `input`."""
    return _like("ones_like", 1, input, dtype, layout, device, requires_grad, memory_format)


def empty_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor to be filled, of the shape, dtype and device of `input`. It holds zeros."""
    return _like("empty_like", 0, input, dtype, layout, device, requires_grad, memory_format)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor filled with `fill_value`, of the shape, dtype and device of `input`."""
    return _like("full_like", fill_value, input, dtype, layout, device, requires_grad, memory_format)


def _like(
    operation: str, value: Any, input: Tensor, dtype: Any, layout: Any, device: Any, requires_grad: bool, memory_format: Any
) -> Tensor:
    if layout is not None or memory_format is not None:
        options(operation, layout, memory_format)
    if not isinstance(input, TensorCore):
        raise TypeError(f"{operation}(): argument 'input' must be Tensor, not {type(input).__name__}")
    to = input._data.dtype if dtype is None else dtypes.as_dtype(dtype, operation).mx
    if device is None and input._extra is not None and input._extra.device is not None:
        device = input._extra.device
    with running_on(device, to):
        if value.__class__ is int and (value == 0 or value == 1):
            data = mx.ones(input._data.shape, to) if value else mx.zeros(input._data.shape, to)
        else:
            value = value.item() if isinstance(value, TensorCore) else value
            data = mx.full(input._data.shape, constant(value, OF_MX[to], operation), to)
    return finish(data, device, requires_grad)


def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """The number `s` as a 0-dim tensor of the default dtype, or of `dtype`."""
    options("scalar_tensor", layout)
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "scalar_tensor")
    return finish(constant(s, to, "scalar_tensor"), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The identity matrix of `n` rows and `m` (default `n`) columns."""
    options("eye", layout)
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {columns}")
    to = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "eye")).mx
    with running_on(device, to):
        data = mx.eye(n, columns, dtype=to) if n and columns else mx.zeros((n, columns), to)
    return give(finish(data, device, requires_grad), out, "eye")


# ---- ranges ----------------------------------------------------------------------------------------------------------


def _plain(value: Any, operation: str) -> Any:
    value = value.item() if isinstance(value, (TensorCore, np.generic)) else value
    if not isinstance(value, (int, float)):
        raise TypeError(f"{operation}: expected numbers, got {type(value).__name__}")
    return value


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from `start` (0) up to, not including, `end`, in steps of `step`: int64, or the default dtype if any is a float.

    Raises RuntimeError for a zero step, for one that leads away from `end`, and for bounds that are not finite.

    >>> import lucid
    >>> lucid.arange(3), lucid.arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    options("arange", layout)
    if end is None:
        if start is None:
            raise TypeError("arange() missing 1 required positional argument: 'end'")
        start, end = 0, start
    start = 0 if start is None else start
    start, end, step = _plain(start, "arange"), _plain(end, "arange"), _plain(step, "arange")
    if dtype is None:
        floating = any(isinstance(v, float) for v in (start, end, step))
        to = dtypes.get_default_dtype() if floating else dtypes.int64
    else:
        to = dtypes.as_dtype(dtype, "arange")
    if to.rank in (0, 3):
        raise NotImplementedError(f"arange: expected an integer or floating dtype, got {to!r}")
    if not math.isfinite(start) or not math.isfinite(end) or math.isnan(step):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if to is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("arange: step must be nonzero, and as an int64 it is 0; name a floating dtype")
    if (end - start) * step < 0:
        raise RuntimeError(f"arange: upper bound and lower bound inconsistent with step sign: {start} to {end} by {step}")
    whole = all(isinstance(v, int) for v in (start, end, step))
    n = -((start - end) // step) if whole else math.ceil((end - start) / step)
    with running_on(device, to.mx):
        data = _steps(start, step, n, to)
    return give(finish(data, device, requires_grad), out, "arange")


def _steps(start: Any, step: Any, n: int, to: _dtype) -> mx.array:
    if n == 0:
        return mx.zeros((0,), to.mx)
    if to.rank == 1:
        start, step = int(start), int(step)
        if max(abs(start), abs(start + n * step)) < 2**31:
            return mx.arange(start, start + n * step, step, dtype=to.mx)
        found = np.arange(n, dtype=np.int64) * step + start if to is not dtypes.uint64 else None
        return mx.array(np.array([start + k * step for k in range(n)], np.uint64) if found is None else found.astype(to.numpy))
    if isinstance(start, int) and isinstance(step, int) and max(abs(start), abs(start + n * step)) < 2**24:
        return mx.arange(start, start + n * step, step, dtype=mx.float32).astype(to.mx)
    return mx.array((start + step * np.arange(n, dtype=np.float64)), mx.float64 if to is dtypes.float64 else mx.float32).astype(to.mx)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, at equal distances.

    >>> import lucid
    >>> lucid.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    options("linspace", layout)
    return give(_spaced("linspace", start, end, steps, None, dtype, device, requires_grad), out, "linspace")


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`base` raised to `steps` numbers from `start` to `end`, both included, at equal distances."""
    options("logspace", layout)
    return give(_spaced("logspace", start, end, steps, base, dtype, device, requires_grad), out, "logspace")


def _spaced(
    operation: str, start: Any, end: Any, steps: int, base: float | None, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    start, end = (v.item() if isinstance(v, TensorCore) else v for v in (start, end))
    if not hasattr(steps, "__index__"):
        raise TypeError(f"{operation}: expected an int for steps, got {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError(f"{operation}: number of steps must be non-negative, got {steps}")
    if dtype is None:
        to = dtypes.get_default_dtype()
        to = to.to_complex() if isinstance(start, complex_number) or isinstance(end, complex_number) else to
    else:
        to = dtypes.as_dtype(dtype, operation)
    if to.rank == 0:
        raise NotImplementedError(f"{operation}: expected a dtype of numbers, got bool")
    if to.rank == 1:
        start, end = int(start), int(end)
    values = np.linspace(start, end, steps) if steps != 1 else np.array([start])
    if base is not None:
        with np.errstate(all="ignore"):
            values = np.power(np.complex128(base) if base < 0 and to.is_complex else base, values)
    with running_on(device, to.mx):
        return finish(from_numpy_array(np.asarray(values), to), device, requires_grad)


# ---- complex numbers -------------------------------------------------------------------------------------------------


def _parts(operation: str, a: Tensor, b: Tensor, names: str) -> None:
    for t in (a, b):
        if not isinstance(t, TensorCore):
            raise TypeError(f"{operation}(): expected Tensors as {names}, got {type(t).__name__}")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(f"{operation}: Expected object of scalar type {a.dtype!r} but got scalar type {b.dtype!r} for second argument")
    if a._data.dtype == mx.float64:
        raise TypeError(f"{operation}: float64 has no complex counterpart, MLX stores complex64 only; use float32")
    if a._data.dtype != mx.float32:
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {a.dtype!r}; lucid.{operation} takes float32")


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex64 tensor of two float32 tensors, its real and its imaginary part."""
    _parts("complex", real, imag, "real and imag")
    return give(apply(lambda x, y: x + y * mx.array(1j, mx.complex64), real, imag), out, "complex")


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex64 tensor of two float32 tensors, its absolute value and its angle."""
    _parts("polar", abs, angle, "abs and angle")

    def fn(r: mx.array, phi: mx.array) -> mx.array:
        return r * mx.cos(phi) + r * mx.sin(phi) * mx.array(1j, mx.complex64)

    return give(apply(fn, abs, angle), out, "polar")
