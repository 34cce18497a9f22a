"""How hooks are kept, and the hooks that every module obeys: on calls, on backward passes, on what is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid._handles import Hooks, RemovableHandle

_global_forward_pre_hooks: Hooks = Hooks()
_global_forward_hooks: Hooks = Hooks()
_global_forward_hooks_with_kwargs: Hooks = Hooks()
_global_forward_hooks_always_called: Hooks = Hooks()
_global_backward_pre_hooks: Hooks = Hooks()
_global_backward_hooks: Hooks = Hooks()
_global_node_backward_hooks: Hooks = Hooks()
# Those around the calls of modules.
EVERYWHERE = (
    _global_forward_pre_hooks,
    _global_forward_hooks,
    _global_backward_pre_hooks,
    _global_backward_hooks,
    _global_node_backward_hooks,
)
_global_buffer_registration_hooks: Hooks = Hooks()
_global_module_registration_hooks: Hooks = Hooks()
_global_parameter_registration_hooks: Hooks = Hooks()


def attach(
    hooks: Hooks, hook: Callable[..., Any], *flags: tuple[Hooks, bool], prepend: bool = False
) -> RemovableHandle:
    """Add `hook` to `hooks`, first with `prepend`, and to those of the dicts in `flags` that come with True."""
    dicts = (hooks, *[flag for flag, _ in flags])
    handle = RemovableHandle(*dicts)
    while handle.id in hooks:  # an unpickled module brings hooks with numbers from another process
        handle = RemovableHandle(*dicts)
    hooks[handle.id] = hook
    for flag, wanted in flags:
        if wanted:
            flag[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module, ahead of the module's own hooks.

    What it returns, if anything, replaces the positional arguments; a value that is no tuple becomes a tuple of one.
    """
    return attach(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module, ahead of the module's own hooks.

    What it returns, if anything, replaces the output.

    Args:
        hook: the function to call.
        with_kwargs: call `hook(module, args, kwargs, output)` instead.
        always_call: call the hook although the forward raised; the output is None then.
    """
    return attach(
        _global_forward_hooks,
        hook,
        (_global_forward_hooks_with_kwargs, with_kwargs),
        (_global_forward_hooks_always_called, always_call),
    )


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the gradients of every module are taken, ahead of its own hooks."""
    return attach(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when a module's gradients were taken, ahead of its own hooks.

    Raises RuntimeError while a hook of `register_module_backward_hook` is registered.
    """
    if _global_node_backward_hooks:
        raise RuntimeError(_MIXED)
    return attach(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` on the last operation of every module. Deprecated.

    It sees the gradients of that operation's inputs, not of the module's: `register_module_full_backward_hook` is
    what is wanted nearly always. Raises RuntimeError while a full backward hook is registered for every module.
    """
    if _global_backward_hooks:
        raise RuntimeError(_MIXED)
    return attach(_global_node_backward_hooks, hook)


_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of "
    "them: register_module_full_backward_hook sees the gradients of the module's own inputs."
)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a buffer is registered. A value it returns takes its place."""
    return attach(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, child)` whenever a child is registered. A value it returns takes its place."""
    return attach(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever one is registered. A value it returns takes its place."""
    return attach(_global_parameter_registration_hooks, hook)
