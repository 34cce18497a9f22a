"""Storages: the memory behind a tensor and its views, as a flat sequence.

A storage here is a flat view of the tensor that owns the memory. Reading one evaluates it, writing to one writes to the
tensor. Arrays have no address that lasts, and the memory of a tensor is not shared between processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lucid import dtypes
from lucid._tape import array
from lucid.creation.data import frombuffer, tensor
from lucid.creation.filled import zeros
from lucid.ops import reinterpret
from lucid.ops.export import tolist
from lucid.ops.indexing import getitem, setitem
from lucid.ops.pieces import as_strided, owner
from lucid.ops.queries import root
from lucid.ops.reseating import data_ptr, reseat

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "BFloat16Storage",
    "BoolStorage",
    "ByteStorage",
    "CharStorage",
    "ComplexFloatStorage",
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "IntStorage",
    "LongStorage",
    "ShortStorage",
    "Storage",
    "TypedStorage",
    "UntypedStorage",
    "is_storage",
]


class _Flat:
    """What both kinds of storage have."""

    flat: Tensor  # a 1-d view of the memory

    @classmethod
    def _new(cls, flat: Tensor) -> Any:
        new = object.__new__(cls)
        new.flat = flat
        return new

    def __len__(self) -> int:
        return array(self.flat).size

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def nbytes(self) -> int:
        """The number of bytes."""
        return array(self.flat).nbytes

    def element_size(self) -> int:
        """The number of bytes of one element."""
        return self.flat.itemsize

    @property
    def device(self) -> Any:
        """Where operations on the memory run."""
        return self.flat.device

    def __getitem__(self, index: Any) -> Any:
        found: Any = getitem(self.flat, index)
        return tolist(found) if isinstance(index, int) else self._new(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        setitem(self.flat, index, value.flat if isinstance(value, _Flat) else value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        found: list[Any] = tolist(self.flat)
        return found

    def clone(self) -> Any:
        """A storage of its own with the same elements."""
        return self._new(self.flat.clone())

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Write the elements of the storage `source` into this one, and return it."""
        self.flat.copy_(source.flat)
        return self

    def fill_(self, value: Any) -> Any:
        """Fill the memory with `value`, and return the storage."""
        self.flat.fill_(value)
        return self

    def data_ptr(self) -> int:
        """Not available: RuntimeError. Compare untyped storages with `==`, which tells if they are the same memory."""
        return data_ptr(self.flat)

    def resize_(self, size: int) -> None:
        """Not available: RuntimeError. The tensor's own `resize_` is."""
        raise RuntimeError("storage.resize_: an array's memory cannot be resized; use resize_() of the tensor")

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[lucid.storage.{self._title()} of size {len(self)}]"

    def _title(self) -> str:
        return f"{type(self).__name__}(device={self.device})"


class UntypedStorage(_Flat):
    """Memory as bytes: `UntypedStorage(3)`, or what `tensor.untyped_storage()` gives.

    Two are equal if they are the same memory.

    >>> import lucid
    >>> x = lucid.zeros(2, 3)
    >>> x.untyped_storage() == x[1].untyped_storage(), x.untyped_storage().nbytes()
    (True, 24)
    """

    def __init__(self, data: Any = 0, *, device: Any = None) -> None:
        self.flat = (
            zeros(data, dtype=dtypes.uint8, device=device)
            if isinstance(data, int)
            else tensor(list(data), dtype=dtypes.uint8, device=device)
        )

    @classmethod
    def from_buffer(cls, buffer: Any, byte_order: str | None = None, *, dtype: Any = None) -> Any:
        """The bytes of a buffer, copied."""
        return cls._new(frombuffer(buffer, dtype=dtypes.uint8))

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and root(self.flat) is root(other.flat)

    def __hash__(self) -> int:
        return id(root(self.flat))


