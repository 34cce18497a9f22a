"""`autocast`: switched off it does nothing, as in PyTorch; switched on it says what to write instead.

Casting by operation would cost a check in every one of them. Here the model itself is converted, which is what the
inner loops of mixed precision come down to: `model.to(lucid.bfloat16)`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from lucid import dtypes
from lucid._device import gpu_name

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])
_DEVICES = ("cpu", "metal", "mps", "cuda")


def check_device(operation: str, device_type: Any) -> None:
    """Raise ValueError or RuntimeError unless `device_type` is the name of a kind of device."""
    if not isinstance(device_type, str):
        raise ValueError(f"{operation}: Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        raise RuntimeError(f"{operation}: expected one of {', '.join(_DEVICES)} as device type, got {device_type!r}")


def _refuse(operation: str) -> None:
    raise NotImplementedError(
        f"{operation}: casting by operation is not supported; convert the model and its input once, "
        "model.to(lucid.bfloat16) and x.to(lucid.bfloat16), and compute the loss from output.float(); or pass "
        "enabled=False"
    )


class autocast:
    """A context manager and decorator that, with `enabled=False`, does nothing.

    Args:
        device_type: "cpu", "metal" (or "mps") or "cuda". For a device that is not there, a warning says that nothing
            is cast, as in PyTorch.
        dtype: the dtype to cast to.
        enabled: True raises NotImplementedError, which says how to convert the model instead.
        cache_enabled: accepted in either value: nothing is cast, so there is nothing to keep.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        check_device("autocast", device_type)
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtypes.as_dtype(dtype, "autocast")
        here = device_type == "cpu" or {"mps": "metal"}.get(device_type, device_type) == gpu_name()
        if enabled and not here:
            warnings.warn(
                f"autocast: device_type {device_type!r} is not available here, so nothing is cast",
                UserWarning,
                stacklevel=2,
            )
        elif enabled:
            _refuse("autocast")
        self._enabled = False

    def __enter__(self) -> autocast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, func: F) -> F:
        """`func` as it is, called inside the context."""

        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return call  # type: ignore[return-value]


def is_autocast_available(device_type: str) -> bool:
    """False: see `autocast`."""
    check_device("is_autocast_available", device_type)
    return False


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: see `autocast`."""
    if device_type is not None:
        check_device("is_autocast_enabled", device_type)
    return False


def is_autocast_cpu_enabled() -> bool:
    """False: see `autocast`."""
    return False


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Accept False; True raises NotImplementedError: see `autocast`."""
    if device_type if enabled is None else enabled:
        _refuse("set_autocast_enabled")


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """What PyTorch would cast to: bfloat16 on the CPU, float16 on GPUs."""
    check_device("get_autocast_dtype", device_type)
    return dtypes.bfloat16 if device_type == "cpu" else dtypes.float16


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """What PyTorch would cast to on the CPU."""
    return dtypes.bfloat16


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """What PyTorch would cast to on a GPU."""
    return dtypes.float16


def is_autocast_cache_enabled() -> bool:
    """False: nothing is cast, so nothing is kept."""
    return False


def clear_autocast_cache() -> None:
    """Nothing: nothing is kept."""


def autocast_increment_nesting() -> int:
    """0: nothing is nested."""
    return 0


def autocast_decrement_nesting() -> int:
    """0: nothing is nested."""
    return 0


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """The `forward` of an `autograd.Function` as it is: its inputs would be cast only inside `autocast`."""
    check_device("custom_fwd", device_type)
    return _same if fwd is None else fwd


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """The `backward` of an `autograd.Function` as it is."""
    check_device("custom_bwd", device_type)
    return _same if bwd is None else bwd


def _same(fn: F) -> F:
    return fn
