"""`lucid.compile`, and what steers it: functions as one MLX graph, without naming their state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lucid import _tape
from lucid.compiler import _compiled
from lucid.compiler._compiled import Compiled
from lucid.compiler._module import OptimizedModule
from lucid.nn.modules.module import Module

__all__ = ["compile", "disable", "is_compiling", "reset"]

_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """`model`, a function or module, as one compiled MLX graph.

    The first call runs as it is, and shows which tensors the function reads and writes beside its arguments:
    parameters, buffers, gradients, the state of optimizers and of random generators. The second call traces it, and
    from then on the graph runs instead of the Python code, with the current values of all of these. A whole training
    step can be compiled so: `zero_grad()`, forward, `backward()`, clipping, `optimizer.step()`.

    It is traced again for arguments of other shapes, dtypes or plain values, for another grad mode, for modules in
    another mode or with other attributes, parts or hooks, for frozen parameters, for an optimizer that has other
    groups, and for other settings that the function reads: under names, in objects, in lists and dicts of at most 64
    items. A learning rate and the other numbers of an optimizer may change without that; step a scheduler outside.

    Names and attributes that the function binds to tensors or plain values are bound in each call. All else happens at
    tracing only: prints, and lists and dicts that it writes, of which a UserWarning tells. A value (`item()`, `print`,
    `if tensor:`) cannot be had inside.

    Works as `compile(model)`, `@compile` and `@compile(...)`. A module gives a module that calls it, as in PyTorch.

    Args:
        model: what to compile.
        fullgraph: raise a RuntimeError that names the line, where a value is asked for inside. Otherwise a warning
            names it, and the function runs uncompiled from then on.
        dynamic: None or False; each shape is compiled for itself.
        backend: the name of a backend. There is one, MLX's, whatever the name.
        mode: one of PyTorch's names, which choose between ways of compiling that are one here.
        options: PyTorch's options for a backend, likewise.
        disable: give `model` back as it is.

    Raises TypeError if `model` cannot be called, RuntimeError for an unknown `mode` or for `mode` together with
    `options`, and NotImplementedError for a function as `backend` and for `dynamic=True`.

    >>> import lucid
    >>> w = lucid.ones(2, requires_grad=True)
    >>> optimizer = lucid.optim.SGD([w], lr=0.25)
    >>> @lucid.compile
    ... def step(x):
    ...     optimizer.zero_grad()
    ...     loss = (w * x).square().sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> [step(lucid.ones(2)).item() for _ in range(3)]
    [2.0, 0.5, 0.125]
    """
    if mode is not None and options is not None:
        raise RuntimeError("compile: expected either mode or options, got both")
    if mode not in _MODES:
        raise RuntimeError(f"compile: unknown mode {mode!r}; expected one of {', '.join(map(repr, _MODES))}")
    if not isinstance(backend, str):
        raise NotImplementedError(
            "compile: a function as backend would be given PyTorch's graph of the code; pass the name of a backend"
        )
    if dynamic:
        raise NotImplementedError(
            "compile: dynamic=True is not supported: MLX's shapeless graphs are wrong where code reads a shape; pad to "
            "a few shapes, each of which is compiled for itself"
        )
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise TypeError(f"compile: expected a function or module, got {type(model).__name__}")
    if disable or getattr(model, "_lucid_disabled", False):
        return model
    if isinstance(model, Module):
        return OptimizedModule(model, fullgraph)
    return model if isinstance(model, Compiled) else Compiled(model, fullgraph)


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """`fn`, never to be compiled: a compiled function that calls it runs uncompiled, with a warning.

    Args:
        fn: the function; None to use it as a decorator with arguments.
        recursive: has to be True: what `fn` calls runs as it does.
        reason: told in the warning.
    """
    if not recursive:
        raise NotImplementedError("disable: recursive=False is not supported; disable what must not be compiled itself")
    if fn is None:
        return functools.partial(disable, reason=reason)

    @functools.wraps(fn)
    def uncompiled(*args: Any, **kwargs: Any) -> Any:
        if _tape.tracing is not None:
            why = f": {reason}" if reason else ""
            name = getattr(fn, "__name__", fn)
            raise _tape.NeedsValue(f"{name!s} is kept from being compiled by compiler.disable{why}")
        return fn(*args, **kwargs)

    uncompiled._lucid_disabled = True  # type: ignore[attr-defined]
    return uncompiled


def is_compiling() -> bool:
    """True while `lucid.compile` traces a function."""
    return _tape.tracing is not None


def reset() -> None:
    """Forget all compiled graphs: the next call of each compiled function starts from the beginning."""
    _compiled.generation += 1
