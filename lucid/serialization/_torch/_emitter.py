"""Pickles that PyTorch's `torch.load(weights_only=True)` reads: its names and its instructions, and no others."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _tape, _views, dtypes
from lucid._device import device
from lucid._layout import Layout, dense
from lucid._size import Size
from lucid._tensor import Tensor
from lucid.nn.parameter import Buffer, Parameter, is_lazy
from lucid.serialization import _memory
from lucid.serialization._refusals import advice, shown
from lucid.serialization._torch._kinds import STORAGE_OF

_DEPTH = 100  # as deep as is read again
_BATCH = 1000
_CONTAINERS = (dict, list, tuple, set)


class Stored:
    """The values of a tensor in the file.

    Attributes:
        tensor: whose values they are.
        layout: how its elements lie in them.
        parts: what to take of it along each dimension: all but what is repeated.
        order: the order of its dimensions there.
    """

    __slots__ = ("layout", "order", "parts", "tensor")

    def __init__(self, t: Tensor) -> None:
        self.tensor = t
        at, shape = _views.layout(t), _tape.array(t).shape
        repeated = [n > 1 and not step and 0 not in shape for n, step in zip(shape, at.strides, strict=True)]
        sizes = [1 if twice else n for n, twice in zip(shape, repeated, strict=True)]
        self.parts = tuple([slice(0, n) for n in sizes])
        self.order = tuple(sorted(range(len(shape)), key=lambda k: (-at.strides[k], -sizes[k])))
        steps = dict(zip(self.order, dense(tuple([sizes[k] for k in self.order])), strict=True))
        self.layout = Layout(shape, tuple([0 if twice else steps[k] for k, twice in enumerate(repeated)]))
        if not any(repeated) and (at.contiguous or 0 in shape):
            self.order, self.layout = tuple(range(len(shape))), Layout(shape, dense(shape))

    @property
    def numel(self) -> int:
        """The number of elements in the file."""
        found = 1
        for part in self.parts:
            found *= part.stop
        return found


class Emitter:
    """Writes one pickle.

    Attributes:
        storages: what the file has to have as storage 0, 1, and so on.
    """

    def __init__(self) -> None:
        self.storages: list[Stored] = []
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[Any, int] = {}
        self._kept: list[Any] = []  # whose ids are in the memo
        self._where: dict[int, tuple[int, Layout]] = {}  # the storage of each tensor and how it lies in it
        self._open: list[int] = []

    def pickle(self, top: Any) -> bytes:
        """The pickle of `top`. Raises TypeError for what PyTorch would not read, ValueError for what never ends."""
        tensors = _tensors(top)
        _tape.evaluate(*tensors)
        places, more = _memory.places(tensors)
        numbers: dict[int, int] = {}
        for place in places:
            if place.of not in numbers:
                numbers[place.of] = len(self.storages)
                self.storages.append(Stored([*tensors, *more][place.of]))
        for t, place in zip(tensors, places, strict=True):
            number = numbers[place.of]
            self._where[id(t)] = number, place.view or self.storages[number].layout
        self._value(top, ())
        self._out += b"."
        return bytes(self._out)

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _again(self, key: Any) -> bool:
        """Whether what is called `key` was written before: then it is named."""
        index = self._memo.get(key)
        if index is not None:
            self._out += b"h" + bytes((index,)) if index < 256 else b"j" + struct.pack("<I", index)
        return index is not None

    def _remember(self, key: Any) -> None:
        index = self._memo.setdefault(key, len(self._memo))
        self._out += b"q" + bytes((index,)) if index < 256 else b"r" + struct.pack("<I", index)

    def _name(self, module: str, name: str) -> None:
        key = ("name", module, name)
        if not self._again(key):
            self._out += f"c{module}\n{name}\n".encode()
            self._remember(key)

    def _empty_dict(self) -> None:
        self._name("collections", "OrderedDict")
        self._out += b")R"

    def _text(self, text: str) -> None:
        key = ("text", text)
        if not self._again(key):
            data = text.encode("utf-8", "surrogatepass")
            self._out += b"X" + struct.pack("<I", len(data)) + data
            self._remember(key)

    def _int(self, n: int) -> None:
        if 0 <= n < 256:
            self._out += b"K" + bytes((n,))
        elif 0 <= n < 1 << 16:
            self._out += b"M" + struct.pack("<H", n)
        elif -(1 << 31) <= n < 1 << 31:
            self._out += b"J" + struct.pack("<i", n)
        else:
            data = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > 255:
                raise ValueError(f"save: an integer of {len(data)} bytes is too long for PyTorch's format")
            self._out += b"\x8a" + bytes((len(data),)) + data

    def _ints(self, numbers: tuple[int, ...]) -> None:
        if len(numbers) > 3:
            self._out += b"("
        for n in numbers:
            self._int(n)
        self._close(len(numbers))

    def _close(self, count: int) -> None:
        """Make a tuple of what was just written; a mark stands before more than three."""
        self._out += (b")", b"\x85", b"\x86", b"\x87", b"t")[min(count, 4)]

    # ---- values ------------------------------------------------------------------------------------------------------

    def _value(self, value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        kind = type(value)
        if value is None or kind is bool:
            self._out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif kind in _WRITE:
            _WRITE[kind](self, value)
        elif kind in (list, tuple, set, dict, OrderedDict, Counter, Tensor, Parameter, Buffer):
            self._part(value, kind, path)
        else:
            raise TypeError(
                f"save: cannot store an object of type {kind.__name__} at {shown(path)} in PyTorch's format; "
                f"{_advice(value)}"
            )

    def _part(self, value: Any, kind: type, path: tuple[Any, ...]) -> None:
        if kind is tuple and not value:
            self._out += b")"
            return
        if id(value) in self._open:
            raise ValueError(f"save: the {kind.__name__} at {shown(path)} contains itself")
        if self._again(id(value)):
            return
        if len(self._open) >= _DEPTH:
            raise ValueError(f"save: what is at {shown(path[:5])} is nested more than {_DEPTH} deep")
        self._open.append(id(value))
        self._kept.append(value)
        if isinstance(value, Tensor):
            self._tensor(value, path)
        elif isinstance(value, dict):
            self._mapping(value, kind, path)
        else:
            self._sequence(value, kind, path)
        self._open.pop()

    def _sequence(self, value: Any, kind: type, path: tuple[Any, ...]) -> None:
        items = list(value)
        if kind is tuple:
            self._out += b"(" if len(items) > 3 else b""
            for k, item in enumerate(items):
                self._value(item, (*path, k))
            self._close(len(items))
        else:
            if kind is set:
                self._name("builtins", "set")
            self._out += b"]"
            if kind is list:
                self._remember(id(value))
            for start in range(0, len(items), _BATCH):
                self._out += b"("
                for k, item in enumerate(items[start : start + _BATCH], start):
                    self._value(item, (*path, k))
                self._out += b"e"
            if kind is set:
                self._out += b"\x85R"
        if kind is not list:
            self._remember(id(value))

    def _mapping(self, value: Any, kind: type, path: tuple[Any, ...]) -> None:
        if kind is OrderedDict:
            self._empty_dict()
        elif kind is Counter:
            self._name("collections", "Counter")
            self._out += b"}\x85R"
        else:
            self._out += b"}"
        self._remember(id(value))
        self._items(value, path)
        if kind is not dict and vars(value):
            self._out += b"}"
            self._items(vars(value), path)
            self._out += b"b"

    def _items(self, value: dict[Any, Any], path: tuple[Any, ...]) -> None:
        items = list(value.items())
        for start in range(0, len(items), _BATCH):
            self._out += b"("
            for key, item in items[start : start + _BATCH]:
                self._value(key, (*path, "a key"))
                self._value(item, (*path, key))
            self._out += b"u"

    def _bytes(self, value: bytes) -> None:
        self._name("_codecs", "encode")
        self._text(value.decode("latin-1"))
        self._text("latin1")
        self._out += b"\x86R"

    def _bytearray(self, value: bytearray) -> None:
        self._name("builtins", "bytearray")
        self._bytes(bytes(value))
        self._out += b"\x85R"

    def _complex(self, value: complex) -> None:
        self._name("builtins", "complex")
        self._float(value.real)
        self._float(value.imag)
        self._out += b"\x86R"

    def _float(self, value: float) -> None:
        self._out += b"G" + struct.pack(">d", value)

    def _size(self, value: Size) -> None:
        self._name("torch", "Size")
        self._ints(value)
        self._out += b"\x85R"

    def _device(self, value: device) -> None:
        self._name("torch", "device")
        self._text("mps" if value.type == "metal" else value.type)
        if value.index is not None:
            self._int(value.index)
        self._close(1 if value.index is None else 2)
        self._out += b"R"

    def _dtype(self, value: dtypes.dtype) -> None:
        self._name("torch", value.name)

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def _tensor(self, t: Tensor, path: tuple[Any, ...]) -> None:
        state = dict(vars(t))
        if type(t) is Buffer:
            state = {"persistent": state.pop("persistent", True), "_is_buffer": True, **state}
        if isinstance(t, Parameter):
            self._name("torch._utils", "_rebuild_parameter_with_state" if state else "_rebuild_parameter")
            self._out += b"(" if state else b""
            self._rebuild(t)
            self._arguments(t, False)
            self._out += b"R" + (b"\x88" if t.requires_grad else b"\x89")
            self._empty_dict()
            self._state(state, path)
            self._close(4 if state else 3)
        elif state:
            self._name("torch._tensor", "_rebuild_from_type_v2")
            self._out += b"("
            self._rebuild(t)
            self._name("torch", "Tensor")
            self._arguments(t, t.requires_grad)
            self._state(state, path)
            self._close(4)
        else:
            self._rebuild(t)
            self._arguments(t, t.requires_grad)
        self._out += b"R"
        self._remember(id(t))

    def _rebuild(self, t: Tensor) -> None:
        self._name("torch._utils", "_rebuild_tensor_v2" if t.dtype.name in STORAGE_OF else "_rebuild_tensor_v3")

    def _state(self, state: dict[str, Any], path: tuple[Any, ...]) -> None:
        if state:
            self._out += b"}"
            self._items(state, path)

    def _arguments(self, t: Tensor, requires_grad: bool) -> None:
        number, at = self._where[id(t)]
        stored, typed = self.storages[number], STORAGE_OF.get(t.dtype.name)
        self._out += b"(("
        self._text("storage")
        self._name(*("torch", typed) if typed else ("torch.storage", "UntypedStorage"))
        self._text(str(number))
        self._text("cpu")
        self._int(stored.numel * (1 if typed else t.dtype.itemsize))
        self._out += b"tQ"
        self._int(at.offset)
        self._ints(at.shape)
        self._ints(at.strides)
        self._out += b"\x88" if requires_grad else b"\x89"
        self._empty_dict()
        if not typed:
            self._dtype(t.dtype)
        self._out += b"t"


def _tensors(top: Any) -> list[Tensor]:
    """The tensors in `top`, each once, in the order in which they occur."""
    found: list[Tensor] = []
    seen: set[int] = set()
    open_ = [top]
    while open_:
        value = open_.pop()
        if not isinstance(value, (Tensor, *_CONTAINERS)) or id(value) in seen:
            continue
        seen.add(id(value))
        inner: list[Any] = []
        if isinstance(value, Tensor):
            if is_lazy(value):
                raise TypeError(f"save: an {type(value).__name__} has no values yet; call the module first")
            found.append(value)
        elif isinstance(value, dict):
            inner += [part for item in value.items() for part in item]
        else:
            inner += value
        inner += list(getattr(value, "__dict__", {}).values())
        open_ += inner[::-1]
    return found


def _advice(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "store lucid.tensor(array)"
    if isinstance(value, frozenset):
        return "store a set of it"
    return advice(value)


_WRITE: dict[type, Callable[[Emitter, Any], None]] = {
    int: Emitter._int,
    float: Emitter._float,
    complex: Emitter._complex,
    str: Emitter._text,
    bytes: Emitter._bytes,
    bytearray: Emitter._bytearray,
    Size: Emitter._size,
    dtypes.dtype: Emitter._dtype,
    device: Emitter._device,
}
