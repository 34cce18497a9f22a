"""`Parameter` and `Buffer`: tensors that a module tracks when they are assigned to it."""

from __future__ import annotations

from typing import Any

from lucid.creation import of_class, zeros
from lucid.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


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
