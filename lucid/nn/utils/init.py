"""Modules without the cost of initialising them."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from lucid import creation
from lucid.nn.modules.module import Module
from lucid.random import fork_rng

__all__ = ["skip_init"]

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """`module_cls(*args, **kwargs)`, its parameters and buffers not initialised: to be filled by `load_state_dict`.

    The constructor runs, but nothing that it draws is computed, and the random state stays as it was.

    Raises TypeError if `module_cls` is no class, RuntimeError if it is none of modules or takes no `device`.

    >>> from lucid import nn
    >>> nn.utils.skip_init(nn.Linear, 2, 3)
    Linear(in_features=2, out_features=3, bias=True)
    """
    if not isinstance(module_cls, type):
        raise TypeError(f"skip_init: expected a class of modules, got {module_cls!r}")
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} must support a 'device' arg to skip initialization")
    with fork_rng():
        module = module_cls(*args, **kwargs)
    # MLX computes what is read: values that are replaced before anybody looks at them cost nothing.
    return module._apply(creation.empty_like)
