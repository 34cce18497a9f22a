"""Where PyTorch would keep a tensor's elements: sizes, strides and offset into the memory of the tensor that owns it.

MLX arrays have a layout of their own, which is not this one. This one answers `stride()`, `is_contiguous()` and
`storage_offset()`, and says which shapes are views.
"""

from __future__ import annotations

from typing import NamedTuple

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """The geometry of a tensor, in elements."""

    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def contiguous(self) -> bool:
        """True if the elements lie in the order of the dimensions; the stride of one that has one element is free."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size == 0:
                return True
            if size != 1 and stride != step:
                return 0 in self.shape
            step *= size
        return True

    @property
    def repeats(self) -> bool:
        """True if several elements are one and the same, as `expand` makes them."""
        return (
            0 in self.strides
            and 0 not in self.shape
            and any(stride == 0 and size > 1 for size, stride in zip(self.shape, self.strides, strict=True))
        )


def dense(shape: Shape) -> Shape:
    """The strides of a tensor whose elements lie row by row."""
    found = []
    step = 1
    for size in reversed(shape):
        found.append(step)
        step *= size or 1
    return tuple(found[::-1])


def folded(at: Layout, shape: Shape) -> Shape | None:
    """The strides that show the memory of `at` under another shape of as many elements; None if there are none.

    The dimensions of `at` fall into runs whose elements lie at one distance. A run has to be a product of sizes of
    `shape`, from the last one on; within it strides multiply.
    """
    if 0 in shape:
        return at.strides if shape == at.shape else dense(shape)
    sizes, steps = at.shape, at.strides
    strides: list[int] = []
    k, place = len(shape) - 1, len(sizes) - 1
    while place >= 0:
        step, run = steps[place], sizes[place]
        while place > 0 and (sizes[place - 1] == 1 or steps[place - 1] == run * step):
            place -= 1
            run *= sizes[place]
        place -= 1
        covered = 1
        while k >= 0 and (covered < run or shape[k] == 1):
            strides.append(covered * step)
            covered *= shape[k]
            k -= 1
        if covered != run:
            return None
    return (1,) * (k + 1) + tuple(strides[::-1])