class TypedStorage(_Flat):
    """Memory as elements of a dtype: `TypedStorage([1.0, 2.0], dtype=lucid.float32)`, or what `tensor.storage()` gives.

    `FloatStorage`, `LongStorage` and so on are the same with their dtype.
    """

    of: ClassVar[dtypes.dtype | None] = None

    def __init__(
        self, data: Any = 0, *, wrap_storage: UntypedStorage | None = None, dtype: Any = None, device: Any = None
    ) -> None:
        kind = self.of or (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "TypedStorage"))
        if wrap_storage is not None:
            self.flat = reinterpret.view_dtype(wrap_storage.flat, kind)
        elif isinstance(data, int):
            self.flat = zeros(data, dtype=kind, device=device)
        else:
            self.flat = tensor(list(data), dtype=kind, device=device)

    @classmethod
    def from_buffer(cls, buffer: Any, byte_order: str | None = None, *, dtype: Any = None) -> Any:
        """The elements that the bytes of a buffer hold, copied.

        `byte_order` ("native", "little" or "big") has to be given for elements of several bytes.
        """
        kind = cls.of or dtypes.as_dtype(dtype, "from_buffer")
        if kind.itemsize > 1:
            if byte_order not in ("native", "little", "big"):
                raise RuntimeError(f"from_buffer: expected byte_order 'native', 'little' or 'big', got {byte_order!r}")
            if byte_order == "big":
                buffer = np.frombuffer(buffer, np.uint8).reshape(-1, kind.itemsize)[:, ::-1].tobytes()
        return cls._new(frombuffer(buffer, dtype=kind))

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return self.flat.dtype

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        found: UntypedStorage = UntypedStorage._new(reinterpret.view_dtype(self.flat, dtypes.uint8))
        return found

    def _title(self) -> str:
        return f"TypedStorage(dtype={self.dtype!r}, device={self.device})"


class ByteStorage(TypedStorage):
    """Memory as uint8."""

    of = dtypes.uint8


class CharStorage(TypedStorage):
    """Memory as int8."""

    of = dtypes.int8


class ShortStorage(TypedStorage):
    """Memory as int16."""

    of = dtypes.int16


class IntStorage(TypedStorage):
    """Memory as int32."""

    of = dtypes.int32


class LongStorage(TypedStorage):
    """Memory as int64."""

    of = dtypes.int64


class HalfStorage(TypedStorage):
    """Memory as float16."""

    of = dtypes.float16


class BFloat16Storage(TypedStorage):
    """Memory as bfloat16."""

    of = dtypes.bfloat16


class FloatStorage(TypedStorage):
    """Memory as float32."""

    of = dtypes.float32


class DoubleStorage(TypedStorage):
    """Memory as float64."""

    of = dtypes.float64


class BoolStorage(TypedStorage):
    """Memory as bool."""

    of = dtypes.bool_


class ComplexFloatStorage(TypedStorage):
    """Memory as complex64."""

    of = dtypes.complex64


Storage = FloatStorage


def is_storage(obj: Any, /) -> bool:
    """True if `obj` is a storage."""
    return isinstance(obj, _Flat)


# ---- methods of Tensor -----------------------------------------------------------------------------------------------


def _memory(t: Tensor) -> Tensor:
    """All of the memory that `t` lies in, as a flat view that takes no part in gradients."""
    whole = owner(t).detach()
    return as_strided(whole, (array(whole).size,), (1,), 0)


def untyped_storage(input: Tensor) -> UntypedStorage:
    """The memory behind the tensor as bytes; that of the tensor it is a view of, if it is one."""
    found: UntypedStorage = UntypedStorage._new(reinterpret.view_dtype(_memory(input), dtypes.uint8))
    return found


def storage(input: Tensor) -> TypedStorage:
    """The memory behind the tensor as elements; that of the tensor it is a view of, if it is one."""
    found: TypedStorage = TypedStorage._new(_memory(input))
    return found


_KINDS = {kind.of: kind for kind in TypedStorage.__subclasses__()}


def storage_type(input: Tensor) -> type[TypedStorage]:
    """The class of typed storages for the dtype of the tensor, such as `FloatStorage`."""
    return _KINDS.get(input.dtype, TypedStorage)


def set_(input: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Make the tensor look at other memory: that of a tensor or a storage of its dtype, or at nothing.

    `size`, `stride` and `storage_offset` say how; by default as a tensor `source` does, or at all of a storage.
    Returns the tensor itself.
    """
    if source is None:
        return reseat(input, lambda _: zeros(0, dtype=input.dtype, device=input.device))
    if isinstance(source, UntypedStorage):
        found = reinterpret.view_dtype(source.flat, input.dtype)
    else:
        found = source.flat if isinstance(source, _Flat) else source.detach()
    if found.dtype is not input.dtype:
        raise RuntimeError(f"set_: could not set a tensor of {found.dtype!r} to a tensor of {input.dtype!r}")
    if size is not None:
        sizes = (size,) if isinstance(size, int) else tuple(size)
        found = as_strided(found, sizes, _row_major(sizes) if stride is None else tuple(stride), storage_offset)
    return reseat(input, lambda _: found)


def _row_major(sizes: tuple[int, ...]) -> tuple[int, ...]:
    steps = [1]
    for n in sizes[:0:-1]:
        steps.append(steps[-1] * n)
    return tuple(steps[::-1][-len(sizes) :]) if sizes else ()
