"""Spectral normalisation as a hook before each call; `parametrizations.spectral_norm` is the newer form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from lucid import linalg, ops
from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.nn.functional.normalization import normalize
from lucid.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, is_lazy

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]

M = TypeVar("M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """`weight` as a matrix whose rows are the slices along `dim`."""
    moved = weight.permute(dim, *[d for d in range(weight.ndim) if d != dim]) if dim else weight
    return moved.reshape(moved.shape[0], -1)


def default_dim(module: Module) -> int:
    """The dimension of the output channels of the weight of `module`."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def power_iteration(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float, u_first: bool = False) -> None:
    """Move `u` and `v` closer to the singular vectors of the largest singular value of `matrix`, in place."""
    with no_grad():
        for _ in range(steps):
            if u_first:
                u.copy_(normalize(ops.mv(matrix, v), dim=0, eps=eps))
            v.copy_(normalize(ops.mv(matrix.mH, u), dim=0, eps=eps))
            if not u_first:
                u.copy_(normalize(ops.mv(matrix, v), dim=0, eps=eps))


def random_unit(weight: Tensor, size: int, eps: float) -> Tensor:
    """A random vector of length 1, like `weight`."""
    return normalize(weight.new_empty(size).normal_(0, 1), dim=0, eps=eps)


class SpectralNorm:
    """The hook that divides a weight by its largest singular value before each call.

    The singular value is estimated by power iteration, a few steps at each call in training: the buffers `<name>_u`
    and `<name>_v` hold the singular vectors found so far.

    Args:
        name: of the weight.
        n_power_iterations: steps at each call.
        dim: the dimension whose slices are the rows of the matrix.
        eps: the smallest norm that vectors are divided by.
    """

    _version = 1  # since then the state dict holds `<name>_v`, and not the weight computed from it

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """`weight` as a matrix whose rows are the slices along `dim`."""
        return as_matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight of `module` over its largest singular value."""
        weight: Tensor = getattr(module, f"{self.name}_orig")
        u: Tensor = getattr(module, f"{self.name}_u")
        v: Tensor = getattr(module, f"{self.name}_v")
        if do_power_iteration:
            power_iteration(self.reshape_weight_to_matrix(weight.detach()), u, v, self.n_power_iterations, self.eps)
        return weight / ops.dot(u, ops.mv(self.reshape_weight_to_matrix(weight), v))

    def remove(self, module: Module) -> None:
        """Make the weight as it is now a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the weight, after some steps of the power iteration in training."""
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Replace the parameter `name` of `module`, and register the hooks; see `spectral_norm`."""
        if any(isinstance(hook, SpectralNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                f"spectral_norm: parameter {name!r} is uninitialized; call the lazy module with a first batch before"
            )
        with no_grad():
            rows, columns = hook.reshape_weight_to_matrix(weight).shape
            u, v = random_unit(weight, rows, eps), random_unit(weight, columns, eps)
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.data)  # for those who look at it before the first call
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def singular_vector(self, matrix: Tensor, u: Tensor, sigma: Tensor) -> Tensor:
        """The v for which `u @ matrix @ v` is `sigma`, nearest to what the next power iteration would find."""
        gram = linalg.pinv(matrix.t() @ matrix)
        v = ops.mv(gram, ops.mv(matrix.t(), u))
        return v * (sigma / ops.dot(u, ops.mv(matrix, v)))


class SpectralNormStateDictHook:
    """Writes into the metadata of a state dict that it is of the present form."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = f"{self.fn.name}.version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


class SpectralNormLoadStateDictPreHook:
    """Brings state dicts of PyTorch before 1.0, which hold the computed weight instead of v, into the present form."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        hook = self.fn
        version = local_metadata.get("spectral_norm", {}).get(f"{hook.name}.version")
        if version is not None and version >= 1:
            return
        key = prefix + hook.name
        if version is None and key not in state_dict and all(key + s in state_dict for s in ("_orig", "_u", "_v")):
            return  # of the present form, but the metadata was lost on the way
        missing = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if missing:
            if strict:
                missing_keys += missing
            return
        with no_grad():
            original = state_dict[f"{key}_orig"]
            sigma = (original / state_dict.pop(key)).mean()
            state_dict[f"{key}_v"] = hook.singular_vector(
                hook.reshape_weight_to_matrix(original), state_dict[f"{key}_u"], sigma
            )


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a parameter by its largest singular value before each call. Returns `module`.

    The parameter itself becomes `<name>_orig`; the singular value is estimated by power iteration (Miyato et al.,
    2018), with the vectors in the buffers `<name>_u` and `<name>_v`.

    Args:
        module: the module that has the parameter.
        name: of the parameter.
        n_power_iterations: steps of the power iteration at each call in training.
        eps: the smallest norm that vectors are divided by.
        dim: the dimension of the output channels; by default 1 for transposed convolutions and 0 for all others.

    Raises RuntimeError if it was done before, ValueError if the parameter is None, is one of a lazy module that was
    never called, or if `n_power_iterations` is not positive.

    >>> from lucid import nn
    >>> nn.utils.spectral_norm(nn.Linear(20, 40)).weight_u.shape
    lucid.Size([40])
    """
    SpectralNorm.apply(module, name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the weight, as it is now, is a parameter again. Returns `module`.

    Raises ValueError if `spectral_norm` was not applied to the parameter.
    """
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    for hooks, kind in (
        (module._state_dict_hooks, SpectralNormStateDictHook),
        (module._load_state_dict_pre_hooks, SpectralNormLoadStateDictPreHook),
    ):
        for number, registered in list(hooks.items()):
            if isinstance(registered, kind) and registered.fn.name == name:
                del hooks[number]
    return module
