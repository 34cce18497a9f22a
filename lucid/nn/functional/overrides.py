"""PyTorch's hooks for classes that override its functions, for code that asks: lucid has no such classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = [
    "assert_int_or_pair",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
]


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """False: no class overrides lucid's functions."""
    return False


def has_torch_function_unary(obj: Any) -> bool:
    """False: no class overrides lucid's functions."""
    return False


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """False: no class overrides lucid's functions."""
    return False


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """`public_api(*args, **kwargs)`: no class among `relevant_args` can override it."""
    return public_api(*args, **kwargs)


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """Raise AssertionError, with `message` about `arg_name`, unless `arg` is an int or has two parts."""
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))
