"""Programs that are run with torch and with lucid: functions of the library, collected by a decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Programs(dict[str, Callable[[Any], Any]]):
    """Programs by name. Called as a decorator, it adds one."""

    def __call__(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self[function.__name__] = function
        return function


def leaf(t: Any, *shape: int, start: float = 1.0) -> Any:
    """A leaf of `shape` that requires a gradient, with the same values in both libraries."""
    n = 1
    for s in shape:
        n *= s
    return ((t.arange(n) % 7).float().reshape(shape) * 0.25 + start * 0.1).requires_grad_()
