"""`mx.vmap` and `mx.jvp`, with what MLX 0.32.4 gets wrong put right.

While a function is traced here, some operations of MLX stand for others that mean the same, since MLX's own rules for
them are wrong or missing: results in the wrong place, of the wrong shape, or in memory that is not theirs. The tests of
this file name each, and fail when MLX has caught up.

- `!=`, and `&`, `|`, `^`, `<<`, `>>`, where one side only has a dimension of examples;
- the gradient of `take` and of indexing with arrays, where that dimension is not the first of the cotangent;
- `addmm`, where only what is added has it; `expand_dims` at several places;
- `tri_inv` of a matrix with something in its other triangle.

While tangents are pushed forward, `where` is one whose tangents are chosen, and not multiplied by the condition: there
infinity times 0 is NaN.

(Assigning to slices is another, see `lucid.ops.pieces.put_at`; convolutions in groups too, see
`lucid.nn.functional.conv`.)
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from lucid._grad_mode import mode
from lucid.dtypes import INEXACT
from lucid.ops._custom import no_jvp
from lucid.ops._select import where

Fn = Callable[..., Any]


class CannotMap(Exception):
    """MLX has no rule to map an operation of the function, which was traced to its end."""


def mapped(fn: Fn, arrays: Sequence[mx.array], axes: Sequence[int | None]) -> Any:
    """`mx.vmap(fn, axes)(*arrays)`. Raises CannotMap if MLX cannot, and what `fn` raises."""
    arrays = [a if not axis else mx.moveaxis(a, axis, 0) for a, axis in zip(arrays, axes, strict=True)]
    ended = False

    def traced(*given: mx.array) -> Any:
        nonlocal ended
        result = fn(*given)
        ended = True
        return result

    with corrected("mapping"):
        try:
            return mx.vmap(traced, in_axes=tuple([None if axis is None else 0 for axis in axes]))(*arrays)
        except (ValueError, RuntimeError) as error:
            if ended:
                raise CannotMap(str(error)) from error
            raise


def over(fn: Fn, arrays: Sequence[mx.array], axes: Sequence[int | None], size: int) -> list[mx.array]:
    """The results of `fn`, a list, for each index of the `axes` of `arrays`, stacked along the first dimension."""
    if all(axis is None for axis in axes):
        return [mx.broadcast_to(a, (size, *a.shape)) for a in fn(*arrays)]
    try:
        return list(mapped(fn, arrays, axes))
    except CannotMap:
        pass
    rows = [fn(*[a if d is None else mx.take(a, k, axis=d) for a, d in zip(arrays, axes)]) for k in range(size)]  # noqa: B905
    return [mx.stack(list(found)) for found in zip(*rows, strict=True)]


def custom_of_one(fn: Fn, vjp: Fn, jvp: Fn = no_jvp) -> Any:
    """As `lucid.ops._custom.custom`, for a function of one example that gives a list of arrays."""
    made: Any = mx.custom_function(fn)
    made.vjp(vjp)
    made.jvp(jvp)

    def rule(values: Any, axes: Any) -> Any:
        values, axes = several(values), several(axes)
        size, n = next(a.shape[k] for a, k in zip(values, axes, strict=True) if k is not None), len(values)

        def pulled(primals: Any, cotangents: Any, outputs: Any) -> Any:
            primals, cotangents, outputs = several(primals), several(cotangents), several(outputs)
            m = n + len(cotangents)

            def pull(*a: mx.array) -> list[mx.array]:
                return list(several(vjp(a[:n] if n > 1 else a[0], a[n:m], a[m:])))

            found = over(pull, (*primals, *cotangents, *outputs), [*axes, *[0] * (m - n + len(outputs))], size)
            gradients = [g.sum(0) if k is None else mx.moveaxis(g, 0, k) for g, k in zip(found, axes, strict=True)]
            return tuple(gradients) if n > 1 else gradients[0]

        found = custom_of_one(lambda *a: over(lambda *b: list(fn(*b)), a, axes, size), pulled)(*values)
        return list(found), [0] * len(found)

    made.vmap(rule)
    return made


def several(value: Any) -> Any:
    """What MLX gives to the rules of custom functions, always as a tuple: of one argument it is that itself."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


# ---- what stands for MLX's operations --------------------------------------------------------------------------------


def _first(values: Any, axes: Any) -> Any:
    return mx.moveaxis(values, axes, 0), 0


_examples_first: Any = mx.custom_function(lambda a: a)
"""The identity, behind which the dimension of examples is the first; before it, that of the cotangent."""
_examples_first.vmap(_first)
_examples_first.vjp(lambda _, cotangent, __: _examples_first(cotangent))
_examples_first.jvp(lambda _, tangent: _examples_first(tangent))


def _not_equal(a: Any, b: Any, **options: Any) -> mx.array:
    return mx.logical_not(mx.equal(a, b, **options), **options)


def _bits(plain: Fn, truth: Fn) -> Fn:
    """An operation on bits: `truth` for bools, and `plain` for what has examples on both sides or on none."""

    def operation(a: Any, b: Any, **options: Any) -> Any:
        x = a if isinstance(a, mx.array) else mx.array(a, b.dtype)
        y = b if isinstance(b, mx.array) else mx.array(b, a.dtype)
        if x.dtype == y.dtype == mx.bool_:
            return truth(x, y)
        dtype = (mx.zeros((), x.dtype) + mx.zeros((), y.dtype)).dtype
        x, y = mx.broadcast_arrays(x.astype(dtype), y.astype(dtype))
        return plain(x + (y - y), y + (x - x), **options)

    return operation


