"""`Variable`, by which code from before PyTorch 0.4 asks for gradients. Every tensor is one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from lucid._tensor import Tensor
from lucid.creation.data import tensor

__all__ = ["Variable"]


class variabletype:
    """The type of `Variable`: called with a tensor it makes another over the same numbers; all tensors are instances.

    >>> import lucid
    >>> x = lucid.autograd.Variable(lucid.ones(2), requires_grad=True)
    >>> x, isinstance(x, lucid.autograd.Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """

    __name__ = "Variable"

    def __call__(self, data: Tensor | None = None, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        """A leaf over the numbers of `data`; TypeError for anything but a tensor. `volatile` only warns."""
        if data is not None and not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with lucid.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        return (tensor([]) if data is None else data.detach()).requires_grad_(bool(requires_grad))

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __or__(self, other: Any) -> Any:  # in annotations
        return Union[self, other]  # noqa: UP007

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        return "<class 'lucid.autograd.variable.Variable'>"

    def __reduce__(self) -> str:
        return self.__name__


if TYPE_CHECKING:
    Variable: TypeAlias = Tensor
else:
    Variable = variabletype()
