"""The GPU, whichever it is: Metal on a Mac, CUDA with MLX's CUDA build. Without, most of this raises RuntimeError."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import mlx.core as mx

from lucid._device import as_device, default, device, gpu_name

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "synchronize",
]


def is_available() -> bool:
    """True if there is a GPU that MLX computes on."""
    return gpu_name() is not None


def current_accelerator(check_available: bool = False) -> device | None:
    """The GPU as a device without an index, or None."""
    name = gpu_name()
    return None if name is None else device(name)


def device_count() -> int:
    """The number of GPUs."""
    return mx.device_count(mx.gpu) if is_available() else 0


def _need() -> None:
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available; MLX runs on the CPU here.")


def current_device_index() -> int:
    """The index of the GPU that is used. Raises RuntimeError if there is none."""
    _need()
    return default().index or 0


current_device_idx = current_device_index


def set_device_index(device: Any, /) -> None:
    """Use the GPU with this index from here on. Raises RuntimeError if it is not there."""
    _need()
    mx.set_default_device(as_device(device).mx)


set_device_idx = set_device_index


class device_index:
    """Use the GPU with this index inside a `with` block; None changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before.append(mx.default_device())
        if self.idx is not None:
            set_device_index(self.idx)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mx.set_default_device(self._before.pop())


def synchronize(device: Any = None, /) -> None:
    """Wait until the GPU has done what it was given. What is lazy still is: nothing is started by this."""
    _need()
    mx.synchronize()


# ---- memory: MLX's own, which all devices share ----------------------------------------------------------------------


def empty_cache() -> None:
    """Give memory that MLX keeps for later arrays back to the system."""
    _need()
    mx.clear_cache()


def memory_allocated(device: Any = None, /) -> int:
    """The bytes that arrays take."""
    _need()
    return mx.get_active_memory()


def max_memory_allocated(device: Any = None, /) -> int:
    """The most bytes that arrays have taken since the last `reset_peak_memory_stats`."""
    _need()
    return mx.get_peak_memory()


def memory_reserved(device: Any = None, /) -> int:
    """The bytes that arrays take and those that MLX keeps for later ones."""
    _need()
    return mx.get_active_memory() + mx.get_cache_memory()


def reset_peak_memory_stats(device: Any = None, /) -> None:
    """Measure `max_memory_allocated` from here on."""
    _need()
    mx.reset_peak_memory()
