"""Casting and moving: everything that replaces the values of parameters and buffers."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lucid import dtypes
from lucid._device import as_device, device
from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.ops.memory_formats import memory_format

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

M = TypeVar("M", bound="Module")

# The names `type` and `float` below are Module's methods: they hide Python's own in this file.


def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
    """Replace all parameters' values, their gradients and all buffers by `fn` of them. Parameters stay themselves."""
    if recurse:
        for module in self.children():
            module._apply(fn)
    for param in self._parameters.values():
        if param is None:
            continue
        with no_grad():
            _replace(param, fn(param))
            if param.grad is not None:
                _replace(param.grad, fn(param.grad))
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = fn(buffer)
    return self


def _replace(t: Tensor, value: Tensor) -> None:
    if value is not t:
        t.data = value


def to(self: M, *args: Any, **kwargs: Any) -> M:
    """Move/cast all parameters and buffers, preserving Parameter object identity. Returns self.

    Called as `to(device=None, dtype=None, non_blocking=False)`, `to(dtype, non_blocking=False)` or
    `to(tensor, non_blocking=False)`, each with a `memory_format` by keyword, for tensors of its rank. A
    device is a `lucid.device` or its name, a dtype a `lucid.dtype`, its name or a Python type. Casts skip integer
    tensors, such as the counter in BatchNorm; moves do not. `non_blocking` changes nothing: memory is unified and
    every operation is asynchronous.

    Raises TypeError for a dtype that is neither floating nor complex and for other arguments, RuntimeError for a
    device that does not exist.

    >>> import lucid
    >>> module = lucid.nn.ParameterList([lucid.zeros(2)])
    >>> module.to(lucid.float16)[0].dtype
    lucid.float16
    """
    where, dtype, layout = _parse_to(args, kwargs)
    if dtype is not None and not dtype.is_inexact:
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
    return self._apply(lambda t: _moved(t, where, dtype if t.dtype.is_inexact else None, layout))


def _moved(t: Tensor, where: device | None, dtype: dtypes.dtype | None, layout: memory_format | None) -> Tensor:
    moved = t.to(device=where, dtype=dtype)
    if layout is None or layout.ndim not in (0, t.ndim):
        return moved
    return moved.to(memory_format=layout)


_FORMS = {"tensor": ("tensor", "non_blocking", "copy"), "dtype": ("dtype", "non_blocking", "copy")}
_DEVICE_FORM = ("device", "dtype", "non_blocking", "copy")