def _take(plain: Fn, a: mx.array, indices: Any, axis: int | None = None, **options: Any) -> mx.array:
    found: mx.array = _examples_first(plain(a, indices, axis, **options))
    return found


def _getitem(plain: Fn, a: mx.array, key: Any) -> mx.array:
    items = key if isinstance(key, tuple) else (key,)
    if any(isinstance(item, (mx.array, list)) for item in items):
        found: mx.array = _examples_first(plain(a, key))
        return found
    if sum(item is None for item in items) < 2:
        return plain(a, key)  # type: ignore[no-any-return]
    given = [item for item in items if item is not None and item is not ...]
    kept = len(given)
    where: list[int] = []
    at = 0
    for item in items:
        if item is None:
            where.append(at)
        if item is ...:
            at += a.ndim - kept
        at += item is None or isinstance(item, slice)
    rest = plain(a, tuple([item for item in items if item is not None]))
    return _expand_dims(mx.expand_dims, rest, where)


def _expand_dims(plain: Fn, a: mx.array, axis: Any, **options: Any) -> mx.array:
    if isinstance(axis, int):
        return plain(a, axis, **options)  # type: ignore[no-any-return]
    ndim = a.ndim + len(axis)
    for k in sorted([k % ndim for k in axis]):
        a = plain(a, k, **options)
    return a


def _addmm(c: mx.array, a: mx.array, b: mx.array, alpha: float = 1.0, beta: float = 1.0, **options: Any) -> mx.array:
    product = mx.matmul(a, b, **options)
    product = product if alpha == 1 else mx.array(alpha, product.dtype) * product
    return product + (c if beta == 1 else mx.array(beta, c.dtype) * c)


def _where(condition: Any, x: Any, y: Any, **options: Any) -> mx.array:
    found = _plain_where(condition, x, y, **options)
    x, y = (v if isinstance(v, mx.array) else mx.array(v, found.dtype) for v in (x, y))
    if not isinstance(condition, mx.array) or found.dtype not in INEXACT:
        return found
    return where(
        condition if condition.dtype == mx.bool_ else condition != 0, x.astype(found.dtype), y.astype(found.dtype)
    )


_plain_where = mx.where


def _tri_inv(plain: Fn, a: mx.array, upper: bool = False, **options: Any) -> mx.array:
    # The rule forgets that it is one triangle only that counts.
    return plain(mx.triu(a) if upper else mx.tril(a), upper, **options)  # type: ignore[no-any-return]


def _replacements() -> Iterator[tuple[Any, str, Fn]]:
    yield mx, "not_equal", _not_equal
    yield mx.array, "__ne__", _not_equal
    bits = {
        "bitwise_and": (mx.bitwise_and, mx.logical_and, ("__and__", "__rand__")),
        "bitwise_or": (mx.bitwise_or, mx.logical_or, ("__or__", "__ror__")),
        "bitwise_xor": (mx.bitwise_xor, _not_equal, ("__xor__", "__rxor__")),
        "left_shift": (mx.left_shift, mx.left_shift, ("__lshift__",)),
        "right_shift": (mx.right_shift, mx.right_shift, ("__rshift__",)),
    }
    for name, (plain, truth, methods) in bits.items():
        fn = _bits(plain, truth)
        yield mx, name, fn
        for method in methods:
            if hasattr(mx.array, method):
                yield mx.array, method, fn
    yield mx, "take", functools.partial(_take, mx.take)
    yield mx.array, "__getitem__", functools.partial(_getitem, mx.array.__getitem__)
    yield mx, "expand_dims", functools.partial(_expand_dims, mx.expand_dims)
    yield mx, "addmm", _addmm
    yield mx.linalg, "tri_inv", functools.partial(_tri_inv, mx.linalg.tri_inv)


def _guarded(plain: Fn, other: Fn, name: str, flag: str) -> Fn:
    """`other` in threads that map, or push tangents; `plain` in all others."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return other(*args, **kwargs) if getattr(mode, flag) else plain(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


_ALL = [(owner, name, getattr(owner, name), fn, "mapping") for owner, name, fn in _replacements()]
_ALL.append((mx, "where", mx.where, _where, "pushing"))
_GUARDED = [(owner, name, _guarded(plain, fn, name, flag)) for owner, name, plain, fn, flag in _ALL]
_lock = threading.Lock()
_running = 0


@contextmanager
def corrected(flag: str) -> Iterator[None]:
    """In the `with` block, what MLX gets wrong is replaced in this thread, for "mapping" or "pushing"."""
    global _running
    before = getattr(mode, flag)
    with _lock:
        _running += 1
        if _running == 1:
            for owner, name, fn in _GUARDED:
                setattr(owner, name, fn)
    setattr(mode, flag, True)
    try:
        yield
    finally:
        setattr(mode, flag, before)
        with _lock:
            _running -= 1
            if not _running:
                for owner, name, plain, *_ in _ALL:
                    setattr(owner, name, plain)
