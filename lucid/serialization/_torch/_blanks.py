"""Tensors and storages whose values are not read yet.

A pickle describes tensors; where their values are in the file, and what the tensors are called, is known when it has
been run to its end. So it makes tensors without values here, which `lucid.serialization._torch._filling` fills.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lucid import storage as storages
from lucid._layout import dense
from lucid._tensor import Tensor
from lucid.nn.parameter import Parameter
from lucid.serialization._header import CheckpointError
from lucid.serialization._torch._budget import Budget
from lucid.serialization._torch._kinds import Kind

_DIMS = 64  # as many as PyTorch allows
_OF_DTYPE = {kind.of: kind for kind in storages.TypedStorage.__subclasses__()}


class Block:
    """A run of bytes in the file that tensors share.

    Attributes:
        key: its name in the file.
        kind: the type of the elements where it was named first.
        nbytes: its size.
        values: the bytes, if they are not a part of the file of their own.
    """

    __slots__ = ("key", "kind", "nbytes", "values")

    def __init__(self, key: str, kind: Kind, nbytes: int, values: npt.NDArray[np.uint8] | None = None) -> None:
        self.key, self.kind, self.nbytes, self.values = key, kind, nbytes, values


class Part:
    """What a storage of the pickle stands for: `count` elements of a block, from element `start` on."""

    __slots__ = ("block", "count", "kind", "start", "untyped")

    def __init__(self, block: Block, kind: Kind, start: int, count: int, untyped: bool) -> None:
        self.block, self.kind, self.start, self.count, self.untyped = block, kind, start, count, untyped


class Blank:
    """What is known of a tensor before it has values."""

    __slots__ = ("conj", "count", "kind", "neg", "offset", "part", "requires_grad", "size", "stride", "to")

    part: Part
    kind: Kind  # of the elements in the file
    count: int  # of the elements of the part, in that kind
    offset: int  # from the beginning of the part
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    conj: bool  # the values are the conjugates of what is in the file
    neg: bool  # the negatives
    to: Kind  # what the elements are cast to

    @property
    def numel(self) -> int:
        """The number of elements."""
        found = 1
        for n in self.size:
            found *= n
        return found

    def copy(self) -> Blank:
        """One more like this."""
        new = Blank()
        for name in self.__slots__:
            setattr(new, name, getattr(self, name))
        return new


class StorageType:
    """A class of storages, such as PyTorch's FloatStorage; `untyped` is that of bytes."""

    __slots__ = ("kind", "untyped")

    def __init__(self, kind: Kind, untyped: bool = False) -> None:
        self.kind, self.untyped = kind, untyped


