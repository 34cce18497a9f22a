"""Dividing arguments among devices, and putting results together again: with one device there is one part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._device import as_device, device
from lucid._tensor import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


def one(operation: str, devices: Sequence[Any]) -> None:
    """Raise NotImplementedError unless `devices` is one device, RuntimeError if it does not exist."""
    if len(devices) != 1:
        raise NotImplementedError(
            f"{operation}: expected one device, got {list(devices)}: one device computes here; use larger batches on it"
        )
    as_device(devices[0])


def scatter(inputs: Any, target_gpus: Sequence[int | device], dim: int = 0) -> Any:
    """`inputs` in one part for each device: a tuple for a tensor, a list for anything else.

    Raises NotImplementedError for more than one device.
    """
    one("scatter", target_gpus)
    moved = _moved(inputs, target_gpus[0])
    return (moved,) if isinstance(inputs, Tensor) else [moved]


def scatter_kwargs(
    inputs: tuple[Any, ...], kwargs: dict[str, Any] | None, target_gpus: Sequence[int | device], dim: int = 0
) -> tuple[tuple[Any, ...], tuple[dict[str, Any], ...]]:
    """Positional and keyword arguments in one part for each device. Raises NotImplementedError for more than one."""
    return tuple(scatter(inputs, target_gpus, dim)), tuple(scatter(kwargs or {}, target_gpus, dim))


def gather(outputs: Sequence[Any], target_device: int | str | device, dim: int = 0) -> Any:
    """The results of all devices in one, on `target_device`; a number becomes a vector of one element for each.

    Raises NotImplementedError for results of more than one device.
    """
    if len(outputs) != 1:
        raise NotImplementedError(f"gather: expected the results of one device, got {len(outputs)}; use cat")
    target: Any = "cpu" if target_device == -1 else target_device
    return _moved(outputs[0], target, vectors=True)


def _moved(value: Any, to: Any, vectors: bool = False) -> Any:
    """`value` with the tensors in it on the device `to`."""
    if isinstance(value, Tensor):
        value = value.to(as_device(to))
        return value.unsqueeze(0) if vectors and not value.ndim else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_moved(v, to, vectors) for v in value])
    if isinstance(value, (list, tuple)):
        return type(value)([_moved(v, to, vectors) for v in value])
    if isinstance(value, dict):
        return type(value)((key, _moved(v, to, vectors)) for key, v in value.items())
    return value
