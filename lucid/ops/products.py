"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import binary, number, number_dtype, promote_types, require_tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "dot",
    "ger",
    "inner",
    "kron",
    "matmul",
    "mm",
    "mv",
    "outer",
    "vdot",
]

Product = Callable[[mx.array, mx.array], mx.array]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product. Leading dimensions broadcast; a vector is a row on the left and a column on the right.

    Raises RuntimeError if the sizes do not fit, for 0-dim tensors, and for tensors of two dtypes.

    >>> import lucid
    >>> lucid.matmul(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if isinstance(input, TensorCore) and isinstance(other, TensorCore) and input._data.dtype == other._data.dtype:
        try:
            result: Tensor = apply(_product(input), input, other)
        except (RuntimeError, IndexError) as error:
            raise _unfit(input._data.shape, other._data.shape) or error from None
        return result if out is None else give(result, out, "matmul", exact=True)
    return matmul(*_pair("matmul", input, other, "other"))  # which raises


def _unfit(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError | None:
    """Why shapes `a` and `b` have no product, looked for only when there is none."""
    if not (a and b):
        return RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D")
    if a[-1] != b[-2 if len(b) > 1 else 0]:
        which = "second to last size" if len(b) > 1 else "size"
        return RuntimeError(
            f"matmul: expected the last size of input to be the {which} of other, got shapes {a} and {b}"
        )
    for dim, (p, q) in enumerate(zip(reversed(a[:-2]), reversed(b[:-2]), strict=False)):
        if p != q and 1 not in (p, q):
            return RuntimeError(
                f"matmul: The size of tensor a ({p}) must match the size of tensor b ({q}) at non-singleton dimension "
                f"{max(len(a), len(b)) - 3 - dim}"
            )
    return None


@numpy_names
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, without broadcasting."""
    a, b = _sized("mm", input, mat2, "mat2", 2, 2)
    _fit("mm", a, b, a._data.shape[1] == b._data.shape[0])
    return give(apply(_product(a), a, b), out, "mm", exact=True)


@numpy_names
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products of two batches of matrices: `(b, n, k)` with `(b, k, m)` gives `(b, n, m)`."""
    a, b = _sized("bmm", input, mat2, "mat2", 3, 3)
    _fit("bmm", a, b, a._data.shape[0] == b._data.shape[0] and a._data.shape[2] == b._data.shape[1])
    return give(apply(_product(a), a, b), out, "bmm", exact=True)


@numpy_names
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of a matrix and a vector."""
    a, b = _sized("mv", input, vec, "vec", 2, 1)
    _fit("mv", a, b, a._data.shape[1] == b._data.shape[0])
    return give(apply(_product(a), a, b), out, "mv", exact=True)


@numpy_names
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of the products of two vectors' elements."""
    a, b = _sized("dot", input, tensor, "tensor", 1, 1)
    _fit("dot", a, b, a._data.shape == b._data.shape)
    return give(apply(_product(a), a, b), out, "dot", exact=True)


@numpy_names
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`dot` with the conjugate of `input`."""
    a, b = _sized("vdot", input, other, "other", 1, 1)
    _fit("vdot", a, b, a._data.shape == b._data.shape)
    product = _product(a)
    return give(apply(lambda x, y: product(mx.conjugate(x) if x.dtype == mx.complex64 else x, y), a, b), out, "vdot")


@numpy_names
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products of each element of one vector with each of another: `(n,)` and `(m,)` give `(n, m)`."""
    a, b = _vectors("outer", input, vec2, "vec2")
    return give(_outer(a, b), out, "outer")


ger = outer


def _outer(a: Tensor, b: Tensor) -> Tensor:
    def outer(x: mx.array, y: mx.array) -> mx.array:
        return x[:, None] * y[None, :]

    return binary(outer, a, b)


@numpy_names
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products along the last dimensions: `(2, 3, k)` and `(4, k)` give `(2, 3, 4)`.

    With a 0-dim tensor, this is the plain product.
    """
    a, b = require_tensor("inner", input), require_tensor("inner", other, "other")
    if not (a._data.ndim and b._data.ndim):
        return give(binary(mx.multiply, a, b), out, "inner")
    _pair("inner", a, b, "other")
    if a._data.shape[-1] != b._data.shape[-1]:
        raise RuntimeError(
            "inner: the last dimension must match on both input tensors but got shapes "
            f"{a._data.shape} and {b._data.shape}"
        )
    product, shape = _product(a), a._data.shape[:-1] + b._data.shape[:-1]

    def along_last(x: mx.array, y: mx.array) -> mx.array:
        return product(_rows(x), mx.swapaxes(_rows(y), 0, 1)).reshape(shape)

    return give(apply(along_last, a, b), out, "inner")


def _rows(a: mx.array) -> mx.array:
    rows = 1
    for size in a.shape[:-1]:
        rows *= size
    return a.reshape(rows, a.shape[-1])


@numpy_names
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`; `input` is broadcast, and ignored if `beta` is 0.

    Raises RuntimeError if the sizes do not fit, for tensors of different dtypes, and for a floating `beta` or `alpha`
    with integers.
    """
    a, b = _sized("addmm", mat1, mat2, "mat2", 2, 2)
    _fit("addmm", a, b, a._data.shape[1] == b._data.shape[0])
    return give(_plus_product("addmm", input, a, b, beta, alpha, _same), out, "addmm", exact=True)


@numpy_names
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`; `input` is broadcast, and ignored if `beta` is 0."""
    a, b = _sized("addmv", mat, vec, "vec", 2, 1)
    _fit("addmv", a, b, a._data.shape[1] == b._data.shape[0])
    return give(_plus_product("addmv", input, a, b, beta, alpha, _same), out, "addmv", exact=True)


@numpy_names
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """`beta * input + alpha * outer(vec1, vec2)`; `input` is broadcast, and ignored if `beta` is 0."""
    a, b = _vectors("addr", vec1, vec2, "vec2")
    kinds = [OF_MX[t._data.dtype] for t in (require_tensor("addr", input), a, b)]
    to = promote_types(promote_types(kinds[0], kinds[1]), kinds[2])
    for word, value in (("beta", beta), ("alpha", alpha)):
        if isinstance(value, bool) and to.rank:
            raise RuntimeError(f"addr: boolean {word} is only supported for boolean results, got inputs of {to!r}")
    input, a, b = [t if t._data.dtype == to.mx else apply(_cast(to.mx), t) for t in (input, a, b)]
    return give(_plus_product("addr", input, a, b, beta, alpha, None), out, "addr")


def _cast(to: mx.Dtype) -> Callable[[mx.array], mx.array]:
    return lambda a: a.astype(to)


@numpy_names
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """`beta * input + alpha * (batch1 @ batch2).sum(0)`; `input` is broadcast, and ignored if `beta` is 0."""
    a, b = _sized("addbmm", batch1, batch2, "batch2", 3, 3)
    _fit("addbmm", a, b, a._data.shape[0] == b._data.shape[0] and a._data.shape[2] == b._data.shape[1])
    return give(_plus_product("addbmm", input, a, b, beta, alpha, _batch_sum), out, "addbmm", exact=True)


@numpy_names
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """`beta * input + alpha * (batch1 @ batch2)` for batches; `input` is broadcast, and ignored if `beta` is 0."""
    a, b = _sized("baddbmm", batch1, batch2, "batch2", 3, 3)
    _fit("baddbmm", a, b, a._data.shape[0] == b._data.shape[0] and a._data.shape[2] == b._data.shape[1])
    return give(_plus_product("baddbmm", input, a, b, beta, alpha, _same), out, "baddbmm", exact=True)


def _same(a: mx.array) -> mx.array:
    return a


def _batch_sum(a: mx.array) -> mx.array:
    if a.size == 0:
        return mx.zeros(a.shape[1:], a.dtype)
    return a.sum(0).astype(a.dtype)


def _plus_product(name: str, input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, then: Any) -> Tensor:
    d = OF_MX[a._data.dtype]
    if require_tensor(name, input)._data.dtype != d.mx:
        raise RuntimeError(
            f"{name}: expected input and the matrices in one dtype, got {OF_MX[input._data.dtype]!r} and {d!r}"
        )
    for word, value in (("beta", beta), ("alpha", alpha)):
        if not isinstance(value, (int, float, complex, np.number, np.bool_)):
            raise TypeError(f"{name}(): argument '{word}' must be Number, not {type(value).__name__}")
        if number_dtype(value).rank > max(d.rank, 2 if then is not None else 1):
            raise RuntimeError(f"{name}: for {d!r} inputs, argument {word} must not be {type(value).__name__}")
    product = _product(a)

    def added(base: mx.array, x: mx.array, y: mx.array) -> mx.array:
        found = x[:, None] * y[None, :] if then is None else then(product(x, y))
        shape = found.shape
        if alpha != 1:
            found = found * number(alpha, found.dtype)
        if mx.broadcast_shapes(base.shape, shape) != shape:
            raise ValueError(f"[broadcast_shapes] input of shape {base.shape} does not expand to {shape}.")
        if beta == 0:
            return found
        return (base if beta == 1 else base * number(beta, base.dtype)) + found

    added.__qualname__ = name
    return apply(added, input, a, b)  # type: ignore[no-any-return]


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, multiplied in the order that takes the fewest operations."""
    if not matrices:
        raise RuntimeError("chain_matmul: Expected one or more matrices")
    sizes = []
    for k, m in enumerate(matrices):
        if require_tensor("chain_matmul", m)._data.ndim != 2:
            raise RuntimeError(f"chain_matmul: expected a 2D tensor as argument {k}, got {m._data.ndim}D")
        sizes.append(m._data.shape[0])
    sizes.append(matrices[-1]._data.shape[1])
    return give(cheapest(matrices, sizes), out, "chain_matmul")


def cheapest(matrices: Sequence[Tensor], sizes: list[int]) -> Tensor:
    """The product of `matrices`, of `sizes[k]` rows and `sizes[k + 1]` columns, in the cheapest order."""
    n = len(matrices)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(options)
            cut[i][j] = i + options.index(cost[i][j])

    def part(i: int, j: int) -> Tensor:
        return matrices[i] if i == j else mm(part(i, cut[i][j]), part(cut[i][j] + 1, j))

    return part(0, n - 1)


@numpy_names
def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: `input` with each element replaced by its product with `other`.

    >>> import lucid
    >>> lucid.kron(lucid.tensor([1, 10]), lucid.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    a, b = require_tensor("kron", input), require_tensor("kron", other, "other")
    n = max(a._data.ndim, b._data.ndim)

    def kron(x: mx.array, y: mx.array) -> mx.array:
        left = (1,) * (n - x.ndim) + x.shape
        right = (1,) * (n - y.ndim) + y.shape
        spread = x.reshape([s for size in left for s in (size, 1)]) * y.reshape(
            [s for size in right for s in (1, size)]
        )
        return spread.reshape([p * q for p, q in zip(left, right, strict=True)])

    return give(binary(kron, a, b), out, "kron")


# ---- what the product is computed with -------------------------------------------------------------------------------


def product_for(dtype: mx.Dtype) -> Product:
    """The matrix product for `dtype`: MLX 0.32.4 has none for integers, and a slow one for halves on the CPU."""
    d = OF_MX[dtype]
    if not d.is_inexact:
        return _integer_product
    return _half_product if d.itemsize == 2 and mx.default_device() == mx.cpu else mx.matmul


def _product(a: Tensor) -> Product:
    dtype = a._data.dtype
    return mx.matmul if dtype == mx.float32 else product_for(dtype)


def _half_product(a: mx.array, b: mx.array) -> mx.array:
    return mx.matmul(a.astype(mx.float32), b.astype(mx.float32)).astype(a.dtype)


def _integer_product(a: mx.array, b: mx.array) -> mx.array:
    """The product of integers, wrapping around as PyTorch's does.

    float64 holds every integer below 2**53: one such product if the terms stay below, as 8- and 16-bit numbers do, else
    numbers are cut into pieces of 16 bits whose products are shifted back into place.
    """
    dtype, terms = a.dtype, a.shape[-1]
    if dtype == mx.bool_ and a.size and b.size:
        raise NotImplementedError(
            "matmul: not implemented for bool tensors; convert them to an integer or floating dtype"
        )
    bits = 8 * dtype.size
    with mx.stream(mx.cpu):
        if bits <= 16:
            return _wrapped(_double(a), _double(b), dtype)
        if terms > 2**20:
            half = terms // 2
            cut = b[:half] if b.ndim == 1 else b[..., :half, :]
            rest = b[half:] if b.ndim == 1 else b[..., half:, :]
            return _integer_product(a[..., :half], cut) + _integer_product(a[..., half:], rest)
        a, b = a.astype(mx.int64), b.astype(mx.int64)
        total = None
        pieces = bits // 16
        for i in range(pieces):
            for k in range(pieces - i):
                part = mx.matmul(_piece(a, i), _piece(b, k)).astype(mx.int64)
                shifted = part if i + k == 0 else mx.left_shift(part, 16 * (i + k))
                total = shifted if total is None else total + shifted
        assert total is not None
        return total.astype(dtype)


def _double(a: mx.array) -> mx.array:
    return a.astype(mx.float64)


def _wrapped(a: mx.array, b: mx.array, dtype: mx.Dtype) -> mx.array:
    return mx.matmul(a, b).astype(mx.int64).astype(dtype)


def _piece(a: mx.array, k: int) -> mx.array:
    return mx.bitwise_and(mx.right_shift(a, 16 * k), 0xFFFF).astype(mx.float64)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _pair(name: str, a: Any, b: Any, argument: str) -> tuple[Tensor, Tensor]:
    if not (isinstance(a, TensorCore) and isinstance(b, TensorCore)):
        require_tensor(name, a)
        require_tensor(name, b, argument)
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"{name}: expected both tensors in one dtype, but found {OF_MX[a._data.dtype]!r} and "
            f"{OF_MX[b._data.dtype]!r}; "
            "convert one of them with .to()"
        )
    return a, b


def _sized(name: str, a: Any, b: Any, argument: str, m: int, n: int) -> tuple[Tensor, Tensor]:
    _pair(name, a, b, argument)
    if (a._data.ndim, b._data.ndim) != (m, n):
        raise RuntimeError(
            f"{name}: expected tensors of {m} and {n} dimensions, got shapes {a._data.shape} and {b._data.shape}"
        )
    return a, b


def _vectors(name: str, a: Any, b: Any, argument: str) -> tuple[Tensor, Tensor]:
    require_tensor(name, a), require_tensor(name, b, argument)
    if (a._data.ndim, b._data.ndim) != (1, 1):
        raise RuntimeError(f"{name}: expected two vectors, got shapes {a._data.shape} and {b._data.shape}")
    return a, b


def _fit(name: str, a: Tensor, b: Tensor, fits: bool) -> None:
    if not fits:
        raise RuntimeError(f"{name}: shapes cannot be multiplied: {a._data.shape} and {b._data.shape}")
