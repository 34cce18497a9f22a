"""`rearrange`: dimensions in another order, split and merged, as a pattern says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lucid.ops import permute, reshape, stack
from lucid.ops._check import is_tensor

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["rearrange"]

Groups = list[list[str]]

_APART = ["..."]  # outside of parentheses: each of the other dimensions for itself


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """`tensor` with its dimensions in the order, split and merged as in `pattern`.

    Args:
        tensor: a tensor, or several of one shape, which are stacked first.
        pattern: the names of its dimensions, `->`, and the same names in the new order. Names in parentheses are one
            dimension, "1" is one of that size, "..." stands for all others, "()" for none.
        axes_lengths: the sizes of named dimensions; one name in each pair of parentheses may be left out.

    Raises ValueError for a pattern that is not understood, or does not fit.

    >>> import lucid
    >>> from lucid.func import rearrange
    >>> rearrange(lucid.zeros(32, 30, 40, 3), "b h w c -> b (c h w)").shape
    lucid.Size([32, 3600])
    >>> rearrange(lucid.zeros(32, 30, 40, 3), "b (h h2) ... c -> (b h2) c h ...", h2=2).shape
    lucid.Size([64, 3, 15, 40])
    """
    found = tensor if is_tensor(tensor) else stack(list(tensor))
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: expected a pattern with one '->', got {pattern!r}")
    shape = tuple(found.shape)
    left, right = (_groups(side, pattern) for side in sides)
    names = [name for group in left for name in group]
    if "..." not in names and any("..." in group for group in right):
        raise ValueError(f"rearrange: '...' is on the right side of {pattern!r} only")
    others = [f"...{k}" for k in range(len(shape) - len(left) + 1)] if "..." in names else []
    left, right = _spelled(left, others), _spelled(right, others)
    names = [name for group in left for name in group]
    wanted = [name for group in right for name in group]
    if sorted(names) != sorted(wanted):
        raise ValueError(f"rearrange: expected the same names on both sides of {pattern!r}")
    unknown = sorted(set(axes_lengths) - set(names))
    if unknown:
        raise ValueError(f"rearrange: {unknown} are no dimensions of {pattern!r}")
    if len(left) != len(shape):
        raise ValueError(f"rearrange: the left side of {pattern!r} has {len(left)} dimensions, the tensor {len(shape)}")
    sizes = dict(axes_lengths)
    for group, size in zip(left, shape, strict=True):
        _measure(group, size, sizes, pattern)
    whole = reshape(found, [sizes[name] for name in names])
    turned = permute(whole, [names.index(name) for name in wanted])
    return reshape(turned, [math.prod(sizes[name] for name in group) for group in right])


def _groups(side: str, pattern: str) -> Groups:
    """The names on one side, those of one dimension together. "1" has none."""
    groups: Groups = []
    inside = False
    seen: set[str] = set()
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word in "()":
            if inside is (word == "("):
                raise ValueError(f"rearrange: the parentheses of {pattern!r} do not match")
            inside = not inside
            if inside:
                groups.append([])
            continue
        name = [] if word == "1" else [word]
        if name and word != "..." and not (word.isidentifier() and word.strip("_") == word):
            raise ValueError(f"rearrange: {word!r} in {pattern!r} is no name, '1' or '...'")
        if word in seen and name:
            raise ValueError(f"rearrange: {word!r} is twice on one side of {pattern!r}")
        seen.add(word)
        if inside:
            groups[-1] += name
        else:
            groups.append(_APART if word == "..." else name)
    if inside:
        raise ValueError(f"rearrange: the parentheses of {pattern!r} do not match")
    return groups


def _spelled(groups: Groups, others: list[str]) -> Groups:
    """`groups` with `others` for "..."."""
    found: Groups = []
    for group in groups:
        if group is _APART:
            found += [[name] for name in others]
        else:
            found.append([one for name in group for one in (others if name == "..." else [name])])
    return found


def _measure(group: list[str], size: int, sizes: dict[str, int], pattern: str) -> None:
    """Note the size of the one name in `group` that has none yet."""
    missing = [name for name in group if name not in sizes]
    known = math.prod(sizes[name] for name in group if name in sizes)
    if len(missing) > 1:
        raise ValueError(f"rearrange: give the sizes of all but one of {missing} in {pattern!r}")
    if size % known if missing else size != known:
        raise ValueError(f"rearrange: a dimension of size {size} is no {' x '.join(group) or 1} of {pattern!r}")
    if missing:
        sizes[missing[0]] = size // known
