"""Weight normalisation as a hook before each call; `lucid.nn.utils.parametrizations.weight_norm` is the newer form."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import mlx.core as mx

from lucid._tape import apply
from lucid._tensor import Tensor
from lucid.nn._top_level.normalisation import norm_except_dim
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, is_lazy

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def scaled(direction: Tensor, norm: Tensor, dim: int) -> Tensor:
    """`direction` with its norms, over all dimensions but `dim`, changed to `norm`; one norm of all of it for -1."""

    def weight_norm(v: mx.array, g: mx.array, length: mx.array) -> mx.array:
        return v * (g / length)

    result: Tensor = apply(weight_norm, direction, norm, norm_except_dim(direction, 2, dim))
    return result


class WeightNorm:
    """The hook that computes a weight from its direction and its norms before each call.

    Args:
        name: of the weight.
        dim: the dimension along which each slice has a norm; -1 for one norm of the whole weight.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight that the parameters of `module` stand for."""
        return scaled(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Replace the parameter `name` of `module` by direction and norms, and register the hook; see `weight_norm`."""
        if any(isinstance(hook, WeightNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                f"weight_norm: the parameter {name!r} is uninitialized; call the lazy module with a first batch before"
            )
        del module._parameters[name]
        module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, 2, hook.dim).detach()))
        module.register_parameter(f"{name}_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight as it is now a parameter again."""
        weight = self.compute_weight(module)
        for name in (self.name, f"{self.name}_g", f"{self.name}_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the weight."""
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Replace a parameter by its norms `<name>_g` and its direction `<name>_v`. Returns `module`.

    The weight is their product, computed before each call (Salimans and Kingma, 2016). PyTorch has deprecated this
    form, so there is a FutureWarning: see `lucid.nn.utils.parametrizations.weight_norm`.

    Args:
        module: the module that has the parameter.
        name: of the parameter.
        dim: the dimension along which each slice has its own norm; None for one norm of the whole weight.

    Raises RuntimeError if it was done before, ValueError for the parameter of a lazy module that was never called.

    >>> import pytest
    >>> from lucid import nn
    >>> with pytest.warns(FutureWarning):
    ...     layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (lucid.Size([40, 1]), lucid.Size([40, 20]))
    """
    warnings.warn(
        "lucid.nn.utils.weight_norm is deprecated as it is in PyTorch; use lucid.nn.utils.parametrizations.weight_norm",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the weight, as it is now, is a parameter again. Returns `module`.

    Raises ValueError if `weight_norm` was not applied to the parameter.
    """
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
