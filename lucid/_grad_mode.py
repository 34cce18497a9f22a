"""Whether operations are recorded: `no_grad` and its relatives, as context managers and decorators, per thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    grad = True
    inference = False
    anomaly = False
    level: Any = None  # the transform of `lucid.func` that the code runs in: a lucid.func._level.Level
    mapping = False  # inside `mx.vmap`
    pushing = False  # inside `mx.jvp`
    pulling = False  # inside `mx.vjp`
    dual: Any = None  # the level of lucid.autograd.forward_ad that tangents belong to
    watched = False  # by `lucid.compile`, which notes what a call touches
    careful = False  # there, only operations are to be used whose gradients MLX can map


mode = _Mode()


def is_grad_enabled() -> bool:
    """True if operations in this thread are recorded for gradients."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`."""
    return mode.inference


class _Switch:
    """A grad mode to hold for a `with` block, a function's calls, or each step of a generator."""

    _grad: bool
    _inference: bool | None = None

    def __enter__(self) -> None:
        before = self.__dict__.setdefault("_before", [])  # a stack: one object may be entered again inside itself
        before.append((mode.grad, mode.inference))
        self._switch()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.grad, mode.inference = self.__dict__["_before"].pop()

    def _switch(self) -> None:
        mode.grad = self._grad
        if self._inference is not None:
            mode.inference = self._inference

    def _fresh(self) -> _Switch:
        return self.__class__()

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            send, value = generator.send, None
            try:
                while True:
                    with self._fresh():  # on while the generator runs, off while its consumer does
                        item = send(value)
                    try:
                        value, send = (yield item), generator.send
                    except GeneratorExit:
                        with self._fresh():
                            generator.close()
                        raise
                    except BaseException as error:
                        value, send = error, generator.throw
            except StopIteration as stop:
                return stop.value

        return call


class no_grad(_Switch):
    """Record nothing: results do not require gradients. A context manager and a decorator.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _grad = False

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls, function: None = None) -> no_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        switch = super().__new__(cls)
        return switch if function is None else switch(function)


class enable_grad(no_grad):
    """Record again, inside `no_grad`. A context manager and a decorator."""

    _grad = True


class set_grad_enabled(_Switch):
    """Switch recording on or off, from here on or for a `with` block.

    Args:
        mode: whether to record.
    """

    def __init__(self, mode: bool) -> None:
        self._grad, self._previous = bool(mode), is_grad_enabled()
        self._switch()

    def __enter__(self) -> None:
        super().__enter__()
        self.__dict__["_before"][-1] = (self._previous, is_inference_mode_enabled())

    def _fresh(self) -> _Switch:
        return set_grad_enabled(self._grad)

    def __call__(self, function: F) -> F:
        mode.grad = self._previous  # used as a decorator, it must not switch anything now
        return super().__call__(function)


class inference_mode(_Switch):
    """Record nothing, like `no_grad`; `is_inference_mode_enabled()` is True inside. A context manager and a decorator.

    Args:
        mode: False switches recording on and inference mode off.
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        switch = super().__new__(cls)
        if callable(mode):
            switch.__init__()  # type: ignore[misc]
            return switch(mode)
        return switch

    def __init__(self, mode: bool = True) -> None:
        self._inference, self._grad = mode, not mode

    def _fresh(self) -> _Switch:
        return inference_mode(bool(self._inference))


def is_anomaly_enabled() -> bool:
    """True inside `detect_anomaly`."""
    return mode.anomaly


def _require_check_nan(check_nan: bool) -> None:
    if not check_nan:
        raise NotImplementedError(
            "detect_anomaly: check_nan=False is not supported; leave anomaly detection off instead"
        )


def _set_anomaly(on: bool) -> None:
    mode.anomaly = on


class set_detect_anomaly:
    """Switch anomaly detection on or off, from here on or for a `with` block: see `detect_anomaly`."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        _require_check_nan(check_nan)
        self._before = is_anomaly_enabled()
        _set_anomaly(bool(mode))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.anomaly = self._before


class detect_anomaly(set_detect_anomaly):
    """Find where things go wrong, slowly: backward raises RuntimeError at the first operation whose gradient is NaN.

    Every index is checked too, at the cost of evaluating it.
    """

    def __init__(self, check_nan: bool = True) -> None:
        _require_check_nan(check_nan)
        self._before = is_anomaly_enabled()

    def __enter__(self) -> None:
        mode.anomaly = True
