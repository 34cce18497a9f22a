"""The names that a pickle may use, and what each of them does here.

Nothing is imported: a name stands for a function of this file, or for a value. All others are refused.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import types
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lucid import dtypes, ops
from lucid._device import device
from lucid._size import Size
from lucid._tensor import Tensor
from lucid.nn.parameter import Buffer, Parameter
from lucid.ops import memory_formats
from lucid.serialization._header import CheckpointError
from lucid.serialization._torch import _numpy
from lucid.serialization._torch._blanks import Blanks, StorageType
from lucid.serialization._torch._keys import Keys
from lucid.serialization._torch._kinds import KINDS, OF_STORAGE, Kind
from lucid.serialization._torch._refusals import refusal


class Known:
    """A function or class that a pickle may name."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any] | None) -> None:
        self.name, self.call = name, call


class Calls:
    """What is done when a pickle calls one of the names, or fills what it made."""

    __slots__ = ("blanks", "charge", "keys")

    def __init__(self, blanks: Blanks, keys: Keys, charge: Callable[[int], None]) -> None:
        self.blanks, self.keys, self.charge = blanks, keys, charge

    def call(self, function: Known, arguments: tuple[Any, ...]) -> Any:
        """The result of the function, or an object of the class."""
        if function.call is None:
            raise CheckpointError(f"its pickle calls {function.name}, which is not read")
        self.charge(64)
        try:
            return function.call(self, *arguments)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise CheckpointError(f"its pickle calls {function.name} with the wrong arguments: {error}") from None

    def build(self, target: Any, state: Any) -> None:
        """Fill `target`, just made, with what its pickle says it holds."""
        if isinstance(target, np.ndarray):
            self.charge(len(state[-1]) if isinstance(state, tuple) and isinstance(state[-1], bytes) else 0)
            _numpy.fill(target, state)
        elif isinstance(target, np.dtype):
            _numpy.fill_dtype(target, state)
        elif isinstance(target, (OrderedDict, Counter, defaultdict, argparse.Namespace, types.SimpleNamespace)):
            self.attributes(target, state)
        else:
            raise CheckpointError(f"its pickle fills an object of type {type(target).__name__}")

    def attributes(self, target: Any, state: Any) -> None:
        """Set the attributes that are listed in `state`."""
        if state is None:
            return
        if isinstance(state, tuple) and len(state) == 2 and state[1] is None:
            state = state[0]
        if not isinstance(state, dict) or not all(type(name) is str for name in state):
            raise CheckpointError(f"its pickle gives attributes to a {type(target).__name__} that are no dict")
        hidden = [name for name in state if name.startswith("__") or hasattr(type(target), name)]
        if hidden or not hasattr(target, "__dict__"):
            raise CheckpointError(f"its pickle changes what {hidden[:1] or 'attributes'} of {type(target).__name__} is")
        self.charge(200 * len(state))
        vars(target).update(state)

    def unique(self, cls: Callable[[], Any], items: Any = ()) -> Any:
        """A set, or frozenset, of `items`."""
        found: set[Any] = set()
        for item in _listed(items):
            self.keys.admit(found, item)
            self.charge(100)
            found.add(item)
        return found if cls is set else frozenset(found)

    def filled(self, target: dict[Any, Any], items: Any = ()) -> Any:
        """The dict `target` with `items`: a dict, or pairs."""
        pairs = list(items.items()) if isinstance(items, dict) else _listed(items)
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise CheckpointError("its pickle makes a dict of what are no pairs")
            self.keys.admit(target, pair[0])
            self.charge(200)
            target[pair[0]] = pair[1]
        return target


def _listed(items: Any) -> Iterable[Any]:
    if not isinstance(items, (list, tuple, set, frozenset)):
        raise CheckpointError(f"its pickle makes a container of an object of type {type(items).__name__}")
    return items


# ---- Python's own ----------------------------------------------------------------------------------------------------


def _numbers(arguments: tuple[Any, ...], kinds: tuple[type, ...], most: int) -> tuple[Any, ...]:
    if len(arguments) > most or not all(isinstance(a, kinds) for a in arguments):
        raise CheckpointError("its pickle calls a function with the wrong arguments")
    return arguments


def _default_dict(calls: Calls, factory: Any = None, items: Any = ()) -> Any:
    make = _FACTORIES.get(factory.name) if isinstance(factory, Known) else None
    if factory is not None and make is None:
        raise CheckpointError("its pickle has a defaultdict with a function that is not read; save dict(it) instead")
    return calls.filled(defaultdict(make), items)


