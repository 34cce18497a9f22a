"""Memory formats: the order in which the dimensions lie in memory. And the layout, of which there is one."""

from __future__ import annotations

from typing import Any

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "layout",
    "legacy_contiguous_format",
    "memory_format",
    "preserve_format",
    "strided",
]


class memory_format:
    """The order in which dimensions lie in memory, such as `lucid.channels_last`. Instances are singletons."""

    __module__ = "lucid"

    __slots__ = ("name", "ndim", "order")

    def __init__(self, name: str, order: tuple[int, ...] = ()) -> None:
        self.name, self.order, self.ndim = name, order, len(order)

    def __repr__(self) -> str:
        return f"lucid.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
legacy_contiguous_format = contiguous_format  # as old code says it
channels_last = memory_format("channels_last", (0, 2, 3, 1))
channels_last_3d = memory_format("channels_last_3d", (0, 2, 3, 4, 1))


class layout:
    """How a tensor keeps its elements. There is one instance, `lucid.strided`: dense memory."""

    __module__ = "lucid"

    __slots__ = ()

    def __repr__(self) -> str:
        return "lucid.strided"

    def __reduce__(self) -> str:
        return "strided"


strided = layout()


def check(operation: str, value: Any) -> None:
    """Raise TypeError unless `value` is a memory format."""
    if not isinstance(value, memory_format):
        raise TypeError(f"{operation}: expected a memory format such as lucid.contiguous_format, got {value!r}")


def check_layout(operation: str, layout: Any) -> None:
    """Raise NotImplementedError for a layout other than the one there is."""
    if layout is not None and not str(layout).endswith("strided"):
        raise NotImplementedError(
            f"{operation}: layout {layout!r} is not supported, MLX has dense arrays only; leave it out"
        )
