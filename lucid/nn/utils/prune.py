"""Pruning: parameters times a mask of zeros and ones, chosen by one of several methods.

A pruned parameter `weight` is called `weight_orig`, its mask is the buffer `weight_mask`, and a hook sets the attribute
`weight` to their product before each call. Pruning it again prunes more of what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from lucid import creation
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module
from lucid.nn.utils._prune_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    _hooks,
)
from lucid.nn.utils.convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

M = TypeVar("M", bound=Module)


def identity(module: M, name: str) -> M:
    """Give the parameter `name` a mask of ones: nothing is pruned, but it has the form of a pruned one.

    Returns `module`.
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune elements of the parameter `name` at random. Returns `module`.

    Args:
        module: the module that has the parameter.
        name: of the parameter.
        amount: how many elements: a number, or a fraction between 0.0 and 1.0 of those that are left.

    Raises TypeError if `amount` is no number, ValueError if it is negative or too large.

    >>> from lucid import nn
    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(2, 3), "weight", amount=1)
    >>> (layer.weight == 0).sum()
    tensor(1)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: M, name: str, amount: float, importance_scores: Tensor | None = None) -> M:
    """Prune the elements of the parameter `name` that are nearest to 0. Returns `module`.

    Args:
        module: the module that has the parameter.
        name: of the parameter.
        amount: how many elements: a number, or a fraction between 0.0 and 1.0 of those that are left.
        importance_scores: a tensor of the same shape whose smallest elements tell what to prune, instead of the
            parameter.

    Raises TypeError if `amount` is no number, ValueError if it is negative or too large.

    >>> import lucid
    >>> from lucid import nn
    >>> layer = nn.Linear(4, 1)
    >>> with lucid.no_grad():
    ...     _ = layer.weight.copy_(lucid.tensor([[1.0, -4.0, 2.0, -3.0]]))
    >>> nn.utils.prune.l1_unstructured(layer, "weight", amount=0.5).weight.detach()
    tensor([[ 0., -4.,  0., -3.]])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune whole slices of the parameter `name` along `dim` at random. Returns `module`.

    Args:
        module: the module that has the parameter.
        name: of the parameter, which has at least two dimensions.
        amount: how many slices: a number, or a fraction between 0.0 and 1.0 of those that are left.
        dim: the dimension whose slices are channels.

    Raises TypeError if `amount` is no number, ValueError if it is negative or too large or for a vector, IndexError for
    a `dim` that the parameter does not have.
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None) -> M:
    """Prune the slices of the parameter `name` along `dim` that have the smallest n-norms. Returns `module`.

    Args:
        module: the module that has the parameter.
        name: of the parameter, which has at least two dimensions.
        amount: how many slices: a number, or a fraction between 0.0 and 1.0 of those that are left.
        n: which norm, as in `lucid.norm`.
        dim: the dimension whose slices are channels.
        importance_scores: a tensor of the same shape to take the norms of, instead of the parameter.

    Raises TypeError if `amount` is no number, ValueError if it is negative or too large or for a vector, IndexError for
    a `dim` that the parameter does not have.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune the elements of the parameter `name` where `mask` is 0. Returns `module`."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: pairs of a module and the name of a parameter.
        pruning_method: such as `L1Unstructured`; one that prunes elements and not slices.
        importance_scores: tensors to look at instead of the parameters, by pair.
        kwargs: what the method takes, such as `amount`.

    Raises TypeError if `parameters` cannot be iterated over, if `importance_scores` is no dict, and for a method that
    prunes slices.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    if importance_scores is None:
        importance_scores = {}
    elif not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    found: list[Tensor] = [getattr(module, name) for module, name in pairs]
    scores = [importance_scores.get(pair, t) for pair, t in zip(pairs, found, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", creation.ones_like(t)) for (module, name), t in zip(pairs, found, strict=True)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container = PruningContainer()
    container._tensor_name = method._tensor_name = "all"
    container.add_pruning_method(method)
    mask = container.compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    start = 0
    for (module, name), t in zip(pairs, found, strict=True):
        custom_from_mask(module, name, mask[start : start + t.numel()].view_as(t))
        start += t.numel()


def remove(module: M, name: str) -> M:
    """Make pruning permanent: the parameter `name` is an ordinary one again, with zeros in it. Returns `module`.

    Raises ValueError if the parameter was not pruned.
    """
    for number, hook in _hooks(module, name):
        hook.remove(module)
        del module._forward_pre_hooks[number]
        return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """True if some parameter of `module` or of a module in it is pruned.

    >>> from lucid import nn
    >>> layer = nn.Linear(5, 7)
    >>> nn.utils.prune.is_pruned(layer), nn.utils.prune.is_pruned(nn.utils.prune.identity(layer, "weight"))
    (False, True)
    """
    return any(True for found in module.modules() for _ in _hooks(found))
