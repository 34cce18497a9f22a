"""The partial inverse of max pooling, as modules; `modules.pooling` exports them."""

from __future__ import annotations

from collections.abc import Sequence

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.nn.modules.utils import _pair, _single, _triple

_Size = int | Sequence[int]


class _MaxUnpoolNd(Module):
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the elements of (N, C, L) or (C, L) back to where `MaxPool1d` found them. Arguments as in `MaxUnpool2d`."""

    def __init__(self, kernel_size: _Size, stride: _Size | None = None, padding: _Size = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = _single(kernel_size), _single(padding)
        self.stride = _single(kernel_size if stride is None else stride)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Zeros of `output_size`, and `input` at `indices`, the two results of a `MaxPool1d`."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the elements of an input (N, C, H, W) or (C, H, W) back to where `MaxPool2d` found them, among zeros.

    Args:
        kernel_size: what the pooling had, one int or one for each spatial dimension; as are the next two.
        stride: step from window to window; the kernel's size if None.
        padding: around the input of the pooling.

    >>> from lucid import arange, nn
    >>> x = arange(16.0).reshape(1, 4, 4)
    >>> y, where = nn.MaxPool2d(2, return_indices=True)(x)
    >>> nn.MaxUnpool2d(2)(y, where)
    tensor([[[ 0.,  0.,  0.,  0.],
             [ 0.,  5.,  0.,  7.],
             [ 0.,  0.,  0.,  0.],
             [ 0., 13.,  0., 15.]]])
    """

    def __init__(self, kernel_size: _Size, stride: _Size | None = None, padding: _Size = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = _pair(kernel_size), _pair(padding)
        self.stride = _pair(kernel_size if stride is None else stride)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Zeros, and `input` at `indices`, the two results of a `MaxPool2d`.

        `output_size` is the size of its input, of which several give the same output; the smallest such if None.
        """
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the elements of an input (N, C, D, H, W) or (C, D, H, W) back to where `MaxPool3d` found them.

    Arguments as in `MaxUnpool2d`.
    """

    def __init__(self, kernel_size: _Size, stride: _Size | None = None, padding: _Size = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = _triple(kernel_size), _triple(padding)
        self.stride = _triple(kernel_size if stride is None else stride)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Zeros of `output_size`, and `input` at `indices`, the two results of a `MaxPool3d`."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)
