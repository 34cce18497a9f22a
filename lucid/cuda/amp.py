"""`lucid.amp` by its former name, with CUDA as the device: each call says so in a FutureWarning, as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lucid import amp, dtypes
from lucid._device import gpu_name

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


def _former(name: str, instead: str) -> None:
    text = f"`lucid.cuda.amp.{name}(args...)` is deprecated. Please use `lucid.amp.{name}({instead})` instead."
    warnings.warn(text, FutureWarning, stacklevel=3)


def amp_definitely_not_available() -> bool:
    """True unless MLX computes on CUDA here."""
    return gpu_name() != "cuda"


class autocast(amp.autocast):
    """`lucid.amp.autocast("cuda", ...)`."""

    def __init__(self, enabled: bool = True, dtype: dtypes.dtype = dtypes.float16, cache_enabled: bool = True) -> None:
        _former("autocast", "'cuda', args...")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`lucid.amp.GradScaler("cuda", ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _former("GradScaler", "'cuda', args...")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: Any = None) -> Any:
    """`lucid.amp.custom_fwd(..., device_type="cuda")`."""
    _former("custom_fwd", "args..., device_type='cuda'")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Any:
    """`lucid.amp.custom_bwd(..., device_type="cuda")`."""
    _former("custom_bwd", "args..., device_type='cuda'")
    return amp.custom_bwd(bwd, device_type="cuda")
