"""What containers of modules and of parameters have in common: counting from both ends, pairs, what `dir` shows."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


def index_of(container: Module, index: Any, size: int) -> int:
    """`index` counted from the front. Raises IndexError if it is out of range, TypeError if it is no integer."""
    number = operator.index(index)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of range for {container._get_name()} of length {size}")
    return number % size


def pairs(source: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """The key/value pairs in the iterable `source`. Raises TypeError or ValueError naming `where` if they are none."""
    if not isinstance(source, Iterable):
        raise TypeError(
            f"{where}.update should be called with an iterable of key/value pairs, but got {type(source).__name__}"
        )
    for k, pair in enumerate(source):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{where} update sequence element #{k} should be Iterable; is {type(pair).__name__}")
        items = tuple(pair)
        if len(items) != 2:
            raise ValueError(f"{where} update sequence element #{k} has length {len(items)}; 2 is required")
        yield items


def without_numbers(names: Iterable[str]) -> list[str]:
    """Those of `names` that can be written after a dot."""
    return [name for name in names if not name.isdigit()]
