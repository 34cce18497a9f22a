"""Arguments that a module hands on to what makes its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = ("device", "dtype", "memory_format")


def factory_kwargs(kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of `kwargs` that say how to make a tensor: device, dtype and memory_format.

    They may also be in a dict under the key "factory_kwargs", for a module with arguments of these names. Raises
    TypeError for other names, and for a name in both places.

    >>> from lucid import nn
    >>> nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": "float32"}})
    {'dtype': 'float32', 'device': 'cpu'}
    """
    if kwargs is None:
        return {}
    unexpected = [name for name in kwargs if name not in (*_NAMES, "factory_kwargs")]
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}, expected some of {', '.join(_NAMES)} and factory_kwargs")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in _NAMES:
        if name in kwargs:
            if name in found:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            found[name] = kwargs[name]
    return found
