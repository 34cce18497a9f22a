"""The tape: how every gradient in lucid comes about.

An op is one pure function of `mx.array`s, called through `apply`. If an input requires a gradient, `apply` leaves a
`Node` behind: the function, the nodes that made its inputs, and the arrays it was called with. No derivative is written
here: `mx.vjp(function, arrays, cotangents)` is the only one. (A few functions bring theirs along for MLX to take, where
its own is missing, less exact or slower: `lucid.ops._custom`.) `lucid._backward` walks the nodes in one of two ways
that mean the same:

*replay* (`lucid._replay`), while nothing recorded was evaluated: one `mx.vjp` over a function that plays all nodes
again, in order, from the leaves. MLX then builds the graph it would have built for a plain function: forward and
backward share their values.

*per node*, otherwise, or when somebody wants a cotangent for itself (hooks, `retain_grad`, `create_graph`), or a leaf
was written between two uses: one `mx.vjp` a node, newest node first, so that what was computed already is not computed
again.

Nodes are numbered as they are made and every node is younger than its inputs: sorting by number is a topological sort.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._grad_mode import mode
from lucid._handles import Hooks, RemovableHandle
from lucid._op_names import NATIVE, SAVES_NOTHING, native_name, op_name, pascal
from lucid.dtypes import INEXACT

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Fn = Callable[..., Any]

_number = itertools.count(1).__next__
evaluated = 0  # nodes with a smaller number may have a forward that is computed already
_touched: dict[int, weakref.ref[Tensor]] = {}  # what the next step() must evaluate too, by id
_new, _ref, _array = object.__new__, weakref.ref, mx.array  # looked up on every call
_Tensor: type[Tensor] = None  # type: ignore[assignment] # set once, by lucid._tensor


class Core:
    """What the tape knows of a tensor: its array, the node that made it, and what is unusual about it."""

    __slots__ = ("__dict__", "__weakref__", "_data", "_extra", "_grad", "_node", "_writes")

    _data: mx.array
    _node: Node | None  # None: needs no gradient; a Leaf: wants one; any other: was computed from such
    _extra: Any  # None, or the lucid._views.Extra of a view or of a tensor on another device than the default
    _grad: Tensor | None
    _writes: int  # how often it was written in place


TensorCore: type[Tensor] = Core  # type: ignore[assignment] # there is one class of tensors: what is a Core is a Tensor


# ---- recording -------------------------------------------------------------------------------------------------------


def wrap(data: mx.array) -> Tensor:
    """A new tensor over `data` that needs no gradient."""
    t = _new(_Tensor)
    t._data = data
    t._node = t._extra = t._grad = None
    t._writes = 0
    return t


def array(t: Tensor) -> mx.array:
    """The current array of `t`: a view follows what was written into its base."""
    if t._extra is not None:
        t._extra.refresh(t)
    return t._data


def apply(fn: Fn, *inputs: Any) -> Any:
    """Call `fn`, a pure function of arrays, on `inputs` and record it where a gradient may be asked for.

    Tensors among `inputs` are passed as their arrays; anything else is passed as it is and is a constant. Returns a
    Tensor, or a tuple of Tensors if `fn` returns a tuple or list. Outputs of integer or bool dtype never require a
    gradient.
    """
    primals = []
    recorded = False
    way = None
    for t in inputs:
        if isinstance(t, TensorCore):
            if t._extra is not None:
                way = t._extra.refresh(t, way)
            if t._node is not None:
                recorded = True
            primals.append(t._data)
        else:
            primals.append(t)
    if way is not None:
        return way(fn, inputs, primals, recorded)
    try:
        out = fn(*primals)
    except ValueError as error:
        raise explained(error, fn, primals) from None
    if recorded:
        return record(fn, inputs, primals, out)
    if out.__class__ is _array:
        result = _new(_Tensor)  # `wrap`, without the call
        result._data = out
        result._node = result._extra = result._grad = None
        result._writes = 0
        return result
    return tuple([wrap(o) for o in out])


def finish(fn: Fn, inputs: tuple[Any, ...], primals: list[Any], recorded: bool, out: Any) -> Any:
    """The second half of `apply`, for ways of calling `fn` that are not the usual one: `out` is what it gave."""
    if recorded:
        return record(fn, inputs, primals, out)
    return wrap(out) if isinstance(out, mx.array) else tuple([wrap(o) for o in out])


def explained(error: ValueError, fn: Fn, primals: list[Any]) -> Exception:
    """What PyTorch would say where MLX refuses shapes or dtypes: a RuntimeError that names the operation."""
    message = str(error)
    if message.startswith(("Cannot perform", "Invalid type")):  # an argument that is no number
        return TypeError(f"{op_name(fn)}(): {message}")
    if not message.startswith("[") or message.startswith("[eval]"):
        return error
    shapes = [p.shape for p in primals if isinstance(p, mx.array)]
    if "broadcast" in message and len(shapes) > 1:
        a, b = shapes[0], shapes[1]
        for k in range(-1, -1 - min(len(a), len(b)), -1):
            if a[k] != b[k] and 1 not in (a[k], b[k]):
                return RuntimeError(
                    f"{op_name(fn)}: The size of tensor a ({a[k]}) must match the size of tensor b ({b[k]}) at "
                    f"non-singleton dimension {max(len(a), len(b)) + k}"
                )
    return RuntimeError(
        f"{op_name(fn)}: {message.partition('] ')[2]} Got tensors of shapes {', '.join(map(str, shapes))}."
    )


def record(fn: Fn, inputs: tuple[Any, ...], primals: list[Any], out: Any) -> Any:
    single = out.__class__ is _array
    if not mode.grad or not (out.dtype in INEXACT if single else any(o.dtype in INEXACT for o in out)):
        escape(*inputs)
        return wrap(out) if single else tuple([wrap(o) for o in out])
    edges: list[Node | None] = []
    for t in inputs:
        edges.append(t._node if isinstance(t, TensorCore) else None)
    if single:
        node = _new(Node)  # `Node(...)` and `wrap`, without the calls
        node.fn = fn
        node.inputs = edges
        node.primals = primals
        node.number = _number()
        node.marked = 0
        if not out.size:  # see `pull`: no replay
            node.escape()
        result = _new(_Tensor)
        result._data = out
        result._node = node
        result._extra = result._grad = None
        result._writes = 0
        node.out = _ref(result)
        return result
    node = Node(fn, edges, primals)
    node.outputs = len(out)
    results = tuple([wrap(o) for o in out])
    for k, result in enumerate(results):
        if result._data.dtype in INEXACT:
            result._node = Pick(node, k)
            result._node.out = _ref(result)
    return results


def escape(*inputs: Any) -> None:
    """Rule out a replay: the values of `inputs` left the tape with their lazy graph, or differ from what it says."""
    for t in inputs:
        if isinstance(t, TensorCore) and t._node is not None:
            t._node.escape()


def identity(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The same values behind one node that all of them share, for hooks around a module."""
    result: tuple[Tensor, ...] = apply(lambda *arrays: arrays, *tensors)
    return result


