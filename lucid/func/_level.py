"""Where the function runs that a transform calls: what it may write there, and how it draws random numbers.

`mode.level` is the innermost of the transforms that are running in this thread. The parts of lucid that change tensors
in place, draw random numbers or need values ask it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._grad_mode import mode
from lucid._tape import Node

_NEEDS_VALUE = (
    "{}: this needs the value of a tensor. Inside vmap one run of the function stands for all examples, and there are "
    "no values: no .item(), `if tensor:`, numpy(), print, masks as indices or other results whose shape depends on "
    "values. Use lucid.where and operations of fixed shape, or compute it outside"
)

_make_plain = object.__new__
_lock = threading.Lock()
_running = 0


def _make(cls: type[Any]) -> Any:
    """A new tensor (or node), known to the level it was made in."""
    made = _make_plain(cls)
    level = mode.level
    if level is not None and level.since and cls is not Node:
        level.born[id(made)] = weakref.ref(made)
    return made


class Written:
    """A tensor that was there before, and what it was before it was written."""

    __slots__ = ("data", "extra", "node", "t", "writes")

    def __init__(self, t: Any) -> None:
        self.t, self.data, self.node, self.extra, self.writes = t, t._data, t._node, t._extra, t._writes

    def restore(self) -> None:
        t = self.t
        t._data, t._node, t._extra, t._writes = self.data, self.node, self.extra, self.writes


class Level:
    """For a `with` block: the code in it is run by the transform `name`.

    Args:
        name: of the transform.
        arguments: the tensors it was called with, which the function may write.
        randomness: what happens where random numbers are drawn: "error", or None.

    Attributes:
        since: nodes with a larger number were recorded inside.
        born: the tensors that were made inside, by their ids.
        stale: the nodes whose tensors were written without being recorded, and the arrays that the nodes made.
    """

    def __init__(self, name: str, arguments: Iterable[Any] = (), randomness: str | None = None) -> None:
        self.name, self.randomness = name, randomness
        self.born: dict[int, Any] = {}
        self._arguments: dict[int, Any] = {}
        self.allow(arguments)

    def allow(self, arguments: Iterable[Any]) -> None:
        """Let the function write `arguments`, and what they are views of."""
        for t in arguments:
            self._arguments[id(t)] = t
            if t._extra is not None and t._extra.base is not None:
                self._arguments[id(t._extra.base)] = t._extra.base

    def __enter__(self) -> Any:
        global _running
        if mode.dual is not None:
            raise RuntimeError(
                f"{self.name}: transforms do not run inside a level of lucid.autograd.forward_ad; use lucid.func.jvp "
                "around them instead, which nests"
            )
        with _lock:
            _running += 1
            _tape._new = _make
        self.outer: Level | None = mode.level
        self.stale: dict[Node, mx.array] = {} if self.outer is None else self.outer.stale
        self._modes = mode.grad, mode.inference
        mode.level = self
        self.since = _tape._number()
        return self

    def __exit__(self, *error: Any) -> None:
        global _running
        mode.level = self.outer
        mode.grad, mode.inference = self._modes
        with _lock:
            _running -= 1
            if not _running:
                _tape._new = _make_plain
        if self.outer is not None:
            self.outer.born.update({i: ref for i, ref in self.born.items() if ref() is not None})

    def writing(self, t: Any) -> None:
        """`t` is going to be changed in place."""
        level: Level | None = self
        while level is not None:
            ref = level.born.get(id(t))
            if ref is not None and ref() is t:  # and so it is inside of all that are further out
                break
            if id(t) not in level._arguments:
                level.captures(t)
            level = level.outer
        if t._node is not None:
            self.stale.setdefault(t._node, t._data)

    def captures(self, t: Any) -> None:
        """`t`, which is going to be written, is neither an argument nor was it made inside."""
        raise RuntimeError(
            f"{self.name}: the function changes a tensor of shape {tuple(t._data.shape)} in place that it does not get "
            "as an argument. That is not supported: pass the tensor as an argument; for the statistics of batch "
            "normalization see lucid.func.replace_all_batch_norm_modules_"
        )

    def draw(self, generator: Any) -> mx.array:
        """A key for random numbers. Raises RuntimeError if there may be none."""
        if self.randomness == "error":
            raise RuntimeError(
                f"{self.name}: a random number was drawn while randomness='error'; pass randomness='same' or "
                "'different', or draw outside"
            )
        key: mx.array = generator.next_key() if self.outer is None else self.outer.draw(generator)
        return key

    def needs_value(self) -> str:
        """The message for a value that is not there."""
        level: Level | None = self
        while level is not None and level.name != "vmap":
            level = level.outer
        return _NEEDS_VALUE.format(self.name if level is None else level.name)


class Replay(Level):
    """The level in which recorded functions run again, when there is no other. Nothing is watched in it."""

    def __init__(self) -> None:
        super().__init__("replay")
        self.outer, self.stale, self.since = None, {}, 0

    def writing(self, t: Any) -> None:
        """Nobody minds."""
