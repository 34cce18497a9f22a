"""What of TorchScript code meets without using it: decorators that mark functions for its compiler, which is not here.

Functions and modules run as they are: `script` gives them back, and `trace`, which would fix what depends on the
example's values, raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

__all__ = [
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "script",
    "script_if_tracing",
    "trace",
    "unused",
]

F = TypeVar("F", bound=Callable[..., Any])

_isinstance = isinstance


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself, used as `@ignore` or `@ignore(drop=...)`: there is no compiler that could ignore it."""
    return drop if callable(drop) else _same


def _same(fn: F) -> F:
    return fn


def unused(fn: F) -> F:
    """The function itself."""
    return fn


def export(fn: F) -> F:
    """The function itself."""
    return fn


def script_if_tracing(fn: F) -> F:
    """The function itself: nothing is ever traced."""
    return fn


def _overload(func: F) -> F:
    """The function itself: the definition that comes last is the one that runs."""
    return func


_overload_method = _overload  # torchvision's models use these three, underscores or not
_script_if_tracing = script_if_tracing


def _assert(condition: Any, message: str) -> None:
    """Python's assert: `lucid._assert`, which models write so that PyTorch can trace them."""
    if not condition:
        raise AssertionError(message)


def is_scripting() -> bool:
    """False: there is no TorchScript."""
    return False


def is_tracing() -> bool:
    """False: there is no TorchScript."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's `isinstance`."""
    return _isinstance(obj, target_type)


def script(obj: F, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> F:
    """`obj`, a function, a class or a module, as it is: it gives the same results as its TorchScript.

    What only a compiled script has (`graph`, `code`, `save`) is not there. The other arguments steer PyTorch's
    compiler.
    """
    return obj


def trace(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: NotImplementedError. Use the function or module as it is, or `lucid.compile` it."""
    raise NotImplementedError("jit.trace: there is no TorchScript; call the function as it is, or lucid.compile(it)")
