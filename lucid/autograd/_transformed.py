"""`Function.apply` inside the transforms of `lucid.func`: an operation that MLX derives by the user's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import mlx.core as mx

from lucid._grad_mode import mode, no_grad
from lucid._tape import TensorCore, apply, array, wrap
from lucid.dtypes import INEXACT
from lucid.func._level import Replay
from lucid.func._mapping import custom_of_one, several
from lucid.ops._custom import no_jvp

if TYPE_CHECKING:
    from lucid.autograd.function import Function

_LEVEL = Replay()


class VmapInfo(NamedTuple):
    """What a `vmap` method of a Function is told."""

    batch_size: int
    randomness: str


def transformed(function: type[Function], ctx_class: Any, base: type[Function], args: tuple[Any, ...]) -> Any:
    """`function.apply(*args)`, to be derived and mapped by MLX.

    Raises RuntimeError if `function` has no `setup_context`, or, inside vmap, no rule for that.
    """
    level = mode.level
    name = function.__name__
    if function.setup_context is base.setup_context:
        raise RuntimeError(
            f"{name}: inside {level.name} a Function needs forward(*args) and setup_context(ctx, inputs, output) as "
            "static methods, instead of forward(ctx, *args)"
        )
    own = function.vmap is not base.vmap
    vmap = _vmap_around(level)
    if vmap is not None and own is function.generate_vmap_rule:
        raise RuntimeError(
            f"{name}: inside vmap a Function needs either the static method vmap(info, in_dims, *args) or "
            "generate_vmap_rule = True, and not both"
        )
    randomness = "error" if vmap is None else vmap.randomness
    return _Call(function, ctx_class, args, own, function.jvp is not base.jvp, randomness).apply()


def _vmap_around(level: Any) -> Any:
    while level is not None and level.name != "vmap":
        level = level.outer
    return level


class _Call:
    """One call. `at` says which of its arguments are tensors."""

    def __init__(
        self, function: Any, ctx_class: Any, args: tuple[Any, ...], own_vmap: bool, own_jvp: bool, randomness: str
    ) -> None:
        self._function, self._ctx_class, self._args = function, ctx_class, args
        self._at = [k for k, a in enumerate(args) if isinstance(a, TensorCore)]
        self._needs = tuple([isinstance(a, TensorCore) and a._node is not None for a in args])
        self._randomness = randomness
        self._made = custom_of_one(self._forward, self._vjp, self._jvp if own_jvp else no_jvp)
        if own_vmap:
            self._made.vmap(self._vmap)

    def apply(self) -> Any:
        def run(*arrays: mx.array) -> list[mx.array]:
            found = self._made(*arrays)
            return [mx.stop_gradient(a) if fixed else a for a, fixed in zip(found, self._fixed, strict=True)]

        run.__qualname__ = self._function.__name__
        made = apply(run, *[self._args[k] for k in self._at])
        for t, fixed in zip(made, self._fixed, strict=True):
            if fixed:
                t._node = None
        tensors = iter(made)
        results = [next(tensors) if isinstance(t, TensorCore) else t for t in self._outputs]
        return tuple(results) if self._several else results[0]

    def _with(self, arrays: Any) -> tuple[Any, ...]:
        args = list(self._args)
        for k, a in zip(self._at, arrays, strict=True):
            args[k] = wrap(a)
        return tuple(args)

    def _context(self, inputs: tuple[Any, ...], output: Any) -> Any:
        ctx = self._ctx_class()
        ctx.needs_input_grad = self._needs
        self._function.setup_context(ctx, inputs, output)
        if ctx._dirty:
            raise RuntimeError(f"{self._function.__name__}: mark_dirty is not supported inside transforms")
        return ctx

    def _packed(self, arrays: Any) -> Any:
        """What `forward` returned, with other arrays in its tensors."""
        tensors = iter(arrays)
        found = [wrap(next(tensors)) if isinstance(t, TensorCore) else t for t in self._outputs]
        return tuple(found) if self._several else found[0]

    def _forward(self, *arrays: mx.array) -> list[mx.array]:
        inputs = self._with(arrays)
        with no_grad():
            output = self._function.forward(*inputs)
            ctx = self._context(inputs, output)
        self._several = isinstance(output, tuple)
        self._outputs = output if isinstance(output, tuple) else (output,)
        tensors = [t for t in self._outputs if isinstance(t, TensorCore)]
        found = [array(t) for t in tensors]
        constant = set(map(id, ctx._constant))
        self._fixed = [id(t) in constant or a.dtype not in INEXACT for t, a in zip(tensors, found, strict=True)]
        return found

    def _vjp(self, primals: Any, cotangents: Any, outputs: Any) -> Any:
        inputs = self._with(several(primals))
        given = iter(several(cotangents))
        with no_grad():
            ctx = self._context(inputs, self._packed(several(outputs)))
            found = self._function.backward(
                ctx, *[wrap(next(given)) if isinstance(t, TensorCore) else None for t in self._outputs]
            )
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(self._args):
            raise RuntimeError(
                f"function {self._function.__name__}Backward returned an incorrect number of gradients (expected "
                f"{len(self._args)}, got {len(found)})"
            )
        gradients = [self._gradient(found[k], inputs[k], k) for k in self._at]
        return tuple(gradients) if len(gradients) > 1 else gradients[0]

    def _gradient(self, value: Any, t: Any, k: int) -> mx.array:
        like = array(t)
        if value is None:
            return mx.zeros_like(like)
        if not isinstance(value, TensorCore):
            raise TypeError(
                f"function {self._function.__name__}Backward: expected a Tensor or None as gradient {k}, got "
                f"{type(value).__name__}"
            )
        found = array(value)
        if found.shape != like.shape:
            raise RuntimeError(
                f"Function {self._function.__name__}Backward returned an invalid gradient at index {k} - got "
                f"{list(found.shape)} but expected shape compatible with {list(like.shape)}"
            )
        return found.astype(like.dtype)

    def _jvp(self, primals: Any, tangents: Any) -> Any:
        inputs, moves = self._with(several(primals)), iter(several(tangents))
        with no_grad():
            output = self._function.forward(*inputs)
            ctx = self._context(inputs, output)
            given = [next(moves) if isinstance(a, TensorCore) else None for a in self._args]
            found = self._function.jvp(ctx, *[None if t is None else wrap(t) for t in given])
        found = found if isinstance(found, tuple) else (found,)
        outputs = output if isinstance(output, tuple) else (output,)
        return [
            mx.zeros_like(array(o)) if t is None else array(t)
            for t, o in zip(found, outputs, strict=True)
            if isinstance(o, TensorCore)
        ]

    def _vmap(self, values: Any, axes: Any) -> Any:
        values, axes = several(values), several(axes)
        size = next(a.shape[k] for a, k in zip(values, axes, strict=True) if k is not None)
        dims: list[int | None] = [None] * len(self._args)
        for k, axis in zip(self._at, axes, strict=True):
            dims[k] = axis
        before = mode.level
        mode.level = before or _LEVEL
        try:
            output, out_dims = self._function.vmap(VmapInfo(size, self._randomness), tuple(dims), *self._with(values))
        finally:
            mode.level = before
        outputs = output if isinstance(output, tuple) else (output,)
        places = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(outputs)
        arrays = [(array(t), d) for t, d in zip(outputs, places, strict=True) if isinstance(t, TensorCore)]
        found = [mx.broadcast_to(a, (size, *a.shape)) if d is None else mx.moveaxis(a, d, 0) for a, d in arrays]
        return found, [0] * len(found)
