"""Backward hooks of modules: one node around the inputs, one around the outputs, and what is passed between them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _tape
from lucid._grad_mode import mode
from lucid._tensor import Tensor

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

_Gradients = tuple[Any, ...]


class FullBackward:
    """The backward hooks of one call. `enter` its arguments, `leave` its output; the tape does the rest."""

    def __init__(self, module: Module, hooks: list[Callable[..., Any]], pre_hooks: list[Callable[..., Any]]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.arguments: tuple[Any, ...] = ()
        # Which arguments pass through the node; None if none requires a gradient.
        self.watched: list[int] | None = None
        self.versions: list[tuple[Tensor, int]] = []
        self.grad_output: _Gradients | None = None

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """`args`, those that require a gradient behind one node of their own."""
        self.arguments = tuple(_blank(a) for a in args)
        args, self.watched, node = _behind_one_node(args)
        if node is not None:
            node.register_hook(lambda gradients, _: self._inputs_done(gradients))
            self.versions = [(args[k], args[k]._version) for k in self.watched or ()]
        return args

    def check_inputs(self) -> None:
        """Raise RuntimeError if the forward wrote an argument in place: the caller's tensor would not show it."""
        versions, self.versions = self.versions, []
        if any(t._version != before for t, before in versions):
            raise RuntimeError(
                f"{self.module._get_name()}: an input that requires a gradient was modified inplace, which is not "
                "allowed in a module with backward hooks: its forward gets a copy. Use the out-of-place "
                "operation (inplace=False), or pass on a clone() of the input."
            )

    def leave(self, output: Any) -> Any:
        """`output`, those of its tensors that require a gradient behind one node of their own."""
        if not isinstance(output, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(output)}",
                stacklevel=5,
            )
        values = output if isinstance(output, tuple) else (output,)
        values, watched, node = _behind_one_node(values)
        if node is not None and watched is not None:
            count = len(values)
            node.register_hook(lambda _, gradients: self._outputs_done(gradients, watched, count))
        return values if isinstance(output, tuple) else values[0]

    def _outputs_done(self, gradients: _Gradients, watched: list[int], count: int) -> _Gradients:
        grad_output = _spread(gradients, watched, [None] * count)
        for hook in self.pre_hooks:
            new = hook(self.module, grad_output)
            if new is not None:
                grad_output = _as_many(new, grad_output, "Backward pre hook", "grad_output")
        if self.watched is None:
            self._call_without_inputs(grad_output)
        else:
            self.grad_output = grad_output
        return tuple(grad_output[k] for k in watched)

    def _inputs_done(self, gradients: _Gradients) -> _Gradients | None:
        grad_output, self.grad_output = self.grad_output, None
        if grad_output is None or self.watched is None:
            return None  # a gradient that came by another way than through the outputs, as in a double backward
        grad_input = _spread(gradients, self.watched, [make() if make else None for make in self.arguments])
        for hook in self.hooks:
            new = hook(self.module, grad_input, grad_output)
            if new is not None:
                grad_input = _as_many(new, grad_input, "Backward hook", "grad_input")
        return tuple(grad_input[k] for k in self.watched)

    def _call_without_inputs(self, grad_output: _Gradients) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. It gets None for each of them.",
            stacklevel=2,
        )
        for hook in self.hooks:
            new = hook(self.module, (None,) * len(self.arguments), grad_output)
            if new is not None and not (isinstance(new, tuple) and all(g is None for g in new)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )


def _behind_one_node(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, _tape.Node | None]:
    """`values` with its tensors that require a gradient replaced by outputs of one node; which ones; the node."""
    watched = [k for k, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not watched or not mode.grad:
        return values, None, None
    behind = list(values)
    for k, tensor in zip(watched, _tape.identity(*[values[k] for k in watched]), strict=True):
        behind[k] = tensor
    made = tuple(behind) if type(values) is tuple else type(values)(*behind)  # a named tuple keeps its type
    return made, watched, behind[watched[0]].grad_fn


def _blank(value: Any) -> Callable[[], Tensor] | None:
    """What makes the gradient of an argument that requires none: zeros for a tensor, as in PyTorch, else None."""
    if not isinstance(value, Tensor):
        return None
    shape, dtype = tuple(value.shape), value.dtype.mx
    return lambda: _tape.wrap(mx.zeros(shape, dtype))


def _spread(gradients: Sequence[Any], places: list[int], into: list[Any]) -> _Gradients:
    for place, gradient in zip(places, gradients, strict=True):
        into[place] = gradient
    return tuple(into)


def _as_many(new: Any, old: _Gradients, who: str, what: str) -> _Gradients:
    if isinstance(new, Tensor):
        new = (new,)
    if len(new) != len(old):
        raise RuntimeError(f"{who} returned an invalid number of {what}, got {len(new)}, but expected {len(old)}")
    for gradient in new:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise TypeError(f"{who}: expected a Tensor or None as {what}, got {type(gradient).__name__}")
    return tuple(new)