class Blanks:
    """All tensors and storages of one file.

    Attributes:
        tensors: each blank tensor and what is known of it, by the id of the tensor.
        parts: each storage and what it stands for, by its id.
        blocks: by their keys.
    """

    def __init__(self, budget: Budget) -> None:
        self.tensors: dict[int, tuple[Tensor, Blank]] = {}
        self.parts: dict[int, tuple[Any, Part]] = {}
        self.blocks: dict[str, Block] = {}
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._budget = budget

    # ---- storages ----------------------------------------------------------------------------------------------------

    def stored(self, name: Any) -> Any:
        """The storage of a persistent id: ("storage", type, key, location, number of elements), and perhaps a part."""
        what = name[0] if isinstance(name, tuple) and name and type(name[0]) is str else None
        if what != "storage" or len(name) not in (5, 6):
            raise CheckpointError(
                f"its pickle names {'a whole module' if what == 'module' else _shown(name)} where a storage was "
                "expected; only tensors and plain containers are read: save the state_dict() instead"
            )
        _, kind, key, location, count, *view = name
        if not isinstance(kind, StorageType) or type(key) is not str or type(location) is not str or not _count(count):
            raise CheckpointError(f"its pickle describes a storage wrongly: {_shown(name)}")
        block = self.blocks.get(key)
        nbytes = count * kind.kind.itemsize
        if block is None:
            self._budget.charge(200)
            block = self.blocks[key] = Block(key, kind.kind, nbytes)
        elif block.nbytes != nbytes:
            raise CheckpointError(f"its pickle says that storage {key!r} has {block.nbytes} bytes, and {nbytes}")
        start = 0
        if view and view[0] is not None:
            if not isinstance(view[0], tuple) or len(view[0]) != 3 or not all(_count(n) for n in view[0][1:]):
                raise CheckpointError(f"its pickle describes a part of storage {key!r} wrongly")
            _, start, length = view[0]
            if start + length > count:
                raise CheckpointError(f"its pickle names a part of storage {key!r} that lies beyond it")
            count = length
        return self._part(block, kind, start, count)

    def _part(self, block: Block, kind: StorageType, start: int, count: int) -> Any:
        which = (id(block), kind.kind.name, kind.untyped, start, count)
        if which not in self._seen:
            self._budget.charge(800)
            cls = storages.UntypedStorage if kind.untyped else _OF_DTYPE.get(kind.kind.dtype, storages.TypedStorage)
            found = self._seen[which] = object.__new__(cls)
            self.parts[id(found)] = found, Part(block, kind.kind, start, count, kind.untyped)
        return self._seen[which]

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def tensor(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        hooks: Any = None,
        kind: Any = None,
        metadata: Any = None,
    ) -> Tensor:
        """A blank tensor over a storage, of its elements if `kind` is None."""
        _, part = self.parts.get(id(storage), (None, None))
        if part is None:
            raise CheckpointError(f"its pickle makes a tensor of an object of type {type(storage).__name__}")
        if kind is not None and not isinstance(kind, Kind):
            raise CheckpointError(f"its pickle makes a tensor of the dtype {_shown(kind)}")
        if type(requires_grad) is not bool or not (hooks is None or (isinstance(hooks, dict) and not hooks)):
            raise CheckpointError("its pickle has a tensor with backward hooks, which are programs; save it without")
        if not _count(offset) or not _counts(size) or not _counts(stride) or len(size) != len(stride):
            raise CheckpointError(
                f"its pickle has a tensor of size {_shown(size)}, stride {_shown(stride)} and offset {_shown(offset)}"
            )
        if metadata is not None and not _flags(metadata):
            raise CheckpointError(f"its pickle has a tensor with the unknown properties {_shown(metadata)}")
        blank = Blank()
        blank.part, blank.kind, blank.count = part, kind or part.kind, part.count
        if blank.kind is not part.kind:
            if part.start:
                raise CheckpointError("its pickle has a tensor of another dtype in a part of a storage")
            blank.count = part.count * part.kind.itemsize // blank.kind.itemsize
        blank.offset, blank.size, blank.stride = offset, tuple(size), tuple(stride)
        blank.requires_grad, blank.to = requires_grad, blank.kind
        blank.conj, blank.neg = bool((metadata or {}).get("conj")), bool((metadata or {}).get("neg"))
        return self._new(Tensor, blank)

    def of_array(self, values: npt.NDArray[Any], kind: Kind, stored: Kind, requires_grad: bool) -> Tensor:
        """A blank tensor with the values of a numpy array of the elements `stored`, cast to `kind`."""
        data = np.ascontiguousarray(values)
        data = data.astype(data.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8)
        part = self._part(Block("of an array", stored, data.size, data), StorageType(stored), 0, values.size)
        found = self.tensor(part, 0, values.shape, dense(values.shape), requires_grad)
        self.tensors[id(found)][1].to = kind
        return found

    def known(self, t: Any) -> Blank:
        """What is known of `t`. Raises CheckpointError if it is no blank tensor."""
        found = self.tensors.get(id(t))
        if found is None:
            raise CheckpointError(f"its pickle takes an object of type {type(t).__name__} for a tensor")
        return found[1]

    def parameter(self, data: Any, requires_grad: Any) -> Tensor:
        """A blank parameter over the memory of a blank tensor."""
        blank = self.known(data).copy()
        if type(requires_grad) is not bool:
            raise CheckpointError("its pickle has a parameter that is neither to be trained nor not")
        blank.requires_grad = requires_grad
        return self._new(Parameter, blank)

    def like(self, data: Any, cls: type[Tensor]) -> Tensor:
        """A blank tensor of class `cls` over the memory of a blank tensor."""
        return self._new(cls, self.known(data).copy())

    def _new(self, cls: type[Tensor], blank: Blank) -> Tensor:
        self._budget.charge(1500)
        found = object.__new__(cls)
        self.tensors[id(found)] = found, blank
        return found


def _count(n: Any) -> bool:
    return type(n) is int and 0 <= n < 1 << 62


def _counts(numbers: Any) -> bool:
    return isinstance(numbers, (tuple, list)) and len(numbers) <= _DIMS and all(_count(n) for n in numbers)


def _flags(metadata: Any) -> bool:
    return isinstance(metadata, dict) and all(
        type(key) is str and key in ("conj", "neg") and type(value) is bool for key, value in metadata.items()
    )


def _shown(value: Any) -> str:
    """A short text for `value`, whatever that is: the tensors in it have no values to show."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(_shown(v) if not isinstance(v, (tuple, list)) else '...' for v in value[:8])})"
    return repr(value)[:40] if isinstance(value, (str, int, float, type(None))) else type(value).__name__
