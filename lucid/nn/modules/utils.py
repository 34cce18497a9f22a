"""Sizes given as one value or as several, and prefixes of state dicts: names that code outside PyTorch imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that makes a tuple of anything that can be iterated, and `n` times the value of anything else."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Sequence[Any], n: int) -> tuple[Any, ...]:
    """The elements of `t` from the last to the first, each `n` times: what `nn.functional.pad` takes."""
    return tuple([x for x in reversed(t) for _ in range(n)])


def _list_with_default(out_size: Any, defaults: Sequence[int]) -> Any:
    """`out_size`, with the last of `defaults` where it is None. Raises ValueError if there are too few of them."""
    if isinstance(out_size, int):
        return out_size
    n = len(out_size)
    if len(defaults) <= n:
        raise ValueError(f"Input dimension should be at least {n + 1}, got {len(defaults)}")
    return [default if size is None else size for size, default in zip(out_size, defaults[-n:], strict=False)]


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take `prefix` off the keys of `state_dict` that begin with it, in place.

    With "module.", a state dict of a `DataParallel` fits the module inside it.

    >>> state = {"module.weight": 1, "step": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'step': 2, 'weight': 1}
    """
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    own = prefix.replace(".", "")  # the entry of the module itself
    for key in [key for key in metadata if key and (key == own or key.startswith(prefix))]:
        metadata[key[len(prefix) :]] = metadata.pop(key)
