"""Views that write through, and tensors that live on another device than the default.

A view keeps its parent and the function that makes it from the parent's array. Reading it follows what was written into
the base since; writing it goes up the chain, each link putting the value back into its parent, and lands in the base
through the tape, so that it is differentiable. `Tensor._extra` holds all this; it is None for a tensor that is neither
a view nor elsewhere.

Strides are PyTorch's logical ones: each view says where its elements lie in the memory of its parent, see
`lucid._layout`. MLX arrays have a layout of their own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _tape
from lucid._channels import Last, last, pointwise
from lucid._device import default as default_device
from lucid._device import device as Device
from lucid._grad_mode import mode
from lucid._layout import Layout, dense
from lucid._op_names import op_name
from lucid._tape import Leaf, apply, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Fn = Callable[..., mx.array]
Put = Callable[..., mx.array]
Trace = Callable[..., Layout]

# Added to a tensor's version when `.data = ...` gives it other memory: its views stay with the old one.
OTHER_MEMORY = 1 << 40

_new = object.__new__  # looked up for every view


class Move:
    """What a view does to the tensor it looks at, in three forms that get the same further arguments.

    Attributes:
        fn: pure function from the array of the source to that of the view, made of moves only; None if both are one.
        trace: `trace(layout_of_the_source, shape_of_the_view)` is the layout of the view; None if it owns its memory.
        put: puts the view's values back, `put(source_array, view_array) -> source_array`; by default through an index
            map.
        owns: True if nobody else sees the source: what looks like a view is a tensor of its own in that layout.
    """

    __slots__ = ("fn", "owns", "put", "trace")

    def __init__(
        self, fn: Fn | None, trace: Trace | None = None, put: Put | None = None, *, owns: bool = False
    ) -> None:
        self.fn, self.trace, self.put, self.owns = fn, trace, put, owns


class Extra:
    """What is unusual about a tensor: it is a view, or pinned to a device."""

    __slots__ = ("args", "base", "device", "layout", "move", "parent", "seen", "tracked")

    move: Move
    args: tuple[Any, ...]
    parent: Tensor | None
    base: Tensor | None  # the tensor at the root of the views
    seen: int  # the version of `base` when this view was read
    device: Device | None
    layout: Layout | None  # computed when it is asked for
    tracked: bool  # whether the view was made while recording was on

    @property
    def fn(self) -> Fn | None:
        """What makes the view's array from its parent's; None if they are one."""
        return self.move.fn

    def refresh(self, t: Tensor, way: Any = None) -> Any:
        """Follow the base of the view `t`.

        Returns how functions of `t` are to be called, if not in the usual way, where `way` is what another input asks
        for: see `placed` and `carried`.
        """
        base = self.base
        if base is not None and self.seen != base._writes:
            self._follow(t)
            if t._extra is not self and t._extra is not None:  # it has a tangent now
                return t._extra.refresh(t, way)
        if self.device is None or (way is not None and way is not carried):
            return way
        return placed

    def _follow(self, t: Tensor) -> None:
        assert self.base is not None
        assert self.parent is not None
        if (self.seen ^ self.base._writes) >= OTHER_MEMORY:
            self.base = self.parent = None
            return
        if self.fn is None or isinstance(t._node, Leaf):
            value = _tape.array(self.parent)
            t._data = value if self.fn is None else self.fn(value, *self.args)
        else:
            before, mode.grad = mode.grad, self.tracked
            try:
                fresh = apply(self.fn, self.parent, *self.args)
            finally:
                mode.grad = before
            _become(t, fresh)
        t._extra.seen = self.base._writes


class Placed:
    """A function of arrays that runs on a certain device: Metal if any of its tensors is there, else the CPU."""

    __slots__ = ("__qualname__", "device", "fn")

    def __init__(self, fn: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.fn, self.__qualname__ = fn, op_name(fn)
        devices = [device_of(t) for t in inputs if isinstance(t, _tape.TensorCore)]
        self.device = next((d for d in devices if d.type != "cpu"), devices[0])

    def __call__(self, *arrays: Any) -> Any:
        with mx.stream(self.device.mx):
            return self.fn(*arrays)


def placed(fn: Fn, inputs: tuple[Any, ...], primals: list[Any], recorded: bool) -> Any:
    """How `apply` calls `fn` where an input is on another device than the default: there, and so are the results."""
    there = Placed(fn, inputs)
    try:
        out = there(*primals)
    except ValueError as error:
        raise _tape.explained(error, fn, primals) from None
    result = _tape.finish(there, inputs, primals, recorded, out)
    for t in (result,) if isinstance(result, _tape.TensorCore) else result:
        pin(t, there.device)
    return result


def device_of(t: Any) -> Device:
    """The device that the next operation on `t` runs on."""
    extra = t._extra
    return default_device() if extra is None or extra.device is None else extra.device


def pin(t: Tensor, device: Device) -> Tensor:
    """Have operations on `t` run on `device`; `t` itself is returned."""
    elsewhere = device if device.mx != mx.default_device() else None
    if t._extra is not None:
        t._extra.device = elsewhere
    elif elsewhere is not None:
        t._extra = elsewhere_than_default(elsewhere)
    return t


def elsewhere_than_default(device: Device | None) -> Extra:
    """The extra of a tensor on `device` that is no view."""
    extra = _new(Extra)
    extra.move, extra.args, extra.device = _SAME, (), device
    extra.parent = extra.base = extra.layout = None
    extra.seen, extra.tracked = 0, False
    return extra


# ---- channels last ---------------------------------------------------------------------------------------------------


class ChannelsLast(Extra):
    """The extra of a tensor that lies channels last in memory: see `lucid._channels`."""

    __slots__ = ("inside", "outside")

    inside: mx.array  # the array with its channels last
    outside: mx.array  # the tensor's own; it has been given another since, unless this is it

    def refresh(self, t: Tensor, way: Any = None) -> Any:
        """As in every extra; where `t` still lies like that, what is computed from it may as well."""
        if way is not None and way is not carried:
            return way
        if self.device is not None:
            return placed
        return carried if way is None and self.outside is t._data else way


def lies_last(t: Any) -> bool:
    """True if `t` is a tensor that lies channels last."""
    return isinstance(t, _tape.TensorCore) and t._extra.__class__ is ChannelsLast and t._extra.outside is t._data


def lay(t: Tensor, inside: mx.array) -> None:
    """Remember that `t`, a new tensor, lies channels last, as `inside` does."""
    extra = _new(ChannelsLast)
    extra.move, extra.args = _SAME, ()
    extra.parent = extra.base = extra.layout = extra.device = None
    extra.seen, extra.tracked = 0, False
    extra.inside, extra.outside = inside, t._data
    t._extra = extra


def carried(fn: Any, inputs: tuple[Any, ...], primals: list[Any], recorded: bool) -> Any:
    """How `apply` calls `fn` where an input lies channels last: so that the result does too, if `fn` allows it."""
    inner = fn if fn.__class__ is Last else pointwise(fn, primals, [lies_last(t) for t in inputs])
    try:
        if inner is None:
            return _tape.finish(fn, inputs, primals, recorded, fn(*primals))
        arguments, ndim = list(primals), inner.ndim(primals)
        for k in inner.inside:
            t, p = inputs[k], primals[k]
            arguments[k] = t._extra.inside if lies_last(t) and p.ndim == ndim else last(p, ndim)
        found = inner.fn(*arguments)
    except ValueError as error:
        raise _tape.explained(error, fn, primals) from None
    result = _tape.finish(inner, inputs, primals, recorded, inner.outside(found))
    if isinstance(result, _tape.TensorCore):
        lay(result, found)
    else:
        for t, y in zip(result[: inner.outputs], found, strict=False):
            lay(t, y)
    return result


def channels_last(fn: Last, *inputs: Any) -> Any:
    """`apply(fn, *inputs)`, whose results lie channels last."""
    result = apply(fn, *inputs)
    for t in (result,) if isinstance(result, _tape.TensorCore) else result[: fn.outputs]:
        if t._extra is None:
            lay(t, last(t._data))
    return result


# ---- making views ----------------------------------------------------------------------------------------------------


def moved(move: Move, source: Tensor, *args: Any) -> Tensor:
    """The view `move.fn(source, *args)`."""
    return attach(apply(move.fn, source, *args), source, move, args)  # type: ignore[arg-type]


def view(fn: Fn, source: Tensor, trace: Trace | None = None, put: Put | None = None) -> Tensor:
    """The view `fn(source)`, for functions made on the spot: see `Move`."""
    return attach(apply(fn, source), source, Move(fn, trace, put))


def attach(out: Tensor, source: Tensor, move: Move, args: tuple[Any, ...] = ()) -> Tensor:
    """Make `out`, which was computed from `source` as `move` does, a view of it."""
    extra = _new(Extra)  # every view comes through here: no `__init__`, no default arguments
    extra.move = move
    extra.args = args
    extra.parent = source
    extra.layout = None
    extra.tracked = mode.grad
    above = source._extra
    base = extra.base = source if above is None or above.base is None else above.base
    extra.seen = base._writes
    known, out._extra = out._extra, extra
    extra.device = None if known is None else known.device
    if known is not None and mode.dual is not None:
        mode.dual.carry(out, known)
    return out


def alias(source: Tensor) -> Tensor:
    """A tensor over the same memory that is not connected to the tape: `detach()` and `.data`."""
    out = wrap(_tape.array(source))
    _tape.escape(source)
    attach(out, source, _SAME)
    out._extra.device = source._extra.device if source._extra is not None else None
    return out


def _same(at: Layout, shape: tuple[int, ...]) -> Layout:
    return at


def _take_value(parent: mx.array, value: mx.array) -> mx.array:
    return value


_SAME = Move(None, _same, _take_value)


def layout(t: Tensor) -> Layout:
    """The sizes, strides and offset of `t`: PyTorch's."""
    extra, shape = t._extra, t._data.shape
    if extra is None or extra.base is None or extra.move.trace is None:
        return Layout(shape, dense(shape))
    if extra.layout is None:
        extra.layout = extra.move.trace(layout(extra.parent), shape, *extra.args)
    found: Layout = extra.layout
    return found


