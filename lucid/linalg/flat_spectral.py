"""What PyTorch has outside of `torch.linalg` of decompositions, powers and products: public as `lucid.<name>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply, wrap
from lucid.dtypes import INEXACT
from lucid.linalg import products, pseudoinverse, singular
from lucid.linalg.powers import matrix_exp, matrix_power
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give_pair
from lucid.ops._promotion import require_tensor
from lucid.ops._spectral import adjoint

__all__ = ["cross", "matrix_exp", "matrix_power", "pinverse", "svd", "vander"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def svd(
    input: Tensor, some: bool = True, compute_uv: bool = True, *, out: tuple[Tensor, Tensor, Tensor] | None = None
) -> return_types.svd:
    """`U`, `S` and `V` with `input = U @ diag(S) @ V.mH`: `lucid.linalg.svd`, which is to be preferred, gives `Vh`.

    Without `some` `U` and `V` are square. Without `compute_uv` they are square and zero.
    """
    if compute_uv:
        u, s, vh = singular.decompose("svd", input, not some)
        return return_types.svd(*give_pair((u, s, apply(adjoint, vh)), out, "svd", exact=True))
    s = singular.svdvals(input)
    *batch, m, n = input._data.shape
    u, v = (wrap(mx.zeros((*batch, k, k), input._data.dtype)) for k in (m, n))
    return return_types.svd(*give_pair((u, s, v), out, "svd", exact=True))


@numpy_names
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse, with singular values below `rcond` times the largest taken as 0: see `lucid.linalg.pinv`."""
    return pseudoinverse.pinv_of("pinverse", input, 0.0, rcond, False)


@numpy_names
def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The cross product along `dim`, by default the first dimension of size 3: see `lucid.linalg.cross`.

    >>> import lucid
    >>> lucid.cross(lucid.tensor([1, 0, 0]), lucid.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if dim is None:
        shape = input._data.shape
        if 3 not in shape:
            raise RuntimeError(f"cross: no dimension of size 3 in input, got shape {shape}")
        dim = shape.index(3)
    return products.cross(input, other, dim=dim, out=out)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix whose columns are the powers `N` - 1 to 0 of the vector `x`, or with `increasing` 0 to `N` - 1.

    `N` is by default the size of `x`. Integers and bools become int64.

    >>> import lucid
    >>> lucid.vander(lucid.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    require_tensor("vander", x, "x")
    if N is not None and (not hasattr(N, "__index__") or isinstance(N, bool)):
        raise TypeError(f"vander(): argument 'N' must be int, not {type(N).__name__}")
    if x._data.ndim != 1:
        raise RuntimeError(f"vander: x must be a one-dimensional tensor, got shape {x._data.shape}")
    count = x._data.shape[0] if N is None else N.__index__()
    if count < 0:
        raise RuntimeError(f"vander: N must be non-negative, got {count}")
    kind = x._data.dtype

    def vander(a: mx.array) -> mx.array:
        found = products.powers(a if kind in INEXACT else a.astype(mx.int64), count)
        return found if increasing or not found.size else found[:, ::-1]

    vander.__qualname__ = "vander"
    return apply(vander, x)  # type: ignore[no-any-return]
