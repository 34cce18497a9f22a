"""A call of the user's function, run once on stand-ins and kept as a program that can be derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid._backward import run_backward
from lucid._grad_mode import mode
from lucid._tape import Leaf, Node, TensorCore, apply, array, as_tensor, wrap
from lucid._tensor import Tensor
from lucid.dtypes import INEXACT, OF_MX
from lucid.func._level import Level
from lucid.func._program import Program
from lucid.func._trees import flatten

# A body computes from the program as a function of its inputs, the inputs, and further arrays.
Body = Callable[[Callable[..., list[mx.array]], list[mx.array], list[mx.array]], list[mx.array]]


class Trace:
    """Runs a function inside a derivative transform.

    Args:
        name: of the transform.
        xs: the tensors to derive by.
        others: the other arguments, whose tensors the function may write.
        forward: whether tangents go forward: then the function may write what stands for `xs` too, as in PyTorch.
        randomness: "error" if the function may draw no random numbers.

    Attributes:
        stand_ins: what to call the function with in the place of `xs`.
    """

    def __init__(
        self, name: str, xs: Sequence[Any], others: Any, *, forward: bool = False, randomness: str | None = None
    ) -> None:
        self.name = name
        self._arguments = list(xs)
        self._before = [array(_derivable(name, x, forward)) for x in xs]
        # As they are now: what `vjp` returns may be called when they have changed.
        self._xs = [_views.pin(_tape.reopen(a, x._node), x.device) for x, a in zip(xs, self._before, strict=True)]
        self.stand_ins = [_stand_in(x, forward) for x in self._xs]
        self._nodes: list[Any] = [s._node for s in self.stand_ins]
        self._others = tensors_in(others)
        owners = {id(o): o for o in map(_owner, self._others)}.values()
        self._versions = [(o, o._writes) for o in owners]
        self.level = Level(name, [*self._others, *self.stand_ins], randomness)

    def run(self, fn: Callable[[], Any]) -> Any:
        """The result of `fn`, which calls the function."""
        with self.level:
            mode.grad, mode.inference = True, False
            return fn()

    def finish(self, outputs: Sequence[Any]) -> None:
        """Make the program that computes `outputs`."""
        self._outputs = list(outputs)
        written = [k for k, s in enumerate(self.stand_ins) if s._writes]
        others = [o for o, version in self._versions if o._writes != version and o._node is not None]
        more = [*[self.stand_ins[k] for k in written], *others]
        self._program = Program([*outputs, *more], self._nodes, self.level)
        self._held = self._program.held()
        if more:
            program, n, count = self._program, len(self._xs), len(self._outputs)
            found = apply(lambda *values: program(values[:n], values[n:])[count:], *self._xs, *self._held)
            self._write_back(found, [self._arguments[k] for k in written], others)

    def _write_back(self, found: Sequence[Any], arguments: Sequence[Any], others: Sequence[Any]) -> None:
        """What the function wrote into its arguments is theirs, as far as the tape outside knows of it."""
        for t, value in zip(arguments, found, strict=False):
            _views.assign(t, value)
        for t, value in zip(others, found[len(arguments) :], strict=True):
            t._data, t._node = value._data, value._node
            if t._node is not None:
                t._node.out = _tape._ref(t)
        for t in self._others:
            if t._extra is not None and t._extra.base is not None:
                t._extra.seen = -1

    @property
    def reached(self) -> list[frozenset[int]]:
        """For each output, the numbers of the arguments that it depends on."""
        return self._program.reached

    def call(self, body: Body, *more: Any) -> tuple[Any, ...]:
        """The tensors that `body` computes, with `more` for its further arrays: one node of the tape outside."""
        program, n, m = self._program, len(self._xs), len(self._xs) + len(self._held)
        count = len(self._outputs)

        def derived(*values: Any) -> list[mx.array]:
            held = values[n:m]
            return body(lambda *arrays: program(arrays, held)[:count], list(values[:n]), list(values[m:]))

        derived.__qualname__ = self.name
        result: tuple[Any, ...] = apply(derived, *self._xs, *self._held, *more)
        return result

    def is_recorded(self, *more: Any) -> bool:
        """Whether the tape outside records what is computed from the arguments, what was captured, and `more`."""
        inputs = (*self._xs, *self._held, *more)
        return mode.grad and any(isinstance(t, TensorCore) and t._node is not None for t in inputs)

    def values(self) -> list[Any]:
        """The outputs, as tensors of the tape outside."""
        if self.is_recorded():
            return list(self.call(lambda play, inputs, _: play(*inputs)))
        return [_views.pin(wrap(array(t)), t.device) for t in self._outputs]

    def pulled(self, roots: list[tuple[Node, mx.array]]) -> list[Any]:
        """The gradients of the arguments for cotangents of nodes inside, from the values that are there already."""
        found = run_backward(
            roots, self._nodes, retain_graph=True, create_graph=False, into_grad=False, strategy="per node"
        )
        gradients = [found.get(n, None) for n in self._nodes]
        return [
            _views.pin(as_tensor(mx.zeros_like(a) if g is None else g), x.device)
            for g, a, x in zip(gradients, self._before, self._xs, strict=True)
        ]


def tensors_in(*values: Any) -> list[Any]:
    """The tensors among the leaves of `values`."""
    return [leaf for leaf in flatten(values)[0] if isinstance(leaf, TensorCore)]


def _owner(t: Any) -> Any:
    """The tensor whose memory `t` is a view of, or `t`."""
    return t if t._extra is None or t._extra.base is None else t._extra.base


def _derivable(name: str, x: Any, forward: bool) -> Any:
    if not isinstance(x, TensorCore):
        raise ValueError(f"{name}: expected Tensors to derive by, got {type(x).__name__}")
    dtype = OF_MX[x._data.dtype]
    if dtype.mx in INEXACT:
        return x
    if forward:
        raise ValueError(f"{name}: expected primals of floating point or complex dtype, got {dtype!r}")
    raise RuntimeError(f"{name}: only Tensors of floating point dtype can require gradients, got {dtype!r}")


def _stand_in(x: Tensor, forward: bool) -> Tensor:
    t = _views.pin(wrap(x._data), x.device)
    if forward:
        t._node = Node(_itself, (), ())
        t._node.out = _tape._ref(t)
    else:
        t._node = Leaf(t)
    return t


def _itself(*arrays: mx.array) -> Any:
    raise AssertionError("a stand-in is never replayed")
