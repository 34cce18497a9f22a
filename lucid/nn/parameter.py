"""`Parameter` and `Buffer`, the tensors that a module tracks when they are assigned to it, with and without a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from lucid import _tape, dtypes
from lucid._tensor import Tensor
from lucid.creation import empty, zeros
from lucid.creation.data import of_class

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


class Parameter(Tensor):
    """A tensor that is a parameter: assigned to a `Module`, it is found by `parameters()` and saved in the state dict.

    It holds the same array as `data`, but no history: it is a leaf, also inside `no_grad()`. Writing to one of the
    two in place later does not change the other.

    Args:
        data: the values; an empty tensor if left out.
        requires_grad: whether to record operations on it.

    Raises TypeError if `data` is no Tensor, RuntimeError if `requires_grad` is asked of integers.

    >>> import lucid
    >>> lucid.nn.Parameter(lucid.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:  # noqa: D102 - the class says it
        new: Parameter = of_class(cls, _checked(data, cls))
        if requires_grad:
            new.requires_grad_()
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self, self.requires_grad)
        copied: Parameter = memo[id(self)]
        return copied

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is a buffer: assigned to a `Module`, it is found by `buffers()`, moved and cast with the module.

    Args:
        data: the values; an empty tensor if left out.
        persistent: whether it is part of the module's state dict.

    Raises TypeError if `data` is no Tensor.

    >>> import lucid
    >>> module = lucid.nn.Module()
    >>> module.mean = lucid.nn.Buffer(lucid.tensor([1.0, 2.0]))
    >>> list(module.named_buffers())
    [('mean', tensor([1., 2.]))]
    """

    __slots__ = ()

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:  # noqa: D102 - the class says it
        new: Buffer = of_class(cls, _checked(data, cls))
        new.persistent = persistent
        if data is not None and data.requires_grad:
            new.requires_grad_()
        return new


def _checked(data: Any, cls: type) -> Tensor:
    if data is None:
        return zeros(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__}: expected a Tensor, got {type(data).__name__}; write {cls.__name__}(lucid.tensor(data))"
        )
    return data


_SLOT: Any = _tape.Core.__dict__["_data"]


class UninitializedTensorMixin(Tensor):
    """What tensors without a shape have in common: a dtype, a device, and an error for all who want their values."""

    __slots__ = ()

    cls_to_become: type[Tensor] = Tensor

    # Everything that looks at a tensor's values reads `_data`. This property hides the slot of that name, which holds
    # an empty array of the right dtype.
    @property
    def _data(self) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter: this {type(self).__name__} has no shape yet. Call the lazy "
            "module with a first batch, or materialize(shape), before anything else is done with it."
        )

    @_data.setter
    def _data(self, value: Any) -> None:
        _SLOT.__set__(self, value)

    @property
    def _empty(self) -> Tensor:
        """A tensor of no elements, of this dtype, on this device."""
        return zeros(0, device=self.device, dtype=self.dtype)

    @property
    def shape(self) -> Any:
        """None yet: raises RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer: it gets one at the first call of its "
            "module. load_state_dict raises this where the state dict is of a module that was never called and the "
            "model's own was."
        )

    @property
    def dtype(self) -> dtypes.dtype:
        """The type that the elements will have."""
        return dtypes.OF_MX[_SLOT.__get__(self).dtype]

    @property
    def data(self) -> Tensor:
        """A tensor of no elements. Assigning one gives its dtype and device."""
        return self._empty

    @data.setter
    def data(self, value: Tensor) -> None:
        like = value._empty if isinstance(value, UninitializedTensorMixin) else value
        Tensor.data.__set__(self, like)  # type: ignore[attr-defined]

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Have operations recorded once there is a shape, or not."""
        if requires_grad and not self.dtype.is_inexact:
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype!r}"
            )
        if requires_grad != self.requires_grad:
            self._node = _tape.Leaf(self) if requires_grad else None
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """One more of its kind, with another dtype or device."""
        return self._as(self._empty.to(*args, **kwargs))

    def _as(self, like: Tensor) -> Any:
        return type(self)(self.requires_grad and like.dtype.is_inexact, like.device, like.dtype)

    def half(self, *args: Any) -> Any:
        """As float16."""
        return self.to(dtypes.float16)

    def bfloat16(self, *args: Any) -> Any:
        """As bfloat16."""
        return self.to(dtypes.bfloat16)

    def float(self, *args: Any) -> Any:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self, *args: Any) -> Any:
        """As float64."""
        return self.to(dtypes.float64)

    def cpu(self, *args: Any) -> Any:
        """On the CPU."""
        return self.to("cpu")

    def share_memory_(self) -> Any:
        """Raise RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call the module with a first batch before."
        )

    def materialize(self, shape: int | Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary tensor of the given shape, to be filled, in place: the object stays the same.

        Args:
            shape: the sizes of the dimensions.
            device: where to; default where it is.
            dtype: of the elements; default the own one.
        """
        value = empty(shape, device=device or self.device, dtype=dtype or self.dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.data = value

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    def __copy__(self) -> Any:
        return self._as(self._empty)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = self.__copy__()
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, str(self.device), self.dtype), self.__dict__ or None


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc] # only because of __repr__
    """A parameter whose shape is not known yet: a lazy module finds it at its first call.

    Until `materialize(shape)` it has a dtype, a device and `requires_grad`; all else raises ValueError.

    Args:
        requires_grad: whether operations on it will be recorded.
        device: where it will be.
        dtype: of the elements.

    >>> from lucid import nn
    >>> weight = nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    lucid.Size([2, 3])
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:  # noqa: D102
        new: UninitializedParameter = of_class(cls, zeros(0, device=device, dtype=dtype))
        new.requires_grad_(requires_grad)
        return new


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet, see `UninitializedParameter`.

    Args:
        requires_grad: whether operations on it will be recorded.
        device: where it will be.
        dtype: of the elements.
        persistent: whether it is part of the module's state dict.
    """

    __slots__ = ()

    cls_to_become = Buffer

    def __new__(  # noqa: D102 - the class says it
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> UninitializedBuffer:
        new: UninitializedBuffer = of_class(cls, zeros(0, device=device, dtype=dtype))
        new.persistent = persistent
        new.requires_grad_(requires_grad)
        return new

    def _as(self, like: Tensor) -> Any:
        new = super()._as(like)
        new.persistent = self.persistent
        return new


def is_lazy(param: Any) -> TypeGuard[UninitializedTensorMixin]:
    """True for a parameter or buffer that has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
