"""Max pooling with windows at random places, as modules; `modules.pooling` exports them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.nn.modules.utils import _ntuple

_Size = int | Sequence[int]
_Ratio = float | Sequence[float]


class _FractionalMaxPool(Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]  # noqa: RUF012 - PyTorch's
    kernel_size: tuple[int, ...]
    return_indices: bool
    output_size: tuple[int, ...] | None
    output_ratio: tuple[float, ...] | None
    _random_samples: Tensor | None
    _n: int

    def __init__(
        self,
        kernel_size: _Size,
        output_size: _Size | None = None,
        output_ratio: _Ratio | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        each = _ntuple(self._n)
        self.kernel_size, self.return_indices = each(kernel_size), return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size)
        self.output_ratio = None if output_ratio is None else each(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{type(self).__name__} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"{type(self).__name__}: only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < self.output_ratio[k] < 1 for k in range(self._n)):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest element of each of a given number of windows of an input (N, C, H, W) or (C, H, W).

    The windows lie at random places, drawn at each call (Graham 2014).

    Args:
        kernel_size: size of a window, one int or one for each spatial dimension.
        output_size: how many windows, likewise.
        output_ratio: or their number as a part of the input's size, between 0 and 1.
        return_indices: return the positions of the largest elements too.
        _random_samples: numbers from [0, 1) that decide where the windows lie, shape (N, C, 2); drawn if None.

    Raises ValueError unless exactly one of `output_size` and `output_ratio` is given.

    >>> from lucid import nn, ones
    >>> nn.FractionalMaxPool2d(3, output_ratio=0.5)(ones(20, 16, 50, 32)).shape
    lucid.Size([20, 16, 25, 16])
    """

    _n = 2

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool3d(_FractionalMaxPool):
    """The same for an input (N, C, D, H, W) or (C, D, H, W). Arguments as in `FractionalMaxPool2d`.

    Raises ValueError for a size of windows below 1 too.
    """

    _n = 3

    def __init__(
        self,
        kernel_size: _Size,
        output_size: _Size | None = None,
        output_ratio: _Ratio | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        if any(k <= 0 for k in _ntuple(3)(kernel_size)):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        super().__init__(kernel_size, output_size, output_ratio, return_indices, _random_samples)

    def forward(self, input: Tensor) -> Any:
        """The largest elements, and with `return_indices` their positions."""
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )
