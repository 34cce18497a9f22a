"""CUDA. The switches may be set and say what they were set to; MLX chooses its kernels itself."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import mlx.core as mx

__all__ = [
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "sdp_kernel",
]


def is_built() -> bool:
    """True if this build of MLX has CUDA."""
    return mx.cuda.is_available()


class _Matmul:
    """Permissions for matrix products. MLX_ENABLE_TF32=1 at the start of the program allows TF32 in MLX's."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()
_allowed = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}  # kernels of attention in PyTorch


def enable_flash_sdp(enabled: bool) -> None:
    """Allow or forbid PyTorch's kernel of this name: it changes nothing, MLX takes its own."""
    _allowed["flash"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Allow or forbid PyTorch's kernel of this name: it changes nothing, MLX takes its own."""
    _allowed["math"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow or forbid PyTorch's kernel of this name: it changes nothing, MLX takes its own."""
    _allowed["mem_efficient"] = bool(enabled)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow or forbid PyTorch's kernel of this name: it changes nothing, MLX takes its own."""
    _allowed["cudnn"] = bool(enabled)


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was told."""
    return _allowed["flash"]


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was told."""
    return _allowed["math"]


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was told."""
    return _allowed["mem_efficient"]


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was told."""
    return _allowed["cudnn"]


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict[object, object]]:
    """Set the four switches inside a `with` block. PyTorch has deprecated it; a FutureWarning says so."""
    warnings.warn(
        "`lucid.backends.cuda.sdp_kernel()` is deprecated. Please see `lucid.nn.attention.sdpa_kernel()`.",
        FutureWarning,
        stacklevel=3,
    )
    before = dict(_allowed)
    _allowed.update(
        flash=bool(enable_flash),
        math=bool(enable_math),
        mem_efficient=bool(enable_mem_efficient),
        cudnn=bool(enable_cudnn),
    )
    try:
        yield {}
    finally:
        _allowed.update(before)
