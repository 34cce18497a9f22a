"""Registering hooks on one module. What is called when is decided in `_call` and `_full_backward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid._handles import RemovableHandle
from lucid.nn.modules._global_hooks import attach

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


def register_forward_pre_hook(
    self: Module, hook: Callable[..., Any], prepend: bool = False, with_kwargs: bool = False
) -> RemovableHandle:
    """Register a hook called before forward().

    `hook(module, args)` may return None, or what replaces the positional arguments (a value that is no tuple becomes
    a tuple of one). With `with_kwargs` it is `hook(module, args, kwargs)`, which may return None or a new `(args,
    kwargs)`.

    Args:
        hook: the function to call.
        prepend: call it before the module's hooks that are there already; global hooks come first in any case.
        with_kwargs: pass the keyword arguments too.

    >>> from lucid import nn, tensor
    >>> module = nn.Identity()
    >>> with module.register_forward_pre_hook(lambda module, args: args[0] * 10):
    ...     module(tensor(3))
    tensor(30)
    """
    return attach(self._forward_pre_hooks, hook, (self._forward_pre_hooks_with_kwargs, with_kwargs), prepend=prepend)


def register_forward_hook(
    self: Module,
    hook: Callable[..., Any],
    prepend: bool = False,
    with_kwargs: bool = False,
    always_call: bool = False,
) -> RemovableHandle:
    """Register a hook called after forward().

    `hook(module, args, output)`, or with `with_kwargs` `hook(module, args, kwargs, output)`, may return None or a new
    output.

    Args:
        hook: the function to call.
        prepend: call it before the module's hooks that are there already; global hooks come first in any case.
        with_kwargs: pass the keyword arguments too.
        always_call: call it although forward() or another hook raised; the output is None if there is none yet.
    """
    return attach(
        self._forward_hooks,
        hook,
        (self._forward_hooks_with_kwargs, with_kwargs),
        (self._forward_hooks_always_called, always_call),
        prepend=prepend,
    )


def register_full_backward_pre_hook(self: Module, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    """Register a hook to be called before backward hooks, when the gradients of the module's outputs are known.

    `hook(module, grad_output)` gets a tuple with one entry for each output, None where there is no gradient, and may
    return a tuple to replace it. Inside such a module inputs must not be written in place.
    """
    return attach(self._backward_pre_hooks, hook, prepend=prepend)


def register_full_backward_hook(self: Module, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    """Register a backward hook. Returns a RemovableHandle.

    `hook(module, grad_input, grad_output)` is called when the gradients of the module's positional arguments were
    taken. Both are tuples with one entry for each argument or output, None for those that are no tensors. A tuple it
    returns replaces `grad_input`. Where no input requires a gradient it is called once the gradients of the outputs
    are known, with a warning. Inside such a module inputs must not be written in place.

    >>> from lucid import nn, tensor
    >>> module = nn.Identity()
    >>> handle = module.register_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
    >>> module(tensor([1.0, 2.0], requires_grad=True)).sum().backward()
    (tensor([1., 1.]),)
    """
    return attach(self._backward_hooks, hook, prepend=prepend)


def register_backward_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Deprecated alias for register_full_backward_hook."""
    return self.register_full_backward_hook(hook)
