"""Results with named parts, such as `.values` and `.indices` of `lucid.max(x, dim=0)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lucid.tensor import Tensor

__all__ = ["aminmax", "cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort", "topk"]


def _show(self: Any) -> str:
    parts: Iterator[str] = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"lucid.return_types.{type(self).__name__}(\n" + ",\n".join(parts) + ")"


class max(NamedTuple):
    """What `lucid.max` along a dimension returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class min(NamedTuple):
    """What `lucid.min` along a dimension returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class aminmax(NamedTuple):
    """What `lucid.aminmax` returns."""

    min: Tensor
    max: Tensor

    __repr__ = _show


class median(NamedTuple):
    """What `lucid.median` along a dimension returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class nanmedian(NamedTuple):
    """What `lucid.nanmedian` along a dimension returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class mode(NamedTuple):
    """What `lucid.mode` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class kthvalue(NamedTuple):
    """What `lucid.kthvalue` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class sort(NamedTuple):
    """What `lucid.sort` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class topk(NamedTuple):
    """What `lucid.topk` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class cummax(NamedTuple):
    """What `lucid.cummax` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show


class cummin(NamedTuple):
    """What `lucid.cummin` returns."""

    values: Tensor
    indices: Tensor

    __repr__ = _show
