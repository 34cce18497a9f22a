"""Values that are still to come, from another thread: PyTorch's names for what `concurrent.futures` has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future as _Future
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value that somebody sets once and others wait for.

    `devices` is accepted as PyTorch has it: memory is unified.

    >>> import lucid
    >>> future = lucid.futures.Future()
    >>> doubled = future.then(lambda f: f.value() * 2)
    >>> future.set_result(3)
    >>> doubled.wait()
    6
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._future: _Future[T] = _Future()

    def done(self) -> bool:
        """True once there is a value or an exception."""
        return self._future.done()

    def wait(self) -> T:
        """The value, as soon as it is there; an exception that was set is raised."""
        return self._future.result()

    def value(self) -> T:
        """The value, which has to be there: RuntimeError otherwise. An exception that was set is raised."""
        if not self._future.done():
            raise RuntimeError("value: the future is not completed yet; call wait()")
        return self._future.result()

    def set_result(self, result: T) -> None:
        """Set the value. Raises RuntimeError if there is one already."""
        if self._future.done():
            raise RuntimeError("set_result: attempting to mark a completed Future as complete again")
        self._future.set_result(result)

    def set_exception(self, result: BaseException) -> None:
        """Set the exception that waiting raises. Raises RuntimeError if there is a value already."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result).__name__}, not an Exception.")
        if self._future.done():
            raise RuntimeError("set_exception: attempting to mark a completed Future as complete again")
        self._future.set_exception(result)

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Call `callback(future)` when there is a value; at once if there is one."""
        self._future.add_done_callback(lambda _: callback(self))

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """A future of `callback(future)`, called when there is a value. An exception in it becomes a RuntimeError."""
        following: Future[Any] = Future()

        def follow(_: Any) -> None:
            try:
                following.set_result(callback(self))
            except Exception as error:
                message = f"Got the following error when running the callback: {type(error).__name__}: {error}"
                following.set_exception(RuntimeError(message))

        self._future.add_done_callback(follow)
        return following


def collect_all(futures: Iterable[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list of `futures`, which has its value when all of them have theirs."""
    waiting = list(futures)
    all_done: Future[list[Future[Any]]] = Future()
    left = [len(waiting)]
    if not waiting:
        all_done.set_result(waiting)

    def one_less(_: Future[Any]) -> None:
        left[0] -= 1
        if not left[0]:
            all_done.set_result(waiting)

    for future in waiting:
        future.add_done_callback(one_less)
    return all_done


def wait_all(futures: Iterable[Future[Any]]) -> list[Any]:
    """The values of all `futures`, as soon as they are there; the first exception that was set is raised."""
    return [future.wait() for future in futures]