def vjp_of(fn: Fn, primals: list[mx.array], cotangents: list[mx.array]) -> tuple[list[mx.array], list[mx.array]]:
    """`mx.vjp`, which functions can tell by `mode.pulling`."""
    before, mode.pulling = mode.pulling, True
    try:
        return mx.vjp(fn, primals, cotangents)
    finally:
        mode.pulling = before


ESCAPED, HOLLOW = 2, 3
_GONE = object()  # in front of the shape and dtype of an array that was among the primals


class Node:
    """One recorded call. `Tensor.grad_fn` shows it."""

    __slots__ = ("__dict__", "__weakref__", "fn", "inputs", "label", "marked", "number", "out", "primals")

    fn: Fn | None  # None once the node was released
    inputs: Sequence[Node | None]  # the nodes that made the inputs, as they were at the call
    primals: Sequence[Any]  # the arrays, and constants, that `fn` was called with: as many as `inputs`
    out: Any  # a weak reference to the tensor it made
    marked: int  # 0, or 1: `watched` has to be looked at, or ESCAPED: no replay, or HOLLOW: no replay, and no arrays
    label: str  # the name of the operation, once the node was released

    # What few nodes have of their own:
    outputs = 1
    follow: Callable[[Any], None] | None = None  # of several outputs: is told the new ones that a replay makes of them
    hooks: Hooks | None = None  # on the cotangent of the tensor it made: hook(grad) -> grad | None
    tangents: tuple[Any, dict[int, Any]] | None = None  # a level of forward_ad, and the `_extra` of inputs in it
    watchers: tuple[Hooks, Hooks] | None = None  # on the call itself: before and after its gradients are taken
    retains = False  # the tensor keeps its gradient

    def __init__(self, fn: Fn | None, inputs: Sequence[Node | None], primals: Sequence[Any]) -> None:
        self.fn = fn
        self.inputs = inputs
        self.primals = primals
        self.number = _number()
        self.marked = 0
        self.out = None

    def name(self) -> str:
        """The name of the operation, such as "MulBackward0"."""
        return f"{pascal(self.label if self.fn is None else op_name(self.fn))}Backward0"

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that made the inputs, each with the index of the output that was used."""
        return tuple((n, 0) if not isinstance(n, Pick) else (n.inputs[0], n.index) for n in self.inputs)

    def mark(self) -> None:
        """Have `watched` be looked at."""
        self.marked = self.marked or 1

    def escape(self) -> None:
        self.marked = max(self.marked, ESCAPED)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` when the gradients of this call were taken.

        A tuple that it returns replaces `grad_inputs`.
        """
        return self._watch(1, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before the gradients of this call are taken; a tuple it returns replaces them."""
        return self._watch(0, hook)

    def _watch(self, when: int, hook: Callable[..., Any]) -> RemovableHandle:
        if self.watchers is None:
            self.watchers = (Hooks(), Hooks())
            self.mark()
        return RemovableHandle.add(self.watchers[when], hook)

    @property
    def watched(self) -> bool:
        """True if somebody wants to see a cotangent that only the per-node walk has."""
        return self.marked >= ESCAPED or self.retains or bool(self.hooks) or bool(self.watchers)

    def pull(self, want: list[int], cotangents: dict[int, Any], create_graph: bool) -> Sequence[Any]:
        """The gradients of the inputs numbered `want`: arrays, or with `create_graph` tensors, to derive again."""
        fn, primals, have = self.fn, self.primals, sorted(cotangents)
        assert fn is not None
        if self.marked == HOLLOW:
            primals = [mx.zeros(*p[1:]) if p.__class__ is tuple and p and p[0] is _GONE else p for p in primals]
        if not any(array(g).size if isinstance(g, TensorCore) else g.size for g in cotangents.values()):
            zeros = [mx.zeros_like(primals[k]) for k in want]  # MLX 0.32.4 hangs in some sums over no elements
            return [wrap(z) for z in zeros] if create_graph else zeros
        # To be derived again, the gradient is a function of everything that has a node, not only of what is asked for
        # now; but that of a linear operation depends on no value.
        linear = create_graph and op_name(fn) in SAVES_NOTHING
        open_ = [k for k, n in enumerate(self.inputs) if n is not None] if create_graph and not linear else want
        moving: dict[int, Any] = {}
        if self.tangents is not None and self.tangents[0] is mode.dual and not linear:
            moving = self.tangents[1]
            open_ = sorted({*open_, *moving})
        positions = [open_.index(k) for k in want]

        def vjp(*values: Any) -> Sequence[Any]:
            arguments = list(primals)
            for k, value in zip(open_, values):  # noqa: B905 - zip(strict=) costs as much as the loop
                arguments[k] = value

            def part(*asked: Any) -> Any:
                for k, value in zip(want, asked):  # noqa: B905
                    arguments[k] = value
                out = fn(*arguments)
                if out.__class__ is _array:
                    return out
                # MLX 0.32 drops a cotangent where two outputs are one array, as max and min of a single element are.
                return [out[k] if len(have) == 1 else mx.contiguous(out[k]) for k in have]

            return vjp_of(part, [values[k] for k in positions], list(values[len(open_) :]))[1]

        seeds = [cotangents[k] for k in have]
        if not create_graph:
            return vjp(*[primals[k] for k in want], *seeds)
        vjp.__qualname__ = op_name(fn)
        values = [primals[k] if linear else reopen(primals[k], self.inputs[k]) for k in open_]
        for k, dual in moving.items():
            mode.dual.give(values[open_.index(k)], dual.tangent)
        result: Sequence[Any] = apply(vjp, *values, *seeds)
        return result

    def release(self) -> None:
        """Let go of the saved arrays.

        Where PyTorch saves nothing either, only shapes are kept, and backward may come again.
        """
        fn = self.fn
        self.label = label = native_name(fn) if fn.__class__ is NATIVE else op_name(fn)  # the call less is seen
        if label not in SAVES_NOTHING:
            self.fn = None
            self.inputs = self.primals = ()
        elif self.marked != HOLLOW:
            self.primals = [(_GONE, p.shape, p.dtype) if p.__class__ is _array else p for p in self.primals]
            self.marked = HOLLOW


class Leaf(Node):
    """The end of a path: a tensor of the user's that collects its gradient."""

    __slots__ = ("after",)

    def __init__(self, t: Tensor) -> None:
        super().__init__(None, (), ())
        self.out = weakref.ref(t)
        self.after: Hooks | None = None  # post-accumulate hooks

    def name(self) -> str:
        return "AccumulateGrad"

    @property
    def variable(self) -> Tensor | None:
        """The tensor whose `.grad` this is."""
        t: Tensor | None = self.out()
        return t

    def escape(self) -> None:
        pass

    def release(self) -> None:
        pass

    def accumulate(self, gradient: Any) -> None:
        """Add `gradient` (an array, or a tensor to derive again) to the tensor's `.grad`."""
        t = self.out()
        if t is not None:
            accumulate(t, gradient)
            if self.after:
                for hook in list(self.after.values()):
                    hook(t)


class Pick(Node):
    """One output of a node that has several."""

    __slots__ = ("index",)

    def __init__(self, source: Node, index: int) -> None:
        super().__init__(source.fn, (source,), (None,))
        self.index = index

    def name(self) -> str:
        return self.inputs[0].name() if self.inputs else super().name()  # type: ignore[union-attr]


def accumulate(t: Tensor, gradient: Any) -> None:
    """Add `gradient`, an array, or a tensor to derive again, to `t.grad`."""
    if t._grad is None:
        t._grad = wrap(gradient) if gradient.__class__ is _array else gradient
    elif isinstance(gradient, TensorCore):
        t._grad = apply(mx.add, t._grad, gradient)
    elif t._grad._extra is None:  # in place, as PyTorch does: who holds the `.grad` tensor sees the sum
        t._grad._data = t._grad._data + gradient
        t._grad._writes += 1
    else:
        t._grad.add_(wrap(gradient))


def as_tensor(value: Any) -> Any:
    """`value`, an array, as a tensor; tensors and None as they are."""
    return value if value is None or isinstance(value, TensorCore) else wrap(value)


def reopen(value: mx.array, node: Node | None) -> Tensor:
    """A tensor that stands where `node` left `value`."""
    t = wrap(value)
    t._node = node
    return t


# ---- evaluation ------------------------------------------------------------------------------------------------------


class Tracing:
    """That `lucid.compile` is tracing: what was asked for, which cannot be done then."""

    evaluates = False  # a step would have started the evaluation of what it computed


tracing: Tracing | None = None


class NeedsValue(RuntimeError):
    """A value was asked for while `lucid.compile` was tracing, or inside `lucid.vmap`."""


def evaluate(*tensors: Tensor) -> None:
    """Compute the values of `tensors` now."""
    global evaluated
    if tracing is not None:
        raise NeedsValue("this needs the values of a tensor, which are not there while lucid.compile traces a function")
    try:
        mx.eval([array(t) for t in tensors])
    except ValueError:
        if mode.level is None:
            raise
        raise NeedsValue(mode.level.needs_value()) from None
    evaluated = _number()


def writing(t: Tensor) -> None:
    """Say that `t` is going to be changed in place: the transforms of `lucid.func` watch over that."""
    if mode.level is not None:
        mode.level.writing(t)


def touch(t: Tensor) -> None:
    """Have the next `start_evaluation` compute `t` too: a running statistic, a counter, a loss that was kept."""
    if tracing is None:
        _touched[id(t)] = _ref(t)  # one that is gone stays until the next step, or until its id is another's


def untouch(t: Tensor) -> None:
    """Take that back, for what got its old value again."""
    _touched.pop(id(t), None)


def start_evaluation(tensors: Iterable[Tensor], arrays: Iterable[mx.array] = ()) -> None:
    """Start computing `tensors`, and all that was written in place or derived from since last time, without waiting."""
    global evaluated
    if tracing is not None:
        tracing.evaluates = True
        return
    given = [*arrays, *[array(t) for t in tensors]]
    if _touched:
        given += [array(t) for ref in list(_touched.values()) if (t := ref()) is not None]
        _touched.clear()
    mx.async_eval(given)  # type: ignore[no-untyped-call]
    evaluated = _number()


RELEASED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)