def is_view(t: Tensor) -> bool:
    """True if `t` shares the memory of another tensor, as the tape sees it."""
    extra = t._extra
    return extra is not None and extra.base is not None and extra.move.fn is not None and not extra.move.owns


# ---- writing ---------------------------------------------------------------------------------------------------------


def assign(t: Tensor, new: Tensor, *, uniform: bool = False) -> Tensor:
    """The one in-place primitive: `t`, and what it is a view of, take the values of `new`, a fresh tensor of its shape.

    With `uniform`, all its values are the same: only then may elements of `t` share memory.

    Raises RuntimeError, as PyTorch does, for a leaf that requires a gradient, unless recording is off.
    """
    extra = t._extra
    if extra is None or extra.base is None:
        _store(t, new, mode.grad, "a leaf Variable")
        return t
    chain, at, tracked = [extra], extra.parent, mode.grad and extra.fn is not None
    while at._extra is not None and at._extra.base is not None:
        tracked = tracked and at._extra.fn is not None
        chain.append(at._extra)
        at = at._extra.parent
    shared = layout(t).repeats
    if shared and not uniform:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    if tracked and (isinstance(t._node, Leaf) or isinstance(extra.base._node, Leaf)):
        what = "a view of a leaf Variable" if is_view(t) else "a leaf Variable"
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation.")

    shared = shared or any(link.layout is not None and link.layout.repeats for link in chain)

    def write(base: mx.array, value: mx.array) -> mx.array:
        if not value.size:
            return base
        parents = [base]
        for link in reversed(chain[1:]):
            parents.append(parents[-1] if link.fn is None else link.fn(parents[-1], *link.args))
        if shared:  # several positions of a view between are one of the base
            places = _positions(base)
            for link in reversed(chain):
                places = places if link.fn is None else link.fn(places, *link.args)
            return _put_at(base, places, value)
        for link in chain:
            value = _put(link, parents.pop(), value)
        return value

    before, mode.grad = mode.grad, tracked
    try:
        written = apply(write, extra.base, new)
    finally:
        mode.grad = before
    _store(extra.base, written, tracked, "a view of a leaf Variable")
    return t


