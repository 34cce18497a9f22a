"""Sums of products written by index: einsum and tensordot."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import promote_types, require_tensor
from lucid.ops.products import product_for

__all__ = ["einsum", "tensordot"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def einsum(*args: Any) -> Tensor:
    """The sum of products that an equation describes, by Einstein's convention.

    Called as `einsum("ij,jk->ik", a, b)`, with a list of operands instead of several, or with sublists of subscripts 0
    to 51: `einsum(a, [0, 1], b, [1, 2], [0, 2])`. An ellipsis stands for the remaining dimensions, which are broadcast.
    A letter that is repeated within one operand takes the diagonal; without `->`, the result has the letters that occur
    once, in alphabetical order.

    Two operands that are multiplied without a sum over both are promoted to one dtype. Raises RuntimeError if they are
    of two dtypes where there is such a sum, and if the equation does not fit the operands.

    >>> import lucid
    >>> lucid.einsum("ij,j->i", lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if not args:
        raise ValueError(
            "einsum: must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts"
        )
    if not isinstance(args[0], str):
        args = _from_sublists(args)
    equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError(
            "einsum: must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts"
        )
    for t in operands:
        require_tensor("einsum", t, "operands")
    terms, result = _parse(equation, [t._data.shape for t in operands])

    def summed(*arrays: mx.array) -> mx.array:
        return _contract(list(arrays), terms, result)

    summed.__qualname__ = "einsum"
    return apply(summed, *operands)  # type: ignore[no-any-return]


def _from_sublists(args: tuple[Any, ...]) -> tuple[Any, ...]:
    def letters(sublist: Any) -> str:
        word = ""
        for s in sublist:
            if s is not Ellipsis and not (isinstance(s, int) and 0 <= s < 52):
                raise ValueError(f"einsum: expected subscripts in the list to be Ellipsis or within [0, 52), got {s!r}")
            word += (
                "..."
                if s is Ellipsis
                else string.ascii_letters[26:][s]
                if s < 26
                else string.ascii_letters[:26][s - 26]
            )
        return word

    operands, words = args[0 : len(args) // 2 * 2 : 2], args[1 : len(args) // 2 * 2 : 2]
    equation = ",".join(letters(w) for w in words)
    if len(args) % 2:
        equation += "->" + letters(args[-1])
    return (equation, *operands)


def _parse(equation: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; dimensions under an ellipsis get letters of their own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    words = left.split(",")
    if len(words) != len(shapes):
        raise RuntimeError(
            f"einsum: {'more' if len(words) < len(shapes) else 'fewer'} operands were provided than "
            "specified in the equation: "
            f"{len(shapes)} for {equation!r}"
        )
    for word in (*words, right):
        plain = word.replace("...", "", 1)
        if any(c not in string.ascii_letters for c in plain):
            raise RuntimeError(
                f"einsum: invalid subscript in {equation!r}; subscripts are letters, with at most one "
                "ellipsis '...' each"
            )
    spare = [chr(0x100 + k) for k in range(64)]  # letters that no equation has
    covered = [len(s) - len(w.replace("...", "")) for w, s in zip(words, shapes, strict=True)]
    for k, (word, shape) in enumerate(zip(words, shapes, strict=True)):
        if covered[k] < 0 or (covered[k] and "..." not in word):
            raise RuntimeError(
                f"einsum: the number of subscripts in the equation ({len(word.replace('...', ''))}) "
                "does not match the number of "
                f"dimensions ({len(shape)}) for operand {k}"
            )
    widest = max((n for n, w in zip(covered, words, strict=True) if "..." in w), default=0)
    terms = [w.replace("...", "".join(spare[widest - n : widest])) for w, n in zip(words, covered, strict=True)]
    if arrow:
        result = right.replace("...", "".join(spare[:widest]))
        known = set("".join(terms))
        for c in result:
            if c not in known:
                raise RuntimeError(
                    f"einsum: output subscript {c} does not appear in the equation for any input operand"
                )
            if result.count(c) > 1:
                raise RuntimeError(f"einsum: output subscript {c} appears more than once in the output")
    else:
        everything = "".join(words).replace("...", "")
        result = "".join(spare[:widest]) + "".join(sorted(c for c in set(everything) if everything.count(c) == 1))
    sizes: dict[str, int] = {}
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        for c, size in zip(term, shape, strict=True):
            if sizes.setdefault(c, size) != size and 1 not in (size, sizes[c]):
                raise RuntimeError(
                    f"einsum: operand {k} has size {size} for subscript {c}, which does not broadcast "
                    f"with {sizes[c]} before"
                )
            sizes[c] = size if sizes[c] == 1 else sizes[c]
            repeated = {s for d, s in zip(term, shape, strict=True) if d == c}
            if len(repeated) > 1:
                raise RuntimeError(
                    f"einsum: subscript {c} is repeated for operand {k} but the sizes don't match, {sorted(repeated)}"
                )
    return terms, result


def _contract(arrays: list[mx.array], terms: list[str], result: str) -> mx.array:
    """The operands contracted from left to right, each pair as one batched matrix product."""
    terms = list(terms)
    for k, a in enumerate(arrays):
        arrays[k], terms[k] = _diagonals(a, terms[k])
    while len(arrays) > 1:
        a, b, *arrays = arrays
        left, right, *terms = terms
        keep = set(result).union(*terms)
        a, left = _sum_out(a, left, set(left) - keep - set(right))
        b, right = _sum_out(b, right, set(right) - keep - set(left))
        made, term = _pairwise(a, left, b, right, keep)
        arrays.insert(0, made)
        terms.insert(0, term)
    a, term = _sum_out(arrays[0], terms[0], set(terms[0]) - set(result))
    return a.transpose([term.index(c) for c in result]) if a.ndim else a


def _diagonals(a: mx.array, term: str) -> tuple[mx.array, str]:
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            k = term.index(c, i + 1)
            a = mx.diagonal(a, 0, i, k)  # which moves the diagonal to the end
            term = term[:i] + term[i + 1 : k] + term[k + 1 :] + c
    return a, term


def _sum_out(a: mx.array, term: str, gone: set[str]) -> tuple[mx.array, str]:
    axes = [k for k, c in enumerate(term) if c in gone]
    if axes:
        shape = [s for k, s in enumerate(a.shape) if k not in axes]
        to = a.dtype if OF_MX[a.dtype].is_inexact else mx.int64
        a = mx.sum(a.astype(to), axes) if a.size else mx.zeros(shape, to)
    return a, "".join(c for c in term if c not in gone)


def _pairwise(a: mx.array, left: str, b: mx.array, right: str, keep: set[str]) -> tuple[mx.array, str]:
    """Two operands as one batched matrix product; `keep` holds the letters that are still needed after it."""
    shared = [c for c in left if c in right]
    size_a, size_b = dict(zip(left, a.shape, strict=True)), dict(zip(right, b.shape, strict=True))
    # a size of 1 against a larger one is summed or dropped on its own side, and the other side's takes its place
    for c in list(shared):
        if size_a[c] != size_b[c]:
            shared.remove(c)
            if size_a[c] == 1:
                a = a.squeeze(left.index(c))
                left = left.replace(c, "")
            else:
                b = b.squeeze(right.index(c))
                right = right.replace(c, "")
    a, left = _sum_out(a, left, {c for c in left if c not in keep and c not in right})
    b, right = _sum_out(b, right, {c for c in right if c not in keep and c not in left})
    batch = [c for c in shared if c in keep]
    inner = [c for c in shared if c not in keep and size_a[c] != 1]  # over a single number there is no sum
    for c in shared:
        if c not in keep and c not in inner:
            a, left = a.squeeze(left.index(c)), left.replace(c, "")
            b, right = b.squeeze(right.index(c)), right.replace(c, "")
    rows, columns = [c for c in left if c not in shared], [c for c in right if c not in shared]
    sizes = {**dict(zip(left, a.shape, strict=True)), **dict(zip(right, b.shape, strict=True))}

    def of(letters: list[str]) -> list[int]:
        return [sizes[c] for c in letters]

    x = a.transpose([left.index(c) for c in batch + rows + inner]) if a.ndim else a
    y = b.transpose([right.index(c) for c in batch + inner + columns]) if b.ndim else b
    term = "".join(batch + rows + columns)
    if not inner:  # nothing to sum: a plain product
        x = x.reshape(of(batch + rows) + [1] * len(columns))
        y = y.reshape(of(batch) + [1] * len(rows) + of(columns))
        if x.dtype != y.dtype:
            to = promote_types(OF_MX[x.dtype], OF_MX[y.dtype]).mx
            x, y = x.astype(to), y.astype(to)
        return x * y, term
    if x.dtype != y.dtype and x.dtype != mx.bool_:  # for which there is no product at all
        raise RuntimeError(
            f"einsum: expected operands of one dtype where {left!r} and {right!r} meet in a sum, but got "
            f"{OF_MX[x.dtype]!r} and {OF_MX[y.dtype]!r}; convert one of them with .to()"
        )
    x = x.reshape([*of(batch), _size(of(rows)), _size(of(inner))])
    y = y.reshape([*of(batch), _size(of(inner)), _size(of(columns))])
    return product_for(a.dtype)(x, y).reshape(of(batch + rows + columns)), term


def _size(sizes: list[int]) -> int:
    total = 1
    for s in sizes:
        total *= s
    return total


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """The sum of products over several dimensions of both tensors.

    Args:
        a: left tensor.
        b: right tensor, of the same dtype.
        dims: how many of the last dimensions of `a` meet the first of `b`, or two lists of dimensions that meet
            pairwise, or these as a
            tensor of two rows.
        out: where to put the result.

    Raises RuntimeError if the sizes of dimensions that meet differ.

    >>> import lucid
    >>> lucid.tensordot(lucid.ones(2, 3), lucid.ones(3, 4), 1).shape
    lucid.Size([2, 4])
    """
    require_tensor("tensordot", a, "a"), require_tensor("tensordot", b, "b")
    left, right = _meeting(dims, a._data.ndim, b._data.ndim)
    if len(left) != len(right):
        raise RuntimeError(
            f"tensordot: both dimension lists should have same length, got {list(left)} and {list(right)}"
        )
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"tensordot: expected tensors of one dtype, got {OF_MX[a._data.dtype]!r} and {OF_MX[b._data.dtype]!r}"
        )
    letters = [chr(0x200 + k) for k in range(a._data.ndim + b._data.ndim)]
    term_a, term_b = letters[: a._data.ndim], letters[a._data.ndim :]
    for i, k in zip(left, right, strict=True):
        p, q = a._data.shape[i], b._data.shape[k]
        if p != q and 1 not in (p, q):
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but first has size {p} in dim {i} "
                f"and second has size {q} in dim {k}"
            )
        term_b[k] = term_a[i]
    terms = ["".join(term_a), "".join(term_b)]
    met = {term_a[i] for i in left}
    result = "".join(c for c in terms[0] + terms[1] if c not in met)

    def contracted(x: mx.array, y: mx.array) -> mx.array:
        return _contract([x, y], terms, result).astype(x.dtype)

    contracted.__qualname__ = "tensordot"
    return give(apply(contracted, a, b), out, "tensordot")


def _meeting(dims: Any, m: int, n: int) -> tuple[Sequence[int], Sequence[int]]:
    if isinstance(dims, TensorCore):
        dims = dims.tolist()
        if not isinstance(dims, int) and len(dims) == 1:
            dims = int(dims[0])
    if isinstance(dims, int):
        if not 0 <= dims <= min(m, n):
            raise RuntimeError(
                "tensordot: expects dims between 0 and the number of dimensions of both tensors "
                f"({min(m, n)}), but got dims={dims}"
            )
        return range(m - dims, m), range(dims)
    if not isinstance(dims, (list, tuple)) or len(dims) != 2:
        raise RuntimeError(f"tensordot: expects dims to be an int or two lists of ints, but got dims={dims!r}")
    left, right = (d if isinstance(d, (list, tuple)) else [d] for d in dims)
    return [wrap_dim(d, m, "tensordot") for d in left], [wrap_dim(d, n, "tensordot") for d in right]
