"""Tensors that carry a tangent: how operations on them are called while a level of `forward_ad` is there.

A tangent is kept in the `_extra` of its tensor, so that others pay nothing for it. `apply` asks there how a function is
to be called, and `pushed` is the answer: as always, and once more for the tangents, by `mx.jvp`. Both are operations on
tensors, recorded where a gradient may be asked for, so that tangents can be derived in turn.
"""

from __future__ import annotations

import weakref
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid._grad_mode import mode
from lucid._op_names import op_name
from lucid._tape import Pick, TensorCore, apply, wrap
from lucid._views import Extra
from lucid.dtypes import INEXACT
from lucid.func._directions import push

_KEPT = ("args", "base", "device", "layout", "move", "parent", "seen", "tracked")


class Dual(Extra):
    """The extra of a tensor that has a tangent, as long as `level` is there."""

    __slots__ = ("__weakref__", "level", "tangent")

    level: Any
    tangent: Any  # None after the end of the level

    def refresh(self, t: Any, way: Any = None) -> Any:
        """As in every extra; functions of `t` are called by `pushed`, but in `inference_mode`."""
        way = super().refresh(t, way)
        return pushed if self.level is mode.dual and t._extra is self and not mode.inference else way


class DualLevel:
    """One level, from its beginning to its end."""

    def __init__(self) -> None:
        self.made: weakref.WeakSet[Dual] = weakref.WeakSet()

    def end(self) -> None:
        """Let go of all tangents."""
        for dual in list(self.made):
            dual.tangent = None

    def carry(self, t: Any, extra: Any) -> None:
        """`t` just took the values of a tensor with this `extra`: it takes the tangent too."""
        if _is_live(extra):
            give(t, extra.tangent)
        elif _is_live(t._extra):  # written over by what has none
            give(t, wrap(mx.zeros_like(t._data)))

    def give(self, t: Any, tangent: Any) -> None:
        """`t` has `tangent` from now on."""
        give(t, tangent)

    def of(self, t: Any) -> Any:
        """The tangent of `t`, or None."""
        return tangent_of(t)


def _is_live(extra: Any) -> bool:
    return extra.__class__ is Dual and extra.level is mode.dual


def tangent_of(t: Any) -> Any:
    """The tangent of `t` in the present level, or None."""
    if t._extra is not None:
        t._extra.refresh(t)
    return t._extra.tangent if _is_live(t._extra) else None


def give(t: Any, tangent: Any) -> Any:
    """`t` itself, which has `tangent` from now on."""
    dual, extra = object.__new__(Dual), t._extra
    if extra is None:
        extra = _views.elsewhere_than_default(None)
    for name in _KEPT:
        setattr(dual, name, getattr(extra, name))
    dual.level, dual.tangent = mode.dual, tangent
    mode.dual.made.add(dual)
    t._extra = dual
    return t


def without(t: Any) -> Any:
    """A tensor like `t`, on the tape where it is, that has no tangent."""
    return _views.pin(_tape.reopen(t._data, t._node), t.device)


def pushed(fn: Any, inputs: tuple[Any, ...], primals: list[Any], recorded: bool) -> Any:
    """How `apply` calls `fn` where an input has a tangent: so that the floating results have one too."""
    known = {k: tangent_of(t) for k, t in enumerate(inputs) if isinstance(t, TensorCore)}
    at = [k for k, tangent in known.items() if tangent is not None]
    plain = [without(t) if k in at else t for k, t in enumerate(inputs)]
    result = apply(fn, *plain)
    outs = (result,) if isinstance(result, TensorCore) else result
    moving = [j for j, o in enumerate(outs) if o._data.dtype in INEXACT]
    if not moving:
        return result
    count = len(plain)

    def along(*arrays: Any) -> list[mx.array]:
        given = list(arrays[:count])

        def part(*moved: mx.array) -> list[mx.array]:
            for k, value in zip(at, moved, strict=True):
                given[k] = value
            found = fn(*given)
            found = [found] if isinstance(found, mx.array) else found
            return [found[j] for j in moving]

        return push(part, [arrays[k] for k in at], arrays[count:])[1]

    along.__qualname__ = op_name(fn)
    tangents = apply(along, *plain, *[known[k] for k in at])
    for j, tangent in zip(moving, tangents, strict=True):
        give(outs[j], tangent)
    node: Any = outs[moving[0]]._node
    if node is not None:
        node = node.inputs[0] if isinstance(node, Pick) else node
        node.tangents = mode.dual, {k: inputs[k]._extra for k in at}
    return result


class OfFunction:
    """The tangents of the arguments of `Function.apply`, whose own rule moves them on."""

    def __init__(self, function: Any, args: tuple[Any, ...]) -> None:
        self._function = function
        self._tangents = [tangent_of(a) if isinstance(a, TensorCore) else None for a in args]
        self.any = any(t is not None for t in self._tangents)
        self.plain = tuple([a if t is None else without(a) for a, t in zip(args, self._tangents, strict=True)])

    def move(self, ctx: Any, results: tuple[Any, ...], node: Any) -> None:
        """Give `results` their tangents. Raises NotImplementedError if the function has no `jvp`."""
        if not self.any:
            return
        moving = [
            wrap(mx.zeros_like(_tape.array(a))) if m is None and isinstance(a, TensorCore) and ctx._materialize else m
            for a, m in zip(self.plain, self._tangents, strict=True)
        ]
        found = self._function.jvp(ctx, *moving)
        for t, tangent in zip(results, found if isinstance(found, tuple) else (found,), strict=True):
            if tangent is not None:
                give(t, tangent)
        if node is not None:
            node.tangents = mode.dual, {}
