"""`lucid.compile`: what it accepts, and what it does with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["compile"]

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
    """`model`, a function or module, as it is: compiled code computes what the code itself does, and so does this.

    Lucid's tensors are lazy: whatever runs between two evaluations becomes one MLX graph, without compilation. The
    arguments are PyTorch's and are checked; they choose between ways of compiling, none of which changes a result.
    A `backend` that is a function is refused: it would be given PyTorch's graph of the code, which there is none of.

    Works as `compile(model)`, `@compile` and `@compile(...)`. Raises TypeError if `model` cannot be called,
    RuntimeError for an unknown `mode` or for `mode` together with `options`, and NotImplementedError for a function as
    `backend`.

    >>> import lucid
    >>> @lucid.compile(mode="reduce-overhead")
    ... def twice(x):
    ...     return x + x
    >>> twice(lucid.ones(2))
    tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError("compile: expected either mode or options, got both")
    if mode not in _MODES:
        raise RuntimeError(f"compile: unknown mode {mode!r}; expected one of {', '.join(map(repr, _MODES))}")
    if not isinstance(backend, str):
        raise NotImplementedError(
            "compile: a function as backend would be given PyTorch's graph of the code; pass the name of a backend"
        )
    if model is None:
        return lambda wrapped: compile(wrapped, fullgraph=fullgraph, dynamic=dynamic, backend=backend, disable=disable)
    if not callable(model):
        raise TypeError(f"compile: expected a function or module, got {type(model).__name__}")
    return model
