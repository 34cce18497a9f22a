"""Functions behind modules that `nn.functional` does not have."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from lucid._tape import apply
from lucid._tensor import Tensor
from lucid.nn.functional import _check


class CrossMapLRN2d:
    """What `nn.CrossMapLRN2d` computes, with the `apply` of an autograd function."""

    @staticmethod
    def apply(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> Tensor:
        """`input`, shape (N, C, H, W), divided by `(k + alpha / size * sums)**beta`.

        The sums are those of the squares of neighbouring channels, see `_window`. Raises ValueError for an input of
        other dimensions.
        """
        if _check.floating("CrossMapLRN2d", input).ndim != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.")
        window = _window(input.shape[1], size)

        def cross_map_lrn2d(x: mx.array) -> mx.array:
            wide = x.astype(mx.float32) if x.dtype in _check.HALF else x
            squares = mx.square(wide).transpose(0, 2, 3, 1)
            sums = (squares @ mx.array(window, wide.dtype)).transpose(0, 3, 1, 2)
            return (wide * mx.power(sums * (alpha / size) + k, -beta)).astype(x.dtype)

        return apply(cross_map_lrn2d, input)  # type: ignore[no-any-return]


def _window(channels: int, size: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Which channels (rows) count for which (columns): those nearer than `reach`.

    The first one counts for all: PyTorch (2.13) adds up the squares step by step and forgets to take it out again.
    Networks are trained with that, so it is the same here. PyTorch's gradient is not that of its values (`gradcheck`
    fails); here it is.
    """
    reach = int((size - 1) / 2 + 1)
    row, column = np.indices((channels, channels))
    near = (row - column < reach) & (column - row < reach)
    near[0, reach:] = reach > 0
    return near.astype(np.float32)
