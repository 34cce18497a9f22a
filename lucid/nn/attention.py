"""Which kernels attention may use: PyTorch's words for a choice that MLX makes itself."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels for `scaled_dot_product_attention`. MLX has a fused one, and takes it where it fits."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Allow certain kernels inside a `with` block, in order with `set_priority`.

    It is a permission: all of them give the same result, and MLX takes its own kernel whatever is allowed. Raises
    AssertionError for what is no `SDPBackend`.
    """
    allowed = [backends] if isinstance(backends, SDPBackend) else backends
    if isinstance(allowed, (str, bytes)) or not all(isinstance(backend, SDPBackend) for backend in allowed):
        raise AssertionError(f"sdpa_kernel: expected an SDPBackend or a list of them, got {backends!r}")
    yield
