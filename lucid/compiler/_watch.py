"""Which tensors, modules and optimizers a call touches.

Every array in lucid is held by a tensor, in the slot `_data`. While a call is watched, a property stands in the place
of that slot, so that each read and each write is seen, and nothing is paid for it at any other time.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from lucid._grad_mode import mode
from lucid._tape import Core
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module
from lucid.optim import _update

_slot: Any = Core.__dict__["_data"]
_grad_slot: Any = Core.__dict__["_grad"]
_lock = threading.RLock()

put = _slot.__set__  # give a tensor an array without being seen
look = _slot.__get__


class Saved:
    """What a tensor was before it was touched. It can be restored once."""

    __slots__ = ("data", "extra", "grad", "node", "t", "writes")

    def __init__(self, t: Any) -> None:
        self.t, self.data = t, look(t)
        self.node, self.grad, self.extra, self.writes = t._node, _grad_slot.__get__(t), t._extra, t._writes

    def restore(self) -> None:
        t = self.t
        put(t, self.data)
        t._node, t._grad, t._extra, t._writes = self.node, self.grad, self.extra, self.writes
        self.data = self.node = self.grad = self.extra = None  # the memory is nobody's any more


class Watch:
    """For a `with` block: notes what the code in it touches.

    Attributes:
        seen: the tensors that were there before and were read or written, by their ids, as they were then.
        modules: the modules that were called.
        optimizers: the optimizers that were stepped.
        asked: the ids of the tensors whose `.grad` was read before it was written.
    """

    def __init__(self) -> None:
        self.seen: dict[int, Saved] = {}
        self.modules: dict[int, Module] = {}
        self.optimizers: list[Any] = []
        self.asked: set[int] = set()
        self._made: dict[int, weakref.ref[Tensor]] = {}

    def made(self) -> list[Tensor]:
        """The tensors that were made and are still held by somebody."""
        return [t for ref in self._made.values() if (t := ref()) is not None]

    def __enter__(self) -> Watch:
        _lock.acquire()
        mode.watched = True
        made, seen, modules, here = self._made, self.seen, self.modules, threading.get_ident()
        plain_call = Module.__call__

        def read(t: Tensor) -> Any:
            if id(t) not in made and id(t) not in seen and threading.get_ident() == here:
                seen[id(t)] = Saved(t)
            return look(t)

        def write(t: Tensor, array: Any) -> None:
            if id(t) not in seen and threading.get_ident() == here:
                ref = made.get(id(t))
                if ref is None or ref() is not t:  # (the id may be that of one that is gone)
                    try:
                        look(t)
                    except AttributeError:  # its first array: it is new
                        made[id(t)] = weakref.ref(t)
                    else:
                        seen[id(t)] = Saved(t)
            put(t, array)

        written: set[int] = set()
        asked = self.asked

        def read_grad(t: Tensor) -> Any:
            if id(t) not in written:
                asked.add(id(t))
            return _grad_slot.__get__(t)

        def write_grad(t: Tensor, grad: Any) -> None:
            written.add(id(t))
            _grad_slot.__set__(t, grad)

        def call(self: Module, *args: Any, **kwargs: Any) -> Any:
            modules[id(self)] = self
            return plain_call(self, *args, **kwargs)

        self._plain_call = plain_call
        Module.__call__ = call  # type: ignore[method-assign]
        Core._data = property(read, write)  # type: ignore[assignment]
        Core._grad = property(read_grad, write_grad)  # type: ignore[assignment]
        self._outer, _update.refreshed = _update.refreshed, self.optimizers
        return self

    def __exit__(self, *error: Any) -> None:
        Core._data, Core._grad = _slot, _grad_slot
        Module.__call__ = self._plain_call  # type: ignore[method-assign]
        _update.refreshed = self._outer
        mode.watched = False
        _lock.release()
