"""Index tensors from the user: MLX (0.32.4) reads and writes out of bounds for what is not in range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import _known

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def in_bounds(
    index: Tensor, size: int, message: str, ignore: int | None = None, error: type[Exception] = IndexError
) -> bool:
    """True if all values of `index` are known to lie in [0, size), or to be `ignore`.

    If they are not known, clamp them.

    Raises `error` if they are known not to; `{}` in its `message` stands for the first that is wrong.
    """
    if _known.within(index, 0, size):
        return True
    values = _known.values(index)
    if values is None:
        return False
    if not values.size:
        return True
    least, largest = int(values.min()), int(values.max())
    _known.saw(index, least, largest)
    if least < 0 or largest >= size:
        wrong = (values < 0) | (values >= size)
        if ignore is not None:
            wrong &= values != ignore
        if wrong.any():
            raise error(message.format(values[wrong].flat[0]))
        return False
    return True


def clamped(index: mx.array, size: int) -> mx.array:
    """`index` with every value moved into [0, size): what an operation may safely index with."""
    return mx.clip(index, 0, size - 1)
