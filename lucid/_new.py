"""New tensors like a given one: `x.new_zeros(...)` and its relatives take dtype and device from `x`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid import creation
from lucid._size import Size
from lucid.ops._dims import shape_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _like(input: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    return {"dtype": input.dtype if dtype is None else dtype, "device": input.device if device is None else device}


def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor holding a copy of `data`, with the dtype and device of this one unless others are named."""
    return creation.tensor(data, requires_grad=requires_grad, pin_memory=pin_memory, **_like(input, dtype, device))


def new(input: Tensor, *args: Any, device: Any = None) -> Tensor:
    """PyTorch's old constructor: `x.new(2, 3)` has that shape, `x.new([1, 2])` those values."""
    if len(args) == 1 and not hasattr(args[0], "__index__") and not isinstance(args[0], Size):
        return new_tensor(input, args[0], device=device)
    return new_empty(input, *(args or (0,)), device=device)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` filled with `fill_value`, with this one's dtype and device unless others are named."""
    return creation.full(
        shape_of((size,), "new_full"),
        fill_value,
        layout=layout,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
        **_like(input, dtype, device),
    )


def new_zeros(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros of the given size, with the dtype and device of this one unless others are named."""
    shape = shape_of(sizes if size is None else (size,), "new_zeros")
    return creation.zeros(
        shape, layout=layout, requires_grad=requires_grad, pin_memory=pin_memory, **_like(input, dtype, device)
    )


def new_ones(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones of the given size, with the dtype and device of this one unless others are named."""
    shape = shape_of(sizes if size is None else (size,), "new_ones")
    return creation.ones(
        shape, layout=layout, requires_grad=requires_grad, pin_memory=pin_memory, **_like(input, dtype, device)
    )


def new_empty(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given size to be filled, with the dtype and device of this one unless others are named."""
    return new_zeros(
        input,
        *sizes,
        size=size,
        dtype=dtype,
        device=device,
        requires_grad=requires_grad,
        layout=layout,
        pin_memory=pin_memory,
    )


def new_empty_strided(
    input: Tensor,
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given size and strides to be filled, with this one's dtype and device unless others are named."""
    return creation.empty_strided(
        size, stride, layout=layout, requires_grad=requires_grad, pin_memory=pin_memory, **_like(input, dtype, device)
    )
