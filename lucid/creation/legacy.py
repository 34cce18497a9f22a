"""PyTorch's first constructors: `Tensor(2, 3)` and, one for each dtype, `FloatTensor`, `LongTensor` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, Union

import mlx.core as mx
import numpy as np

from lucid import _tape, dtypes
from lucid._from_data import from_data
from lucid._size import Size
from lucid._tape import TensorCore
from lucid.creation._place import check_shape, finish
from lucid.creation.data import of_class
from lucid.ops._dims import shape_of
from lucid.ops.conversion import TYPE_NAMES
from lucid.ops.memory_formats import layout, strided

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


def legacy(cls: type[Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """What `Tensor(...)` makes: a tensor of the given sizes, or of the given values, in the default dtype."""
    t = _made("Tensor", dtypes.get_default_dtype(), args, kwargs)
    return t if cls is _tape._Tensor else of_class(cls, t)


def _made(name: str, to: dtypes.dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    device, size = kwargs.pop("device", None), kwargs.pop("size", None)
    if kwargs:
        raise TypeError(f"{name}: unexpected arguments {sorted(kwargs)}; use lucid.tensor(data, dtype=...)")
    if size is not None:
        args = tuple(size)
    elif len(args) == 1 and isinstance(args[0], Size):
        args = tuple(args[0])
    elif len(args) == 1 and (isinstance(args[0], (TensorCore, np.ndarray)) or not hasattr(args[0], "__index__")):
        return _of_values(name, to, args[0], device)
    shape = check_shape(shape_of(args, name) if args or size is not None else (0,), name)
    return finish(mx.zeros(shape, to.mx), device)


def _of_values(name: str, to: dtypes.dtype, data: Any, device: Any) -> Tensor:
    if isinstance(data, TensorCore):
        if data.dtype is not to and name != "Tensor":
            raise TypeError(f"{name}: expected a tensor of {to!r}, got {data.dtype!r}; use .to({to!r})")
        t: Tensor = data.detach()
        return t if device is None else t.to(device)
    if isinstance(data, (dict, str, bytes)) or not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        raise TypeError(f"{name}: data must be a sequence (got {type(data).__name__})")
    flat = getattr(data, "flat", None)  # of a storage
    if isinstance(flat, TensorCore):
        return _of_values(name, to, flat, device)
    return finish(from_data(data, to), device)


class tensortype:
    """The type of tensors of one dtype, such as `lucid.FloatTensor`.

    Called with sizes or with values it makes such a tensor; `isinstance` with it asks for the dtype of a tensor.

    >>> import lucid
    >>> lucid.LongTensor([1, 2]), isinstance(lucid.zeros(2), lucid.FloatTensor)
    (tensor([1, 2]), True)
    """

    layout: layout = strided
    is_cuda = False

    def __init__(self, name: str) -> None:
        self.__name__, self.dtype = name, TYPE_NAMES[name]

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """A tensor of the given sizes, or with the given values."""
        return _made(self.__name__, self.dtype, args, kwargs)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, TensorCore) and instance.dtype is self.dtype

    def __or__(self, other: Any) -> Any:  # in annotations
        return Union[self, other]  # noqa: UP007

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        return f"<class 'lucid.{self.__name__}'>"

    def __reduce__(self) -> str:
        return self.__name__


if TYPE_CHECKING:
    BFloat16Tensor: TypeAlias = Tensor
    BoolTensor: TypeAlias = Tensor
    ByteTensor: TypeAlias = Tensor
    CharTensor: TypeAlias = Tensor
    DoubleTensor: TypeAlias = Tensor
    FloatTensor: TypeAlias = Tensor
    HalfTensor: TypeAlias = Tensor
    IntTensor: TypeAlias = Tensor
    LongTensor: TypeAlias = Tensor
    ShortTensor: TypeAlias = Tensor
else:
    BFloat16Tensor = tensortype("BFloat16Tensor")
    BoolTensor = tensortype("BoolTensor")
    ByteTensor = tensortype("ByteTensor")
    CharTensor = tensortype("CharTensor")
    DoubleTensor = tensortype("DoubleTensor")
    FloatTensor = tensortype("FloatTensor")
    HalfTensor = tensortype("HalfTensor")
    IntTensor = tensortype("IntTensor")
    LongTensor = tensortype("LongTensor")
    ShortTensor = tensortype("ShortTensor")
