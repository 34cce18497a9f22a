"""Ready-made parametrizations: orthogonal matrices, weight normalisation and spectral normalisation."""

from __future__ import annotations

from typing import Any

from lucid import creation, linalg, ops, random
from lucid._grad_mode import no_grad
from lucid._limits import finfo
from lucid._tensor import Tensor
from lucid.linalg.orthogonal import geqrf
from lucid.nn._top_level.normalisation import norm_except_dim
from lucid.nn.functional.normalization import normalize
from lucid.nn.modules.module import Module
from lucid.nn.utils.parametrize import register_parametrization
from lucid.nn.utils.spectral_norm import as_matrix, default_dim, power_iteration, random_unit
from lucid.nn.utils.weight_norm import scaled

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    eps = 10 * n * finfo(q.dtype).eps
    return ops.allclose(q.mH @ q, creation.eye(k, dtype=q.dtype, device=q.device), atol=eps)


def _make_orthogonal(a: Tensor) -> Tensor:
    """The orthogonal factor of the QR decomposition of `a` whose R has a positive diagonal."""
    x, tau = geqrf(a)
    return linalg.householder_product(x, tau) * ops.sgn(x.diagonal(dim1=-2, dim2=-1)).unsqueeze(-2)


def _tall(x: Tensor) -> Tensor:
    return x.mT if x.shape[-2] < x.shape[-1] else x


class _Orthogonal(Module):
    """Matrices with orthonormal columns, or rows where there are fewer of these, from unconstrained ones.

    `matrix_exp` and `cayley` take the lower triangle of the original for a skew-symmetric matrix A, and exp(A) or
    (I - A/2)^-1 (I + A/2) is orthogonal (Lezcano-Casado and Martínez-Rubio, 2019); `householder` takes it for the
    vectors of reflections, as LAPACK's QR decomposition stores them. With trivialization the result is multiplied by
    the matrix `base`, so that any orthogonal matrix can be assigned: it becomes the base.
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError(
                "The householder parametrization does not support complex tensors; use matrix_exp or cayley"
            )
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """The orthogonal matrix that `X` stands for."""
        q = self._reflected(_tall(X)) if self.orthogonal_map == "householder" else self._rotated(_tall(X))
        if "base" in self._buffers:
            q = self.base @ q
        return q.mT if X.shape[-2] < X.shape[-1] else q

    def _rotated(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        x = x.tril()
        if n != k:
            x = ops.cat([x, x.new_zeros(*x.shape[:-1], n - k)], dim=-1)
        a = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = linalg.matrix_exp(a)
        else:
            identity = creation.eye(n, dtype=a.dtype, device=a.device)
            q = linalg.solve(identity - a / 2, identity + a / 2)
        return q[..., :k] if n != k else q

    def _reflected(self, x: Tensor) -> Tensor:
        a = x.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
        # The diagonal is no part of the reflections: it holds the signs of the columns, and gets no gradient.
        signs = x.detach().diagonal(dim1=-2, dim2=-1).int()
        return linalg.householder_product(a, tau) * signs.unsqueeze(-2)

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What stands for `Q`, which is made orthogonal if it is not.

        Raises ValueError for another shape, NotImplementedError for `matrix_exp` and `cayley` without trivialization.
        """
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        with no_grad():
            if "base" in self._buffers:
                self.base = self._square(_tall(Q))
                # This stands for the identity in all three maps: reflections need the -1, rotations ignore it.
                identity = creation.zeros_like(Q)
                identity.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
                return identity
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            a, tau = geqrf(_tall(Q))
            # With these signs R has a positive diagonal. Where LAPACK leaves out a reflection, its tau is 0; `forward`
            # does none without, so that the sign is the other one.
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.copy_(ops.where(tau == 0, -diagonal.sign(), diagonal.sign()))
            return a.mT if Q.shape[-2] < Q.shape[-1] else a

    @staticmethod
    def _square(q: Tensor) -> Tensor:
        """A square orthogonal matrix whose first columns are those of `q`, made orthogonal."""
        n, k = q.shape[-2:]
        if n != k:
            q = ops.cat([q, random.randn(*q.shape[:-1], n - k, dtype=q.dtype, device=q.device)], dim=-1)
        return q.clone() if _is_orthogonal(q) else _make_orthogonal(q)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix, or a batch of matrices, orthogonal (complex ones unitary). Returns `module`.

    A matrix of more rows than columns has orthonormal columns, one of fewer has orthonormal rows.

    Args:
        module: the module that has the tensor.
        name: of a parameter or buffer of at least two dimensions.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square and complex matrices,
            and the last for others.
        use_trivialization: multiply by a fixed orthogonal matrix, the `base`, which makes optimisation easier, keeps
            the value that the tensor has (made orthogonal) and allows assigning to it.

    Raises ValueError if there is no such tensor, for a vector, for an unknown map, and for "householder" with complex
    matrices.

    >>> import lucid
    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(20, 40))
    >>> lucid.dist(layer.weight.T @ layer.weight, lucid.eye(20)).item() < 1e-4
    True
    """
    weight = _tensor(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)


def _tensor(module: Module, name: str) -> Tensor:
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return found


class _WeightNorm(Module):
    """Norms and directions in the place of a weight."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The directions `weight_v`, with the norms `weight_g`."""
        return scaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The norms of `weight`, and `weight` as its own direction."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a weight by its norms, `original0`, and its direction, `original1`. Returns `module`.

    The weight is their product (Salimans and Kingma, 2016). State dicts of `lucid.nn.utils.weight_norm` can be loaded.

    Args:
        module: the module that has the weight.
        name: of the weight.
        dim: the dimension along which each slice has its own norm; None for one norm of the whole weight.

    Raises ValueError if there is no such tensor.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
    (lucid.Size([40, 1]), lucid.Size([40, 20]))
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        old = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if all(key in state_dict for key in old):
            for k, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{k}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, which power iteration estimates."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % ndim, eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            self.register_buffer("_u", random_unit(weight, matrix.shape[0], eps))
            self.register_buffer("_v", random_unit(weight, matrix.shape[1], eps))
            power_iteration(matrix, self._u, self._v, 15, eps, u_first=True)  # so that the first value is near

    def forward(self, weight: Tensor) -> Tensor:
        """`weight` over its largest singular value; a vector over its length."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        if self.training:
            matrix = as_matrix(weight.detach(), self.dim)
            power_iteration(matrix, self._u, self._v, self.n_power_iterations, self.eps, u_first=True)
        return weight / ops.vdot(self._u, ops.mv(as_matrix(weight, self.dim), self._v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """`value`, which is taken to be normalised."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value. Returns `module`.

    The singular value is estimated by power iteration (Miyato et al., 2018), whose vectors are buffers of the
    parametrization; in training it goes on each time the weight is read. The weight is taken as a matrix with one row
    for each slice along `dim`.

    Args:
        module: the module that has the weight.
        name: of the weight.
        n_power_iterations: steps each time.
        eps: the smallest norm that vectors are divided by.
        dim: the dimension of the output channels; by default 1 for transposed convolutions and 0 for all others.

    Raises ValueError if there is no such tensor, or `n_power_iterations` is not positive, IndexError for a `dim` that
    the weight does not have.

    >>> import lucid
    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
    >>> abs(lucid.linalg.matrix_norm(layer.weight, 2).item() - 1) < 0.2
    True
    """
    weight = _tensor(module, name)
    dim = default_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
