"""Results with named parts, such as `.values` and `.indices` of `lucid.max(x, dim=0)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "aminmax",
    "cummax",
    "cummin",
    "frexp",
    "geqrf",
    "histogram",
    "histogramdd",
    "kthvalue",
    "linalg_cholesky_ex",
    "linalg_eig",
    "linalg_eigh",
    "linalg_inv_ex",
    "linalg_ldl_factor",
    "linalg_ldl_factor_ex",
    "linalg_lstsq",
    "linalg_lu",
    "linalg_lu_factor",
    "linalg_lu_factor_ex",
    "linalg_qr",
    "linalg_slogdet",
    "linalg_solve_ex",
    "linalg_svd",
    "lu_unpack",
    "max",
    "median",
    "min",
    "mode",
    "nanmedian",
    "qr",
    "slogdet",
    "sort",
    "svd",
    "topk",
    "triangular_solve",
]


def _show(result: Any) -> str:
    parts = [f"{name}={value!r}" for name, value in zip(result._fields, result, strict=True)]
    return f"lucid.return_types.{type(result).__name__}(\n" + ",\n".join(parts) + ")"


class max(NamedTuple):
    """What `lucid.max` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class min(NamedTuple):
    """What `lucid.min` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class aminmax(NamedTuple):
    """What `lucid.aminmax` returns."""

    min: Tensor
    max: Tensor

    def __repr__(self) -> str:
        return _show(self)


class median(NamedTuple):
    """What `lucid.median` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class nanmedian(NamedTuple):
    """What `lucid.nanmedian` along a dimension returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class mode(NamedTuple):
    """What `lucid.mode` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class frexp(NamedTuple):
    """What `lucid.frexp` returns."""

    mantissa: Tensor
    exponent: Tensor

    def __repr__(self) -> str:
        return _show(self)


class kthvalue(NamedTuple):
    """What `lucid.kthvalue` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class sort(NamedTuple):
    """What `lucid.sort` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class topk(NamedTuple):
    """What `lucid.topk` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class cummax(NamedTuple):
    """What `lucid.cummax` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class cummin(NamedTuple):
    """What `lucid.cummin` returns."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return _show(self)


class histogram(NamedTuple):
    """What `lucid.histogram` returns."""

    hist: Tensor
    bin_edges: Tensor

    def __repr__(self) -> str:
        return _show(self)


class histogramdd(NamedTuple):
    """What `lucid.histogramdd` returns."""

    hist: Tensor
    bin_edges: tuple[Tensor, ...]

    def __repr__(self) -> str:
        return _show(self)


class linalg_cholesky_ex(NamedTuple):
    """What `lucid.linalg.cholesky_ex` returns."""

    L: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_inv_ex(NamedTuple):
    """What `lucid.linalg.inv_ex` returns."""

    inverse: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_solve_ex(NamedTuple):
    """What `lucid.linalg.solve_ex` returns."""

    result: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_lu(NamedTuple):
    """What `lucid.linalg.lu` returns."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_lu_factor(NamedTuple):
    """What `lucid.linalg.lu_factor` returns."""

    LU: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_lu_factor_ex(NamedTuple):
    """What `lucid.linalg.lu_factor_ex` returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_ldl_factor(NamedTuple):
    """What `lucid.linalg.ldl_factor` returns."""

    LD: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_ldl_factor_ex(NamedTuple):
    """What `lucid.linalg.ldl_factor_ex` returns."""

    LD: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_slogdet(NamedTuple):
    """What `lucid.linalg.slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return _show(self)


class slogdet(NamedTuple):
    """What `lucid.slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_qr(NamedTuple):
    """What `lucid.linalg.qr` returns."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return _show(self)


class qr(NamedTuple):
    """What `lucid.qr` returns."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return _show(self)


class geqrf(NamedTuple):
    """What `lucid.geqrf` returns."""

    a: Tensor
    tau: Tensor

    def __repr__(self) -> str:
        return _show(self)


class triangular_solve(NamedTuple):
    """What `lucid.triangular_solve` returns."""

    solution: Tensor
    cloned_coefficient: Tensor

    def __repr__(self) -> str:
        return _show(self)


class lu_unpack(NamedTuple):
    """What `lucid.lu_unpack` returns."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_svd(NamedTuple):
    """What `lucid.linalg.svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor

    def __repr__(self) -> str:
        return _show(self)


class svd(NamedTuple):
    """What `lucid.svd` returns."""

    U: Tensor
    S: Tensor
    V: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_eigh(NamedTuple):
    """What `lucid.linalg.eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_eig(NamedTuple):
    """What `lucid.linalg.eig` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return _show(self)


class linalg_lstsq(NamedTuple):
    """What `lucid.linalg.lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor

    def __repr__(self) -> str:
        return _show(self)
