"""`lucid.Tensor`: one `mx.array`, PyTorch's methods.

The methods are the functions of `lucid.ops`, bound here by name: one definition, one docstring, full types.
"""

from __future__ import annotations

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lucid import _backward, _tape, _views, creation, dtypes, ops
from lucid._device import device as Device
from lucid._handles import Hooks, RemovableHandle
from lucid._left_out import Absent
from lucid._methods import Methods
from lucid._size import Size
from lucid._tape import Leaf, Node

__all__ = ["Tensor"]

_dtype = dtypes.dtype


class Tensor(Methods, Absent):
    """An n-dimensional array with gradients, stored and computed by MLX.

    `lucid.tensor(data)` makes one from numbers. The constructor is PyTorch's old one: `Tensor(2, 3)` has that shape,
    and `Tensor([1, 2])` those values, in the default dtype.
    """

    __module__ = "lucid"

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        """A tensor of the given sizes, or with the given values, in the default dtype."""
        return creation.legacy.legacy(cls, *args, **kwargs)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(_tape.array(self).shape)

    @property
    def ndim(self) -> _int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def dtype(self) -> _dtype:
        """The type of the elements, such as `lucid.float32`."""
        return dtypes.OF_MX[self._data.dtype]

    @property
    def device(self) -> Device:
        """Where the next operation on this tensor runs."""
        return _views.device_of(self)

    @property
    def itemsize(self) -> _int:
        """The size of one element in bytes."""
        return self._data.itemsize

    @property
    def nbytes(self) -> _int:
        """The size of all elements in bytes."""
        return self._data.nbytes

    @property
    def is_cuda(self) -> _bool:
        """True if operations on this tensor run on a CUDA GPU."""
        return self.device.type == "cuda"

    @property
    def is_mps(self) -> _bool:
        """True if operations on this tensor run on Metal."""
        return self.device.type == "metal"

    is_metal = is_mps

    @property
    def is_cpu(self) -> _bool:
        """True if operations on this tensor run on the CPU."""
        return self.device.type == "cpu"

    def __len__(self) -> _int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(ops.unbind(self, 0))

    def __repr__(self) -> str:
        from lucid import _printing

        return _printing.format_tensor(self)

    def __format__(self, spec: str) -> str:
        from lucid import _printing

        return _printing.format_spec(self, spec)

    # -- gradients -----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> _bool:
        """True if operations on this tensor are recorded for gradients."""
        if self._extra is not None:
            self._extra.refresh(self)
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Have operations on this tensor recorded from here on, or no more.

        Raises RuntimeError for a dtype that is neither floating nor complex, and for switching off what was computed
        from others.
        """
        if requires_grad and self._data.dtype not in dtypes.INEXACT:
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype!r}"
            )
        if not self.is_leaf and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._node is None:
            self._node = Leaf(self)
        elif not requires_grad:
            self._node = None
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor; None for a leaf."""
        if not self.requires_grad or isinstance(self._node, Leaf):
            return None
        node = self._node
        return node.inputs[0] if isinstance(node, _tape.Pick) and node.inputs else node

    @property
    def is_leaf(self) -> _bool:
        """True for a tensor that was not computed from one that requires a gradient."""
        return not self.requires_grad or isinstance(self._node, Leaf)

    @property
    def output_nr(self) -> _int:
        """Which output of its `grad_fn` this tensor is."""
        return self._node.index if isinstance(self._node, _tape.Pick) else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` added up for this leaf, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: expected {self.dtype!r}, got {value.dtype!r}"
                )
            if value.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: expected {self.shape}, got {value.shape}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves it was computed from.

        Args:
            gradient: the cotangent, of this tensor's shape; may be left out for a tensor of one element.
            retain_graph: keep the graph for another backward; default `create_graph`.
            create_graph: record the backward itself, for higher derivatives.
            inputs: a tensor or tensors; only these receive gradients.

        Raises RuntimeError if nothing was recorded, or if the graph was released by an earlier backward.
        """
        _backward.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Have `backward` keep this tensor's gradient in `.grad`, though it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        assert self._node is not None
        if not isinstance(self._node, Leaf):
            self._node.retains = True
            self._node.mark()

    @property
    def retains_grad(self) -> _bool:
        """True if `retain_grad` was called on this tensor and it is not a leaf."""
        return self._node is not None and self._node.retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is computed; a tensor that it returns replaces the gradient."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        assert self._node is not None
        if self._node.hooks is None:
            self._node.hooks = Hooks()
            self._node.mark()
        return RemovableHandle.add(self._node.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after this leaf's `.grad` was updated."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not isinstance(self._node, Leaf):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._node.after is None:
            self._node.after = Hooks()
        return RemovableHandle.add(self._node.after, hook)

    def detach(self) -> Tensor:
        """A tensor over the same memory that requires no gradient: writing to one changes the other."""
        return _views.alias(self)

    def detach_(self) -> Tensor:
        """Cut this tensor off from what it was computed from. Raises RuntimeError for a view."""
        if _views.is_view(self):
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        _tape.escape(self)
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        """This tensor's values without its history, over the same memory.

        Assigning replaces the values, whatever their shape.
        """
        return _views.alias(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: Variable data has to be a tensor, but got {type(value).__name__}")
        if self._node is not None and not value.dtype.is_inexact:
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex dtype, got "
                f"{value.dtype!r}"
            )
        _tape.writing(self)
        _tape.escape(self)
        self._extra = None
        self._data = _tape.array(value)
        self._writes += _views.OTHER_MEMORY
        _views.pin(self, value.device)

    @property
    def _version(self) -> _int:
        """How often this tensor's memory was written in place; views share it."""
        extra = self._extra
        owner = self if extra is None or extra.base is None else extra.base
        return owner._writes % _views.OTHER_MEMORY

    @property
    def _base(self) -> Tensor | None:
        return self._extra.base if _views.is_view(self) else None

    def is_inference(self) -> _bool:
        """False: tensors made in `inference_mode` are ordinary ones here."""
        return False

    # -- values --------------------------------------------------------------------------------------------------------

    def __bool__(self) -> _bool:
        if self._data.size != 1:
            count = "more than one value" if self._data.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {count} is ambiguous; use .any() or .all()")
        return _bool(self.item())

    def __int__(self) -> _int:
        return _int(self._real())

    def __float__(self) -> _float:
        return _float(self._real())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _real(self) -> Any:
        value = self._number()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to a real number without overflow: {value}; use .real")
            return value.real
        return value

    def _number(self) -> Any:
        if self._data.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, got one of {self._data.size} elements"
            )
        return self.item()

    def __index__(self) -> _int:
        if self.dtype.is_inexact or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return _int(self.item())

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray[Any, Any]:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __deepcopy__(self, memo: dict[_int, Any]) -> Tensor:
        if id(self) in memo:
            copied: Tensor = memo[id(self)]
            return copied
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
            )
        new = creation.data.like_copy(self, _tape.array(self))
        memo[id(self)] = new
        if self._grad is not None:
            new._grad = self._grad.__deepcopy__(memo)
        return new

    def __copy__(self) -> Tensor:
        new = self.detach()
        new.__class__ = type(self)  # over the same memory, as in PyTorch
        new.__dict__.update(self.__dict__)
        return new.requires_grad_() if self.requires_grad else new

    def __reduce_ex__(self, protocol: Any) -> Any:
        return creation.data.rebuild, (
            type(self),
            self.numpy(force=True),
            self.dtype,
            self.requires_grad,
            self.__dict__ or None,
        )


_tape._Tensor = Tensor
