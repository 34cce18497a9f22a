"""The older kind of backward hook: on the operation that made a module's output. Only global hooks are of this kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lucid._tensor import Tensor

if TYPE_CHECKING:
    from lucid._tape import Node
    from lucid.nn.modules.module import Module


def watch_last_operation(module: Module, args: tuple[Any, ...], output: Any, hooks: list[Callable[..., Any]]) -> None:
    """Put `hooks` on the operation that made `output` (or the first tensor in it), and warn of what they miss."""
    first = _first_tensor(output)
    node = None if first is None else first.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(lambda *gradients, hook=hook: hook(module, *gradients))
    missing = _what_is_missing(args, output, node)
    if missing is not None:
        warnings.warn(
            f"A non-full backward hook misses some of the gradients where {missing}. "
            "Use register_module_full_backward_hook, which sees those of all inputs and outputs.",
            FutureWarning,
            stacklevel=5,
        )


def _first_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return next((v for v in value.values() if isinstance(v, Tensor)), None)
    return _first_tensor(value[0]) if isinstance(value, (tuple, list)) and value else None


def _what_is_missing(args: tuple[Any, ...], output: Any, node: Node) -> str | None:
    outputs = (output,) if isinstance(output, Tensor) else output
    if not isinstance(outputs, tuple) or not _all_tensors(outputs):
        return "a module returns anything but a Tensor or a tuple of Tensors"
    if not _all_tensors(args):
        return "a module is called with anything but Tensors"
    if len(_nodes(outputs)) > 1:
        return "a module's outputs are made by several operations"
    if _nodes(args) != {source for source, _ in node.next_functions}:
        return "a module does more than one operation"
    return None


def _all_tensors(values: Iterable[Any]) -> bool:
    return all(isinstance(value, Tensor) for value in values)


def _nodes(tensors: Iterable[Tensor]) -> set[Node | None]:
    return {t.grad_fn for t in tensors if t.grad_fn is not None}
