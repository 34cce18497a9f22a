"""Calling modules on a part of the arguments each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._device import device
from lucid.nn.modules.module import Module

__all__ = ["parallel_apply"]


def parallel_apply(
    modules: Sequence[Module],
    inputs: Sequence[Any],
    kwargs_tup: Sequence[dict[str, Any]] | None = None,
    devices: Sequence[int | device | None] | None = None,
) -> list[Any]:
    """What each of `modules` makes of the arguments at its place in `inputs` and `kwargs_tup`.

    An input that is no tuple is the only argument. MLX computes nothing here yet, so calling one after the other costs
    no time. Raises AssertionError for lists of different lengths.
    """
    given = {"inputs": inputs, "kwargs_tup": kwargs_tup, "devices": devices}
    for name, values in given.items():
        if values is not None and len(values) != len(modules):
            raise AssertionError(f"parallel_apply: expected {name} for {len(modules)} modules, got {len(values)}")
    keywords = kwargs_tup if kwargs_tup is not None else [{}] * len(modules)
    return [
        module(*(arguments if isinstance(arguments, (list, tuple)) else (arguments,)), **named)
        for module, arguments, named in zip(modules, inputs, keywords, strict=True)
    ]
