"""What PyTorch's argument parser does for every op: numpy's argument names, and a TypeError for what is no tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lucid._tape import TensorCore

F = TypeVar("F", bound=Callable[..., Any])

_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}


def numpy_names(op: F) -> F:
    """`op`, which also takes `axis` for `dim`, `keepdims` for `keepdim` and so on, and a tensor first."""

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return op(*args, **kwargs)
        except (AttributeError, TypeError):  # only now find out what was wrong: this is a hot path
            renamed = _NAMES.keys() & kwargs.keys()
            for name in renamed:
                kwargs.setdefault(_NAMES[name], kwargs.pop(name))
            first = args[0] if args else kwargs.get("input")
            if isinstance(first, TensorCore):
                if renamed:
                    return op(*args, **kwargs)
                raise
        if first is None and not args and "input" not in kwargs:
            raise TypeError(f"{op.__name__}() missing 1 required positional arguments: 'input'")
        raise TypeError(f"{op.__name__}(): argument 'input' must be Tensor, not {type(first).__name__}")

    return call  # type: ignore[return-value]
