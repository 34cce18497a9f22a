"""Views that write through, and tensors that live on another device than the default.

A view keeps its parent and the function that makes it from the parent's array. Reading it follows what was written into
the base since; writing it goes up the chain, each link putting the value back into its parent, and lands in the base
through the tape, so that it is differentiable. `Tensor._extra` holds all this; it is None for a tensor that is neither
a view nor elsewhere.

Strides are PyTorch's logical ones: each view says what it does to a *ghost*, a numpy array of bytes with the tensor's
geometry whose memory is never touched. MLX arrays have a layout of their own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _tape
from lucid._grad_mode import mode
from lucid._tape import Leaf, apply, wrap
from lucid.device import default as default_device
from lucid.device import device as Device

if TYPE_CHECKING:
    from lucid.tensor import Tensor

Fn = Callable[[mx.array], mx.array]
Put = Callable[[mx.array, mx.array], mx.array]
Trace = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


OTHER_MEMORY = (
    1 << 40
)  # added to a tensor's version when `.data = ...` gives it other memory: its views stay with the old one


class Extra:
    """What is unusual about a tensor: it is a view, or pinned to a device."""

    __slots__ = ("base", "device", "fn", "ghost", "parent", "put", "seen", "trace", "tracked")

    def __init__(
        self,
        parent: Tensor | None = None,
        fn: Fn | None = None,
        trace: Trace | None = None,
        put: Put | None = None,
        device: Device | None = None,
    ) -> None:
        self.parent, self.fn, self.trace, self.put, self.device = parent, fn, trace, put, device
        self.ghost: np.ndarray[Any, Any] | None = None
        self.tracked = mode.grad
        self.base: Tensor | None = None  # the tensor at the root of the views, and its version when this one was read
        self.seen = 0
        if parent is not None:
            above = parent._extra
            self.base = parent if above is None or above.base is None else above.base
            self.seen = self.base._version

    def refresh(self, t: Tensor) -> Any:
        """Follow the base of the view `t`. Returns what pins operations on `t` to a device, or None."""
        base = self.base
        if base is not None and self.seen != base._version:
            self._follow(t)
        return None if self.device is None else Placed

    def _follow(self, t: Tensor) -> None:
        assert self.base is not None
        assert self.parent is not None
        if (self.seen ^ self.base._version) >= OTHER_MEMORY:
            self.base = self.parent = None
            return
        if self.fn is None or isinstance(t._node, Leaf):
            value = _tape.array(self.parent)
            t._data = value if self.fn is None else self.fn(value)
        else:
            before, mode.grad = mode.grad, self.tracked
            try:
                fresh = apply(self.fn, self.parent)
            finally:
                mode.grad = before
            _become(t, fresh)
        self.seen = self.base._version


class Placed:
    """A function of arrays that runs on a certain device: Metal if any of its tensors is there, else the CPU."""

    __slots__ = ("__qualname__", "device", "fn")

    def __init__(self, fn: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.fn, self.__qualname__ = fn, _tape.op_name(fn)
        devices = [device_of(t) for t in inputs if isinstance(t, _tape.TensorCore)]
        self.device = next((d for d in devices if d.type != "cpu"), devices[0])

    def __call__(self, *arrays: Any) -> Any:
        with mx.stream(self.device.mx):
            return self.fn(*arrays)

    def mark(self, result: Any) -> Any:
        """Pin the tensors in `result` to the device, where it is not the default."""
        for t in (result,) if isinstance(result, _tape.TensorCore) else result:
            pin(t, self.device)
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
        t._extra = Extra(device=elsewhere)
    return t


# ---- making views ----------------------------------------------------------------------------------------------------


def view(fn: Fn, source: Tensor, trace: Trace | None = None, put: Put | None = None) -> Tensor:
    """The view `fn(source)`.

    Args:
        fn: pure function from the array of `source` to that of the view, made of moves only.
        source: what is looked at.
        trace: does to a numpy array what `fn` does to the array, without copying; None if the view is contiguous.
        put: puts the view's values back, `put(source_array, view_array) -> source_array`; by default through an index
            map.
    """
    return attach(apply(fn, source), source, fn, trace, put)


def attach(out: Tensor, source: Tensor, fn: Fn | None, trace: Trace | None = None, put: Put | None = None) -> Tensor:
    """Make `out`, which was computed from `source` as `fn` does, a view of it."""
    device = out._extra.device if out._extra is not None else None
    out._extra = Extra(source, fn, trace, put, device)
    return out


def alias(source: Tensor) -> Tensor:
    """A tensor over the same memory that is not connected to the tape: `detach()` and `.data`."""
    out = wrap(_tape.array(source))
    _tape.escape(source)
    device = source._extra.device if source._extra is not None else None
    out._extra = Extra(source, None, _same, _take_value, device)
    return out


def _same(ghost: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return ghost


def _take_value(parent: mx.array, value: mx.array) -> mx.array:
    return value


def ghost(t: Tensor) -> np.ndarray[Any, Any]:
    """A numpy array with the geometry of `t`, one byte an element: its strides are PyTorch's.

    Its memory is not to be read.
    """
    extra = t._extra
    if extra is None or extra.base is None or extra.trace is None:
        return np.empty(t._data.shape, np.int8)
    if extra.ghost is None:
        extra.ghost = extra.trace(ghost(extra.parent))
    found: np.ndarray[Any, Any] = extra.ghost
    return found


def is_view(t: Tensor) -> bool:
    """True if `t` shares the memory of another tensor, as the tape sees it."""
    return t._extra is not None and t._extra.base is not None and t._extra.fn is not None


# ---- writing ---------------------------------------------------------------------------------------------------------


def assign(t: Tensor, new: Tensor) -> Tensor:
    """The one in-place primitive: `t`, and what it is a view of, take the values of `new`, a fresh tensor of its shape.

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
    strides = ghost(t)
    if strides.size and any(
        stride == 0 and size > 1 for stride, size in zip(strides.strides, strides.shape, strict=True)
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    if tracked and isinstance(extra.base._node, Leaf):
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")

    def write(base: mx.array, value: mx.array) -> mx.array:
        parents = [base]
        for link in reversed(chain[1:]):
            parents.append(parents[-1] if link.fn is None else link.fn(parents[-1]))
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
    if not tracked:
        _tape.escape(t)
        t._data = new._data
    elif isinstance(t._node, Leaf):
        raise RuntimeError(f"{what} that requires grad is being used in an in-place operation.")
    else:
        _become(t, new)
    t._version += 1
    _tape.touch(t)


def _become(t: Tensor, new: Tensor) -> None:
    t._data, t._node = new._data, new._node
    if t._node is not None:
        t._node.out = weakref.ref(t)


def _put(link: Extra, parent: mx.array, value: mx.array) -> mx.array:
    if link.put is not None:
        return link.put(parent, value)
    if value.size == 0:
        return parent
    assert link.fn is not None
    positions = mx.arange(parent.size, dtype=mx.int32 if parent.size < 2**31 else mx.int64)
    index = link.fn(positions.reshape(parent.shape)).reshape(-1)  # any view is an index map
    return mx.put_along_axis(parent.reshape(-1), index, value.reshape(-1), 0).reshape(parent.shape)
