"""The names of operations, in errors and in `grad_fn`, from the functions that were recorded."""

from __future__ import annotations

import functools
from typing import Any

import mlx.core as mx

# MLX's names that differ from PyTorch's.
_NAMES = {"multiply": "mul", "subtract": "sub", "negative": "neg", "divide": "div", "power": "pow", "arctan2": "atan2"}
_NAMES |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_NAMES |= {"less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne"}

# What PyTorch can send a gradient through twice, because it saves no array for it.
SAVES_NOTHING = frozenset(
    """
    add as_strided cat ceil clone copied copy cumsum diag diagonal expand fill flatten flip floor getitem identity
    mean movedim narrow neg pad permute repeat reshape roll round select sign slice split squeeze stack sub sum tile
    to_copy trace transpose tril triu unbind unflatten unfold unsqueeze view zero
    """.split()
)


def op_name(fn: Any) -> str:
    """The name of the operation that `fn` belongs to: of the public function it is defined in, or its own."""
    if fn.__class__ is NATIVE:
        return native_name(fn)
    return _plain(getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None) or type(fn).__name__)


NATIVE = type(mx.add)


@functools.cache
def native_name(fn: Any) -> str:
    """The name of one of MLX's own functions, which takes them long to tell."""
    return _plain(fn.__name__)


@functools.lru_cache(4096)
def _plain(name: str) -> str:
    name = name.partition(".")[0].strip("_")
    return _NAMES.get(name, name)


def pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
