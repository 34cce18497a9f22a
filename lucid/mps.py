"""Metal under PyTorch's name for it. Without Metal, most of this raises RuntimeError."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import random

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """True if MLX computes on Metal here."""
    return mx.metal.is_available()


def device_count() -> int:
    """1 with Metal, else 0."""
    return int(is_available())


def _need(operation: str) -> None:
    if not is_available():
        raise RuntimeError(f"mps.{operation}: Metal is not available here; MLX has it on Apple silicon")


def synchronize() -> None:
    """Wait until the GPU has done what it was given. What is lazy still is: nothing is started by this."""
    _need("synchronize")
    mx.synchronize()


def empty_cache() -> None:
    """Give memory that MLX keeps for later arrays back to the system."""
    _need("empty_cache")
    mx.clear_cache()


def current_allocated_memory() -> int:
    """The bytes that arrays take."""
    _need("current_allocated_memory")
    return mx.get_active_memory()


def driver_allocated_memory() -> int:
    """The bytes that arrays take and those that MLX keeps for later ones."""
    _need("driver_allocated_memory")
    return mx.get_active_memory() + mx.get_cache_memory()


def recommended_max_memory() -> int:
    """The most bytes that Metal recommends to use."""
    _need("recommended_max_memory")
    return int(mx.device_info()["max_recommended_working_set_size"])


def set_per_process_memory_fraction(fraction: float) -> None:
    """Let MLX take at most `fraction`, between 0 and 2, of `recommended_max_memory()`; 0 sets no limit."""
    if not isinstance(fraction, float):
        raise TypeError(f"Invalid type for fraction argument, must be `float`, got {type(fraction).__name__}")
    if not 0 <= fraction <= 2:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~2")
    _need("set_per_process_memory_fraction")
    mx.set_memory_limit(int((fraction or 1000) * recommended_max_memory()))


# ---- random numbers: one generator for all devices -------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Start the default generator, which all devices share, over from `seed`."""
    random.manual_seed(seed)


def seed() -> None:
    """Start the default generator, which all devices share, over from a seed of the operating system's."""
    random.seed()


def get_rng_state(device: object = "mps") -> Tensor:
    """The state of the default generator, which all devices share."""
    return random.get_rng_state()


def set_rng_state(new_state: Tensor, device: object = "mps") -> None:
    """Put the default generator, which all devices share, back into a state."""
    random.set_rng_state(new_state)
