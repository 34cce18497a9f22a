"""Results with named parts, such as `.values` and `.indices` of `lucid.max(x, dim=0)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lucid.tensor import Tensor

__all__ = ["aminmax", "cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort", "topk"]


def _show(result: Any) -> str:
    parts = [f"{name}={value!r}" for name, value in zip(result._fields, result, strict=True)]
    return f"lucid.return_types.{type(result).__name__}(\n" + ",\n".join(parts) + ")"


class max(NamedTuple):
    """What `lucid.max` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class min(NamedTuple):
    """What `lucid.min` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class aminmax(NamedTuple):
    """What `lucid.aminmax` returns."""

    min: Tensor
    max: Tensor

    def __repr__(self) -> str:
        return _show(self)


class median(NamedTuple):
    """What `lucid.median` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class nanmedian(NamedTuple):
    """What `lucid.nanmedian` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class mode(NamedTuple):
    """What `lucid.mode` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class kthvalue(NamedTuple):
    """What `lucid.kthvalue` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class sort(NamedTuple):
    """What `lucid.sort` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class topk(NamedTuple):
    """What `lucid.topk` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class cummax(NamedTuple):
    """What `lucid.cummax` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class cummin(NamedTuple):
    """What `lucid.cummin` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)
