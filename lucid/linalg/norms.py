"""Norms of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lucid.dtypes import dtype
from lucid.ops._arguments import numpy_names
from lucid.ops.norms import matrix_norm_of, vector_norm_of

__all__ = ["matrix_norm", "norm", "vector_norm"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def vector_norm(
    input: Tensor,
    ord: float = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The `ord`-norm of all elements, or of those over `dim`, whatever the shape; its gradient at 0 is 0.

    `ord` is any number, `inf` or `-inf`; 0 counts the elements that are not 0. The result is real. `dtype` converts the
    elements first, to no narrower one. Raises RuntimeError for integers.

    >>> import lucid
    >>> lucid.linalg.vector_norm(lucid.tensor([[3.0, -4.0], [0.0, 1.0]]), ord=1, dim=1)
    tensor([7., 1.])
    """
    return vector_norm_of("linalg.vector_norm", input, ord, dim, keepdim, dtype, out)  # type: ignore[arg-type]


@numpy_names
def matrix_norm(
    input: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of the matrices in the two dimensions `dim`.

    | `ord` | norm |
    | --- | --- |
    | "fro" | the root of the sum of squares |
    | "nuc", 2, -2 | the sum of the singular values, the largest, the smallest |
    | inf, -inf | the largest, the smallest sum of the magnitudes in a row |
    | 1, -1 | the same of columns |

    >>> import lucid
    >>> x = lucid.tensor([[3.0, -4.0], [0.0, 1.0]])
    >>> lucid.linalg.matrix_norm(x, ord=float("inf")), lucid.linalg.matrix_norm(x, ord=1)
    (tensor(7.), tensor(5.))
    """
    return matrix_norm_of("linalg.matrix_norm", input, ord, dim, keepdim, dtype, out)


@numpy_names
def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
) -> Tensor:
    """The `vector_norm` over one dimension, or the `matrix_norm` over two.

    Without `ord` it is the 2-norm of all elements or over `dim`; with `ord` but without `dim` the input itself has to
    be a vector or a matrix.

    >>> import lucid
    >>> lucid.linalg.norm(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    ndim = input._data.ndim
    dims = [dim] if dim is not None and not isinstance(dim, Sequence) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if ord is None:
        return vector_norm_of("linalg.norm", input, 2.0, dims, keepdim, dtype, out)  # type: ignore[arg-type]
    if dims is None:
        if ndim not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D."
            )
        dims = list(range(ndim))
    if len(dims) == 2 or isinstance(ord, str):
        return matrix_norm_of("linalg.norm", input, ord, dims, keepdim, dtype, out)
    return vector_norm_of("linalg.norm", input, ord, dims, keepdim, dtype, out)  # type: ignore[arg-type]
