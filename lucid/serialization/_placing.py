"""Where loaded tensors are to live: `map_location`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid._device import as_device, device
from lucid._tensor import Tensor
from lucid.creation._place import check_float64

MapLocation = str | int | device | Mapping[str, Any] | Callable[[Tensor, str], Any] | None
Place = Callable[[mx.array, str], Tensor]


def placer(map_location: MapLocation) -> Place:
    """A function that makes a tensor of an array and its name, where `map_location` says.

    Raises RuntimeError for a device that is not there; the function raises TypeError for float64 on a GPU.
    """
    if isinstance(map_location, Mapping):
        return lambda array, name: _on(_wrapped(array), map_location.get(str(_wrapped(array).device)))
    if callable(map_location) and not isinstance(map_location, device):
        return lambda array, name: _mapped(_wrapped(array), name, map_location)
    where = None if map_location is None else as_device(map_location)
    return lambda array, name: _on(_wrapped(array), where)


def _wrapped(array: mx.array) -> Tensor:
    t = _tape.wrap(array)
    if array.dtype == mx.float64 and t.device.type != "cpu":
        _views.pin(t, device("cpu"))  # the only place it can be
    return t


def _on(t: Tensor, where: Any) -> Tensor:
    if where is None:
        return t
    to = as_device(where)
    if t.dtype.mx == mx.float64:
        check_float64(to)
    return _views.pin(t, to)


def _mapped(t: Tensor, name: str, function: Callable[[Tensor, str], Any]) -> Tensor:
    result = function(t, str(t.device))
    if result is None:
        return t
    if not isinstance(result, Tensor):
        raise TypeError(f"load: map_location has to return a Tensor or None, got {type(result).__name__} for {name!r}")
    return result
