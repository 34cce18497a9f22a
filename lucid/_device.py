"""Devices: where the next operation on a tensor runs. Memory is unified, so moving a tensor costs nothing."""

from __future__ import annotations

import functools
from typing import Any

import mlx.core as mx

__all__ = ["device"]

_before: list[mx.Device] = []  # the defaults to come back to at the end of `with device:`
_ALIASES = {"mps": "metal", "gpu": "metal", "metal": "metal", "cuda": "cuda", "cpu": "cpu"}


def gpu_name() -> str | None:
    """The name of this machine's GPU backend, "metal" or "cuda"; None where MLX has neither."""
    if mx.metal.is_available():
        return "metal"
    return "cuda" if mx.cuda.is_available() else None


class device:
    """A device such as `lucid.device("metal")`.

    Names: cpu, metal (aliases mps and gpu), cuda; an index may follow, as in "cuda:0". Inside `with device:` new
    tensors are on it.

    A device that this machine does not have can be named, but not used. Raises RuntimeError for a name that does not
    exist.
    """

    __module__ = "lucid"

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            given = type
            type, index = given.type, given.index if index is None else index
        elif not isinstance(type, str):
            raise TypeError(f"device: expected a name such as 'cpu' or 'metal', got {type.__class__.__name__}")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(f"device: type must not include an index because an index was passed, got {type!r}")
            if not number.isdigit():
                raise RuntimeError(f"device: invalid device string {type!r}; write for example 'cpu' or 'metal:0'")
            index = int(number)
        if name not in _ALIASES:
            raise RuntimeError(f"device: expected one of cpu, metal (mps, gpu), cuda, got {type!r}")
        gpu = gpu_name()
        self.type = gpu if name == "gpu" and gpu is not None else _ALIASES[name]
        self.index = index

    @property
    def mx(self) -> mx.Device:
        """The MLX device that operations are sent to. Raises RuntimeError where this machine does not have it."""
        return _found(self.type, self.index or 0)

    def __enter__(self) -> device:
        where = self.mx
        _before.append(mx.default_device())
        mx.set_default_device(where)
        return self

    def __exit__(self, *error: object) -> None:
        mx.set_default_device(_before.pop())

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)


def _found(name: str, index: int) -> mx.Device:
    if name != "cpu" and name != (gpu := gpu_name()):
        have = f"cpu and {gpu}" if gpu else "cpu only"
        raise RuntimeError(f"device: {name!r} is not available here; this build of MLX has {have}")
    kind = mx.cpu if name == "cpu" else mx.gpu
    if index >= max(1, mx.device_count(kind)):
        raise RuntimeError(f"device: '{name}:{index}' has an index out of range; there is one {name} device")
    return mx.Device(kind, index)


def default() -> device:
    """The device of tensors that were not sent to one: MLX's own default device."""
    gpu = gpu_name()
    return _named("cpu" if gpu is None or mx.default_device().type == mx.cpu else gpu)


@functools.cache
def _named(name: str) -> device:
    return device(name)


def as_device(value: Any) -> device:
    """`value`, a `device`, a name, or an index into the GPUs, as a device. Raises RuntimeError if it is not there."""
    if isinstance(value, int):
        value = device(gpu_name() or "metal", value)
    found = value if isinstance(value, device) else device(value)
    _found(found.type, found.index or 0)
    return found