def _parse_to(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[device | None, dtypes.dtype | None, memory_format | None]:
    """The device, the dtype and the memory format that the arguments of `to` ask for."""
    first = _kind(args[0]) if args else "tensor" if "tensor" in kwargs else "device"
    names = _FORMS.get(first, _DEVICE_FORM)
    given = dict(zip(names, args))  # noqa: B905 - checked just below
    allowed = {*names, "memory_format"}
    if len(args) > len(names) or given.keys() & kwargs.keys() or kwargs.keys() - allowed:
        raise TypeError(_wrong_arguments(args, kwargs))
    given.update(kwargs)
    layout = given.get("memory_format")
    flags = given.get("non_blocking", False), given.get("copy", False)
    if not all(isinstance(flag, bool) for flag in flags) or not isinstance(layout, memory_format | None):
        raise TypeError(_wrong_arguments(args, kwargs))
    where, dtype = given.get("device"), given.get("dtype")
    if first == "tensor":
        like = given["tensor"]
        if not isinstance(like, Tensor):
            raise TypeError(_wrong_arguments(args, kwargs))
        where, dtype = like.device, like.dtype
    else:
        if where is not None and (isinstance(where, bool) or not isinstance(where, (str, int, device))):
            raise TypeError(_wrong_arguments(args, kwargs))
        try:
            dtype = None if dtype is None else dtypes.as_dtype(dtype, "to")
        except TypeError as error:
            raise TypeError(_wrong_arguments(args, kwargs)) from error
        where = None if where is None else as_device(where)
    if "copy" in given:
        raise RuntimeError(
            ".to() does not accept copy argument; a module is changed in place, use copy.deepcopy(module)"
        )
    return where, dtype, layout


def _kind(value: Any) -> str:
    """What the first argument of `to` is: "tensor", "dtype" or, for all else, "device"."""
    if isinstance(value, Tensor):
        return "tensor"
    if value is None or isinstance(value, (device, int)):
        return "device"
    try:
        dtypes.as_dtype(value)
    except TypeError:
        return "device"
    return "dtype"


def _wrong_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    got = ", ".join([a.__class__.__name__ for a in args] + [f"{k}={v.__class__.__name__}" for k, v in kwargs.items()])
    return (
        f"to() received an invalid combination of arguments - got ({got}), but expected one of: "
        "(device=None, dtype=None, non_blocking=False), (dtype, non_blocking=False), (tensor, non_blocking=False), "
        "each with memory_format=None by keyword"
    )


def to_empty(self: M, device: Any = None, recurse: bool = True) -> M:
    """Move parameters and buffers to device without copying data, which is all that a move does here. Returns self.

    Args:
        device: where to; None leaves them where they are.
        recurse: move the children too.
    """
    if device is None:
        return self
    where = as_device(device)
    return self._apply(lambda t: t.to(where), recurse=recurse)


def type(self: M, dst_type: Any) -> M:
    """Cast all parameters and buffers to dst_type. Returns self.

    `dst_type` may be a `lucid.dtype`, a Python type (`float`, the default dtype, or `int`), or a string ("float32",
    "float16", etc.). Delegates to `to`, so that a floating type skips integer buffers; an integer type casts
    everything, and needs parameters that require no gradient.

    Raises ValueError for what is no type, RuntimeError for an integer type where a parameter requires a gradient.
    """
    try:
        dtype = dtypes.get_default_dtype() if dst_type is builtins.float else dtypes.as_dtype(dst_type, "type")
    except TypeError as error:
        raise ValueError(
            f"invalid type: {dst_type!r}; expected for example lucid.float32, 'float32' or float"
        ) from error
    if dtype.is_inexact:
        return self.to(dtype)
    for name, param in self.named_parameters():
        if param.requires_grad:
            raise RuntimeError(
                f"type: {name!r} requires a gradient and so must be floating point or complex, got {dtype}; call "
                "requires_grad_(False) on the module first"
            )
    return self._apply(lambda t: t.to(dtype))


def _cast_floating(self: M, dtype: dtypes.dtype) -> M:
    return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point else t)


def half(self: M) -> M:
    """Cast all floating point parameters and buffers to float16. Returns self."""
    return _cast_floating(self, dtypes.float16)


def bfloat16(self: M) -> M:
    """Cast all floating point parameters and buffers to bfloat16. Returns self."""
    return _cast_floating(self, dtypes.bfloat16)


def float(self: M) -> M:
    """Cast all floating point parameters and buffers to float32. Returns self."""
    return _cast_floating(self, dtypes.float32)


def double(self: M) -> M:
    """Cast all floating point parameters and buffers to float64, which lives on the CPU only. Returns self."""
    return _cast_floating(self, dtypes.float64)


def cpu(self: M) -> M:
    """Move all parameters and buffers to CPU. Returns self."""
    return _moved_to(self, "cpu")


def metal(self: M) -> M:
    """Move all parameters and buffers to Apple Metal GPU. Returns self. Raises RuntimeError where there is none."""
    return _moved_to(self, "metal")


def mps(self: M) -> M:
    """Alias for metal, the device that PyTorch calls mps."""
    return _moved_to(self, "mps")


def cuda(self: M, device: Any = None) -> M:
    """Move all parameters and buffers to the CUDA GPU. Returns self. Raises RuntimeError where there is none."""
    return _moved_to(self, "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device)


def _moved_to(self: M, where: Any) -> M:
    to = as_device(where)  # not `self.to`, which a subclass may have written in terms of these
    return self._apply(lambda t: t.to(to))


def xpu(self: M, device: Any = None) -> M:
    """Raise RuntimeError: there is no such device here."""
    raise RuntimeError(_no_device("xpu"))


def ipu(self: M, device: Any = None) -> M:
    """Raise RuntimeError: there is no such device here."""
    raise RuntimeError(_no_device("ipu"))


def mtia(self: M, device: Any = None) -> M:
    """Raise RuntimeError: there is no such device here."""
    raise RuntimeError(_no_device("mtia"))


def _no_device(name: str) -> str:
    return (
        f"{name}: MLX runs on cpu, metal and cuda, there is no {name} device; use module.to('cpu') or module.to('gpu')"
    )


def share_memory(self: M) -> M:
    """No-op: unified memory is always shared. Returns self."""
    return self


def compile(self: M, *args: Any, **kwargs: Any) -> M:
    """Return self unchanged, whatever the arguments: code that opts into compilation here runs as it is."""
    return self
