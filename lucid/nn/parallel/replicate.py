"""Copies of a module on several devices: with one device, the module itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lucid._device import device
from lucid.nn.modules.module import Module
from lucid.nn.parallel.scatter_gather import one

__all__ = ["replicate"]

M = TypeVar("M", bound=Module)


def replicate(network: M, devices: Sequence[int | device], detach: bool = False) -> list[M]:
    """`network` once for each device, with the same parameters.

    Raises NotImplementedError for more than one, and for `detach`: call the module inside `no_grad()` instead.
    """
    one("replicate", devices)
    if detach:
        raise NotImplementedError("replicate: detach=True is not supported; call the module inside no_grad()")
    return [network]
