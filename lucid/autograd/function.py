"""`autograd.Function`: an operation whose gradient the user writes."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._grad_mode import enable_grad, mode, no_grad
from lucid._tape import Leaf, Node, Pick, TensorCore, array, wrap
from lucid._tensor import Tensor
from lucid.autograd._dual import OfFunction
from lucid.autograd._transformed import transformed
from lucid.dtypes import INEXACT

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What `forward` hands to `backward`: saved tensors, and any attribute that is set on it."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._saved: list[tuple[Tensor | None, int]] | None = []
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True
        self._outputs: list[tuple[mx.array, Node] | None] = []  # of the saved tensors that are outputs

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep `tensors` for `jvp`, which reads them as `ctx.saved_tensors`, unless `save_for_backward` does."""
        if not self._saved:
            self.save_for_backward(*tensors)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep `tensors` (inputs, outputs, None) for `backward`, which reads them as `ctx.saved_tensors`."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._saved = [(t, 0 if t is None else t._version) for t in tensors]

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to `save_for_backward`.

        Raises RuntimeError if one was changed in place since, or if the graph was released.
        """
        if self._saved is None:
            raise RuntimeError(_tape.RELEASED)
        found: list[Tensor | None] = []
        for k, (t, version) in enumerate(self._saved):
            output = self._outputs[k] if self._outputs else None
            if output is not None:
                found.append(_tape.reopen(*output))
                continue
            if t is not None and t._version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: a "
                    f"tensor of shape {t.shape} is at version {t._version}; expected version {version} instead."
                )
            found.append(t)
        return tuple(found)

    saved_variables = saved_tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that `forward` changed these inputs in place and returns them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """With False, `backward` receives None instead of zeros for an output that was not used."""
        self._materialize = value


class _FunctionNode(Node):
    """A call of a user's Function."""

    __slots__ = ("ctx", "function", "results", "shapes")

    def __init__(self, function: type[Function], ctx: FunctionCtx, inputs: tuple[Any, ...]) -> None:
        nodes = [t._node if isinstance(t, TensorCore) else None for t in inputs]
        super().__init__(function.backward, nodes, [None] * len(nodes))
        self.function, self.ctx = function, ctx
        self.shapes = [tuple(t._data.shape) if isinstance(t, TensorCore) else None for t in inputs]
        self.results: list[tuple[tuple[int, ...], mx.Dtype]] = []
        self.escape()  # a user's backward needs its own cotangent

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `forward` saved."""
        return self.ctx.saved_tensors

    def pull(self, want: list[int], cotangents: dict[int, Any], create_graph: bool) -> Sequence[Any]:
        given = []
        for k, (shape, dtype) in enumerate(self.results):
            value = cotangents.get(k)
            if value is None and self.ctx._materialize:
                value = mx.zeros(shape, dtype)
            given.append(_tape.as_tensor(value))
        if self.tangents is not None and self.tangents[0] is mode.dual:
            raise NotImplementedError(
                f"{self.name()}: the gradient of a Function of your own with tangents has no tangents; use "
                "lucid.func.jvp of lucid.func.grad"
            )
        with enable_grad() if create_graph and mode.grad else no_grad():
            out = self.function.backward(self.ctx, *given)
        out = out if isinstance(out, tuple) else (out,)
        expected = len(self.inputs)
        if len(out) < expected or any(g is not None for g in out[expected:]):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got "
                f"{len(out)})"
            )
        return [self._checked(k, out[k], create_graph) for k in want]

    def _checked(self, k: int, value: Any, create_graph: bool) -> Any:
        if value is None:
            return None
        if not isinstance(value, Tensor):
            raise TypeError(
                f"function {self.name()}: expected a Tensor or None as gradient {k}, got {type(value).__name__}"
            )
        given = list(value.shape)
        if tuple(given) != self.shapes[k]:
            value = _fit(value, self.shapes[k] or ())
            if value is None:
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {k} - got {given} but expected "
                    f"shape compatible with {list(self.shapes[k] or ())}"
                )
        return value if create_graph else array(value)

    def release(self) -> None:
        self.fn, self.inputs, self.primals = None, (), ()
        self.ctx._saved = None


def _fit(value: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """A gradient of broadcast shape, summed or spread to `shape`; None if it does not fit."""
    extra = value.ndim - len(shape)
    if value.numel() == 1:
        return value.reshape(()).expand(shape)
    if extra < 0 or any(s != 1 and s != v for s, v in zip(shape, value.shape[extra:], strict=True)):
        return None
    spread = tuple(k + extra for k, s in enumerate(shape) if s == 1 and value.shape[k + extra] != 1)
    return value.sum((*range(extra), *spread), keepdim=True).reshape(shape)


class Function:
    """An operation with a gradient of your own: subclass it, write `forward` and `backward`, call `apply`.

    `forward(ctx, *args)` computes; or `forward(*args)` together with `setup_context(ctx, inputs, output)`.
    `backward(ctx, *grad_outputs)` returns a gradient, or None, for each argument of `forward`.

    >>> import lucid
    >>> class Double(lucid.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = lucid.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self) -> None:
        raise RuntimeError(
            f"{type(self).__name__}: a Function is not instantiated; write its forward and backward as static methods "
            f"and call {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result. Override it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what `backward` needs, where `forward` takes no `ctx`. Override it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients of the inputs. Override it."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it."
        )

    generate_vmap_rule = False  # True: `forward` and `backward` may be mapped by lucid.vmap as they are

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangents of the outputs for those of the inputs. Override it, or the gradient's gradient is taken.

        `lucid.func.jvp` and its kin call it.
        """
        raise NotImplementedError("jvp: a Function that does not override it has none")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Return the outputs for many examples, and where these are in them: see `lucid.vmap`.

        Override it, or set `generate_vmap_rule`. The `info.batch_size` examples are at dimension `in_dims[k]` of
        argument k.
        """
        raise NotImplementedError("vmap: a Function that does not override it has no rule for that")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the operation on `args`, recording it where a gradient may be asked for."""
        if mode.level is not None:
            if kwargs:
                raise RuntimeError(f"{cls.__name__}: inside {mode.level.name} a Function takes no keyword arguments")
            return transformed(cls, FunctionCtx, Function, args)
        moving = None if mode.dual is None else OfFunction(cls, args)
        if moving is not None:
            args = moving.plain
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        recorded = mode.grad and any(ctx.needs_input_grad)
        node = _FunctionNode(cls, ctx, args) if recorded else None
        with no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args, **kwargs)
            else:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
        outputs = output if isinstance(output, tuple) else (output,)
        results = tuple(_finish(ctx, node, k, t, args) for k, t in enumerate(outputs))
        if node is not None:
            _bind_saved(ctx, outputs, results)
        if moving is not None:
            moving.move(ctx, results, node)
        return results if isinstance(output, tuple) else results[0]


def _finish(ctx: FunctionCtx, node: _FunctionNode | None, k: int, t: Any, inputs: tuple[Any, ...]) -> Any:
    """Output `k` with its place on the tape."""
    if node is not None:
        node.outputs = k + 1
        node.results.append((tuple(t._data.shape), t._data.dtype) if isinstance(t, Tensor) else ((), mx.float32))
    if not isinstance(t, Tensor):
        return t
    dirty = any(t is d for d in ctx._dirty)
    if any(t is i for i in inputs) and not dirty:
        t = wrap(array(t))
    if node is None:
        return t
    if any(t is c for c in ctx._constant) or t._data.dtype not in INEXACT:
        return t
    if dirty and isinstance(t._node, Leaf):
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if t._extra is not None and t._extra.base is not None and not dirty:
        t = wrap(array(t))
    t._node = Pick(node, k)
    t._node.out = weakref.ref(t)
    return t


def _bind_saved(ctx: FunctionCtx, outputs: tuple[Any, ...], results: tuple[Any, ...]) -> None:
    # A saved output would hold its own node: it is kept as its array and node instead, which frees without the garbage
    # collector.
    for k, (t, _) in enumerate(ctx._saved or ()):
        position = next((j for j, o in enumerate(outputs) if o is t and isinstance(o, Tensor)), None)
        ctx._outputs.append(None)
        if (
            position is not None
            and results[position]._node is not None
            and not isinstance(results[position]._node, Leaf)
        ):
            result = results[position]
            ctx._outputs[k] = (result._data, result._node)
            assert ctx._saved is not None
            ctx._saved[k] = (None, 0)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that cannot be derived again: doing so raises RuntimeError."""

    @functools.wraps(function)
    def call(ctx: Any, *args: Any) -> Any:
        with no_grad():
            out = function(ctx, *args)
        if not mode.grad or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return out
        return _Refuse.apply(*out) if isinstance(out, tuple) else _Refuse.apply(out)

    return call


class _Refuse(Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        return args

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
