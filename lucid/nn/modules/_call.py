"""Calling a module that has hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid.nn.modules import _global_hooks as everywhere
from lucid.nn.modules._full_backward import FullBackward
from lucid.nn.modules._last_operation import watch_last_operation

if TYPE_CHECKING:
    from lucid._handles import Hooks
    from lucid.nn.modules.module import Module

_Marked = tuple[int, Callable[..., Any], bool, bool]


def call_with_hooks(self: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Forward with everything around it, in order: pre-hooks, forward, hooks; global ones first each time."""
    call = _Call(self, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.run_always_called()
        raise


class _Call:
    """One call: the arguments and the output as the hooks left them so far."""

    __slots__ = ("args", "called", "kwargs", "module", "output")

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.output: Any = None
        self.called: set[int] = set()  # hooks with always_call that had their turn

    def run(self) -> Any:
        module = self.module
        forward = module.forward  # of the class that was called: a lazy module becomes another one in its pre-hook
        full = [*everywhere._global_backward_hooks.values(), *module._backward_hooks.values()]
        pre = [*everywhere._global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        of_node = list(everywhere._global_node_backward_hooks.values())
        if module._forward_pre_hooks or everywhere._global_forward_pre_hooks:
            self.run_pre_hooks()
        watch = FullBackward(module, full, pre) if full or pre else None
        if watch is not None:
            self.args = watch.enter(self.args)
        self.output = forward(*self.args, **self.kwargs)
        if watch is not None:
            watch.check_inputs()
        for number, hook, with_kwargs, always in _forward_hooks(module):
            if always:
                self.called.add(number)
            self.run_hook(hook, with_kwargs)
        if watch is not None:
            self.output = watch.leave(self.output)
        if of_node:
            watch_last_operation(module, self.args, self.output, of_node)
        return self.output

    def run_pre_hooks(self) -> None:
        module, flags = self.module, self.module._forward_pre_hooks_with_kwargs
        hooks = [(hook, False) for hook in everywhere._global_forward_pre_hooks.values()]
        hooks += [(hook, number in flags) for number, hook in module._forward_pre_hooks.items()]
        for hook, with_kwargs in hooks:
            if with_kwargs:
                new = hook(module, self.args, self.kwargs)
                if new is None:
                    continue
                if not isinstance(new, tuple) or len(new) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}."
                    )
                self.args, self.kwargs = new
            else:
                new = hook(module, self.args)
                if new is not None:
                    self.args = new if isinstance(new, tuple) else (new,)

    def run_hook(self, hook: Callable[..., Any], with_kwargs: bool) -> None:
        values = (self.args, self.kwargs, self.output) if with_kwargs else (self.args, self.output)
        new = hook(self.module, *values)
        if new is not None:
            self.output = new

    def run_always_called(self) -> None:
        for number, hook, with_kwargs, always in _forward_hooks(self.module):
            if not always or number in self.called:
                continue
            try:
                self.run_hook(hook, with_kwargs)
            except Exception as error:
                where = "global module" if number in everywhere._global_forward_hooks else "module"
                warnings.warn(
                    f"{where} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=4,
                )


def _forward_hooks(module: Module) -> list[_Marked]:
    own = _marked(module._forward_hooks, module._forward_hooks_with_kwargs, module._forward_hooks_always_called)
    if not everywhere._global_forward_hooks:
        return own
    return (
        _marked(
            everywhere._global_forward_hooks,
            everywhere._global_forward_hooks_with_kwargs,
            everywhere._global_forward_hooks_always_called,
        )
        + own
    )


def _marked(hooks: Hooks, with_kwargs: Hooks, always: Hooks) -> list[_Marked]:
    # The flags are looked up beside the hooks: the numbers in an unpickled module may be those of global hooks as well.
    return [(number, hook, number in with_kwargs, number in always) for number, hook in hooks.items()]
