"""cuDNN, which MLX uses on its own account. The switches may be set: they are permissions that it does not need."""

from __future__ import annotations

__all__ = ["is_available", "version"]

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False: cuDNN cannot be steered from here."""
    return False


def version() -> int | None:
    """None: cuDNN cannot be steered from here."""
    return None
