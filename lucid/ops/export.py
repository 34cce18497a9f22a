"""Values leaving for Python, numpy and other libraries. These are the places where a tensor is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, dtypes
from lucid._tape import array, wrap
from lucid.ops._check import is_tensor

__all__ = ["from_dlpack"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def values(t: Tensor) -> mx.array:
    """The evaluated array of `t`."""
    if not _known.is_known(t):
        _tape.evaluate(t)
        _known.know(array(t))
    return array(t)


def item(input: Tensor) -> Any:
    """The one element as a Python number. Raises RuntimeError unless there is exactly one."""
    if array(input).size != 1:
        raise RuntimeError(f"a Tensor with {input._data.size} elements cannot be converted to Scalar")
    return values(input).item()


def tolist(input: Tensor) -> Any:
    """The elements as nested lists of Python numbers; a number for a 0-dim tensor."""
    return values(input).tolist()


def numpy(input: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """The values as a numpy array of their own: writing to it does not change the tensor.

    Raises RuntimeError for a tensor that requires a gradient and TypeError for bfloat16, which numpy does not have;
    with `force` the first is detached and the second becomes float32.
    """
    if not force:
        if input.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if input.dtype is dtypes.bfloat16:
            raise TypeError("numpy: numpy has no bfloat16; use tensor.float().numpy()")
    data = values(input)
    return np.array(data.astype(mx.float32) if data.dtype == mx.bfloat16 else data, dtype=input.dtype.numpy)


def dlpack(
    input: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """The DLPack capsule of the values. Raises BufferError for a tensor that requires a gradient."""
    if input.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return values(input).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


def dlpack_device(input: Tensor) -> tuple[int, int]:
    """The DLPack device type and number that the values lie on."""
    kind, number = array(input).__dlpack_device__()
    return int(kind), int(number)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the data of any object with `__dlpack__`, shared where possible unless `copy` is True."""
    from lucid import _views
    from lucid._device import as_device

    if is_tensor(ext_tensor):
        found = wrap(values(ext_tensor))
    elif str(getattr(ext_tensor, "dtype", "")).endswith("float64"):  # mx.from_dlpack makes it float32 (0.32.4)
        found = wrap(mx.array(np.from_dlpack(ext_tensor), dtype=mx.float64))
    else:
        found = wrap(mx.from_dlpack(ext_tensor, copy=copy))
    _known.know(found._data)
    return found if device is None else _views.pin(found, as_device(device))
