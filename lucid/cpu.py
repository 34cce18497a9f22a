"""The CPU under the names that PyTorch gives every kind of device."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

__all__ = ["current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """'cpu'."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one CPU."""


def synchronize(device: Any = None) -> None:
    """Wait until the CPU has done what it was given. What is lazy still is: nothing is started by this."""
    mx.synchronize(mx.default_stream(mx.cpu))