def _encode(calls: Calls, text: Any, encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("its pickle makes bytes of something that is not one text")
    calls.charge(len(text))
    return text.encode("latin-1")


def _bytearray(calls: Calls, data: Any = b"", encoding: Any = None) -> bytearray:
    if encoding is not None:
        data = _encode(calls, data, encoding)
    if not isinstance(data, bytes):
        raise CheckpointError("its pickle makes a bytearray of something that is not bytes")
    calls.charge(len(data))
    return bytearray(data)


def _bytes(calls: Calls, *nothing: Any) -> bytes:
    _numbers(nothing, (), 0)
    return b""


def _path(kind: type[pathlib.PurePath]) -> Callable[..., pathlib.PurePath]:
    def make(calls: Calls, *parts: Any) -> pathlib.PurePath:
        calls.charge(500 + sum(len(part) for part in _numbers(parts, (str,), 1000)))
        return kind(*parts)

    return make


def _slice(calls: Calls, *bounds: Any) -> slice:
    start, stop, step = _numbers(bounds, (int, float, type(None)), 3)
    return slice(start, stop, step)


# ---- PyTorch's -------------------------------------------------------------------------------------------------------


def _size(calls: Calls, sizes: Any = ()) -> Size:
    calls.charge(8 * len(_numbers(tuple(_listed(sizes)), (int,), 1000)))
    return Size(sizes)


def _device(calls: Calls, kind: Any, index: Any = None) -> device:
    name, colon, number = kind.partition(":") if type(kind) is str else ("", "", "")
    if colon and index is None and number.isdigit() and len(number) < 4:
        index = int(number)
    if not name.isalpha() or len(name) > 20 or not (index is None or (type(index) is int and 0 <= index < 1000)):
        raise CheckpointError("its pickle describes a device wrongly")
    found = object.__new__(device)  # as in PyTorch, a device can be named that this machine does not have
    found.type, found.index = "metal" if name == "mps" else name, index
    return found


def _layout(calls: Calls, name: Any) -> Any:
    if name != "torch.strided":
        raise CheckpointError(f"it contains the layout {str(name)[:40]!r}, which MLX does not have; leave it out")
    return ops.strided


def _v2(calls: Calls, storage: Any, *given: Any) -> Tensor:
    offset, size, stride, requires_grad, hooks, *metadata = given
    return calls.blanks.tensor(storage, offset, size, stride, requires_grad, hooks, None, *metadata)


def _v3(calls: Calls, storage: Any, *given: Any) -> Tensor:
    offset, size, stride, requires_grad, hooks, kind, *metadata = given
    kind = KINDS[kind.name] if isinstance(kind, dtypes.dtype) else kind
    return calls.blanks.tensor(storage, offset, size, stride, requires_grad, hooks, kind, *metadata)


def _parameter(calls: Calls, data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None) -> Tensor:
    if hooks is not None and not (isinstance(hooks, dict) and not hooks):
        raise CheckpointError("its pickle has a parameter with backward hooks, which are programs; save it without")
    found = calls.blanks.parameter(data, requires_grad)
    calls.attributes(found, state)
    return found


def _of_type(calls: Calls, function: Any, cls: Any, arguments: Any, state: Any = None) -> Any:
    if not isinstance(function, Known) or not isinstance(cls, Known) or not isinstance(arguments, tuple):
        raise CheckpointError("its pickle makes a tensor of a type that is not read")
    if function.call is _of_type or cls.name not in _TENSORS:
        raise CheckpointError(f"its pickle makes a tensor of the type {cls.name}, which is not read")
    found = calls.call(function, arguments)
    state = state[0] if isinstance(state, tuple) and len(state) == 2 and state[1] is None else state
    if isinstance(state, dict) and state.get("_is_buffer") is True and type(found) is Tensor:
        state = {name: value for name, value in state.items() if name != "_is_buffer"}
        found = calls.blanks.like(found, Buffer)
        vars(found)["persistent"] = state.pop("persistent", True) is not False
    elif not isinstance(found, Parameter) and cls.name.endswith("Parameter"):
        found = calls.blanks.parameter(found, calls.blanks.known(found).requires_grad)
    calls.attributes(found, state)
    return found


def _from_numpy(calls: Calls, values: Any, kind: Any, where: Any, requires_grad: Any) -> Tensor:
    name = values.dtype.name if isinstance(values, np.ndarray) else ""
    if not isinstance(kind, (Kind, dtypes.dtype)) or name not in KINDS or type(requires_grad) is not bool:
        raise CheckpointError("its pickle makes a tensor of what is no numpy array of numbers")
    return calls.blanks.of_array(values, KINDS[kind.name], KINDS[name], requires_grad)


def _cast(calls: Calls, data: Any, kind: Any, where: Any, requires_grad: Any) -> Tensor:
    if not isinstance(kind, (Kind, dtypes.dtype)) or type(requires_grad) is not bool:
        raise CheckpointError("its pickle makes a tensor of a dtype that is not read")
    found = calls.blanks.like(data, Tensor)
    blank = calls.blanks.known(found)
    blank.to, blank.requires_grad = KINDS[kind.name], requires_grad
    return found


# ---- the list --------------------------------------------------------------------------------------------------------


def find(module: str, name: str, blanks: Blanks) -> Any:
    """What `module.name` stands for. Raises CheckpointError with its name for what is not listed."""
    module = _RENAMED.get(module, module)
    name = "range" if (module, name) == ("builtins", "xrange") else name
    full = f"{module}.{name}"
    if full in _FUNCTIONS:
        return Known(full, _FUNCTIONS[full])
    if full in _FACTORIES:
        return Known(full, None)
    if module in ("torch", "torch.storage", "torch.cuda"):
        if name in OF_STORAGE:
            return StorageType(OF_STORAGE[name])
        if name in ("UntypedStorage", "_UntypedStorage"):
            return StorageType(KINDS["uint8"], True)
    if module == "torch":
        kind = KINDS.get(_ALIASES.get(name, name))
        if kind is not None:
            return kind if kind.converted else kind.dtype
        if name in _FORMATS:
            return getattr(memory_formats, name)
    raise refusal(full)


_RENAMED = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "torch.tensor": "torch._tensor",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "pathlib._local": "pathlib",
}
_ALIASES = {"double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32"}
_ALIASES |= {"short": "int16", "cfloat": "complex64", "cdouble": "complex128", "chalf": "complex32"}
_FORMATS = ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")
_TENSORS = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
_FACTORIES: dict[str, Callable[[], Any]] = {
    "builtins.list": list,
    "builtins.dict": dict,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.tuple": tuple,
    "builtins.set": set,
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
}

_FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    "collections.OrderedDict": lambda calls, items=(): calls.filled(OrderedDict(), items),
    "collections.Counter": lambda calls, items=(): calls.filled(Counter(), items),
    "collections.defaultdict": _default_dict,
    "builtins.set": lambda calls, items=(): calls.unique(set, items),
    "builtins.frozenset": lambda calls, items=(): calls.unique(frozenset, items),
    "builtins.complex": lambda calls, *parts: complex(*_numbers(parts, (int, float), 2)),
    "builtins.slice": _slice,
    "builtins.range": lambda calls, *bounds: range(*_numbers(bounds, (int,), 3)),
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytearray,
    "_codecs.encode": _encode,
    "argparse.Namespace": lambda calls, *none: argparse.Namespace(*_numbers(none, (), 0)),
    "types.SimpleNamespace": lambda calls, *none: types.SimpleNamespace(*_numbers(none, (), 0)),
    "pathlib.PosixPath": _path(pathlib.PurePosixPath if os.name == "nt" else pathlib.Path),
    "pathlib.WindowsPath": _path(pathlib.Path if os.name == "nt" else pathlib.PureWindowsPath),
    "pathlib.PurePosixPath": _path(pathlib.PurePosixPath),
    "pathlib.PureWindowsPath": _path(pathlib.PureWindowsPath),
    "numpy.dtype": lambda calls, *arguments: _numpy.dtype(*arguments),
    "numpy.ndarray": None,
    "numpy._core.multiarray._reconstruct": lambda calls, *arguments: _numpy.empty(*arguments),
    "numpy._core.multiarray.scalar": lambda calls, kind, data: _numpy.scalar(kind, data),
    "numpy._core.numeric._frombuffer": lambda calls, *arguments: _numpy.from_buffer(*arguments),
    "torch.Size": _size,
    "torch.serialization._get_layout": _layout,
    "torch.device": _device,
    "torch.Tensor": None,
    "torch._tensor.Tensor": None,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": None,
    "torch._utils._rebuild_tensor": lambda calls, *four: _v2(calls, *four, False, None),
    "torch._utils._rebuild_tensor_v2": _v2,
    "torch._utils._rebuild_tensor_v3": _v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_numpy,
    "torch._utils._rebuild_xla_tensor": _from_numpy,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _cast,
    "torch._tensor._rebuild_from_type": _of_type,
    "torch._tensor._rebuild_from_type_v2": _of_type,
}