def _store(t: Tensor, new: Tensor, tracked: bool, what: str) -> None:
    if mode.level is not None:
        mode.level.writing(t)
    if not tracked:
        _tape.escape(t)
        t._data = new._data
        _lie_like(t, new)
    elif isinstance(t._node, Leaf):
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation.")
    else:
        _become(t, new)
    t._writes += 1
    _tape.touch(t)


def _become(t: Tensor, new: Tensor) -> None:
    t._data, t._node = new._data, new._node
    if t._node is not None:
        t._node.out = weakref.ref(t)
    _lie_like(t, new)


def _lie_like(t: Tensor, new: Tensor) -> None:
    """If `new` lies channels last, or has a tangent, so does `t`, which just took its array."""
    if mode.dual is not None:
        mode.dual.carry(t, new._extra)
    if new._extra.__class__ is ChannelsLast and (t._extra is None or t._extra.__class__ is ChannelsLast):
        t._extra = new._extra


def _put(link: Extra, parent: mx.array, value: mx.array) -> mx.array:
    if link.move.put is not None:
        return link.move.put(parent, value, *link.args)
    assert link.fn is not None
    return _put_at(parent, link.fn(_positions(parent), *link.args), value)  # any view is an index map


def _positions(a: mx.array) -> mx.array:
    return mx.arange(a.size, dtype=mx.int32 if a.size < 2**31 else mx.int64).reshape(a.shape)


def _put_at(a: mx.array, positions: mx.array, value: mx.array) -> mx.array:
    return mx.put_along_axis(a.reshape(-1), positions.reshape(-1), value.reshape(-1), 0).reshape(a.shape)
